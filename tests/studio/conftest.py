"""A studio without a model."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# Workers are spawned, and import the engine by its name.
sys.path.insert(0, str(Path(__file__).parent))

from clients import ADDRESS, Client, Opens


@pytest.fixture(scope="session")
def opens() -> Opens:
    """Opens a studio in a folder, with limits of its own, and closes it."""
    from halves import Halves
    from starlette.testclient import TestClient

    from soundsift.studio.app import make_app
    from soundsift.studio.limits import Limits
    from soundsift.studio.server import Studio
    from soundsift.studio.settings import Settings

    @contextmanager
    def opened(
        folder: Path, engine: Any = None, models: dict[str, str] | None = None, **limits: Any
    ) -> Iterator[Client]:
        own: dict[str, Any] = {
            "seconds": 20.0,
            "decoders": 1,
            "decode_seconds": 20,
            "reserve_bytes": 0,
        }
        # Tests ask more often than people.
        own |= {"requests_per_second": 1e4, "burst": 10_000}
        settings = Settings(
            folder / "data",
            limits=Limits(**own | limits),
            models=models or {"default": "default"},
        )
        studio = Studio(settings, [engine or Halves(folder)])
        with TestClient(make_app(studio), base_url=ADDRESS) as http:
            yield Client(http, studio)

    return opened


@pytest.fixture(scope="session")
def client(opens: Opens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A studio that all tests share; none may count on an empty history."""
    with opens(tmp_path_factory.mktemp("studio")) as opened:
        yield opened
