"""Results of two systems, and a test that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyloudnorm", reason="the extra `listening` is not installed")
pytest.importorskip("fastapi", reason="the extra `listening` is not installed")

from tests.evaluation.listening_test.made_results import write_results

from soundsift.evaluation.listening_test.design import TestSettings
from soundsift.evaluation.listening_test.folder import TestFolder
from soundsift.evaluation.listening_test.making import make_test


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_results(tmp_path_factory.mktemp("results"), {"ours": 0.1, "theirs": 0.7})


@pytest.fixture(scope="session")
def made(results: list[Path], tmp_path_factory: pytest.TempPathFactory) -> TestFolder:
    """A test without the headphone check, of one training item, two gold items and a repeat."""
    out = tmp_path_factory.mktemp("made") / "test"
    settings = TestSettings(
        comparisons=4, training=1, gold=2, repeats=1, headphones="off", least_seconds=0.3
    )
    make_test([(None, path) for path in results], out, settings)
    return TestFolder(out)
