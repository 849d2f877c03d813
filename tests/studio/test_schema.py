"""The API as its own description has it: many requests made from that, right and wrong ones.

Schemathesis makes them and judges the answers: no 5xx but a full queue's, nothing undocumented,
refused what is wrong, everything in its form. None may take forever, or make the server write
outside of its folder.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import film
from processes import server

HERE = Path(__file__).parent / "schema"

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None, reason="Schemathesis is not installed"
)


def ask(folder: Path, *runs: tuple[str, ...]) -> list[str]:
    """What Schemathesis says in runs with these options, all at once; that it found nothing."""
    (folder / "served").mkdir()
    film(folder / "film.mp4")
    with server(folder / "served") as (client, _):
        own = {
            "STUDIO": str(client.http.base_url),
            "STUDIO_FILM": str(folder / "film.mp4"),
            "STUDIO_HOOKS": str(HERE / "hooks.py"),
        }
        command = [sys.executable, "-m", "schemathesis.cli"]
        command += ["--config-file", str(HERE / "schemathesis.toml")]
        command += ["run", f"{client.http.base_url}/api/openapi.json"]
        asking = [
            subprocess.Popen(
                [*command, *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=folder,
                env=os.environ | own,
            )
            for options in runs
        ]
        said = [process.communicate()[0] for process in asking]
        assert client.http.get("/health").json()["status"] == "ok"
        assert not list((folder / "served" / "data" / "partial").iterdir())
    for process, words in zip(asking, said, strict=True):
        assert process.returncode == 0, words
    return said


def asked(said: str) -> int:
    """How many requests were made."""
    found = re.search(r"(\d+) generated", said)
    assert found is not None, said
    return int(found[1])


@pytest.mark.slow
def test_generated_requests(tmp_path: Path) -> None:
    (said,) = ask(tmp_path, ("--generation-deterministic", "--max-examples", "8"))
    assert asked(said) > 500


@pytest.mark.slow
@pytest.mark.hostile
def test_many_generated_requests(tmp_path: Path) -> None:
    runs = [("--seed", str(seed), "--max-examples", "60") for seed in (1, 2, 3)]
    assert sum(map(asked, ask(tmp_path, *runs))) > 4000
