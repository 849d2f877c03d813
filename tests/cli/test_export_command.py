"""`soundsift export`: what is refused before anything is computed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Run

pytest.importorskip("onnxscript")


@pytest.mark.parametrize("command", [("onnx", "--output"), ("page",)])
def test_a_folder_of_something_else(
    run: Run, tmp_path: Path, one_sentence: Callable[..., None], command: tuple[str, ...]
) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose")
    one_sentence(run("export", *command, tmp_path), str(tmp_path), "--overwrite")
    one_sentence(run("export", *command, tmp_path, "--overwrite"), "not written by an export")
    assert (tmp_path / "thesis.txt").read_text() == "do not lose"


def test_another_runtime(run: Run, tmp_path: Path, one_sentence: Callable[..., None]) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    one_sentence(run("export", "page", tmp_path / "site", "--runtime", other), "SHA-512")
    assert [path.name for path in tmp_path.iterdir()] == ["other.tgz"]


def test_no_such_model(run: Run, tmp_path: Path, one_sentence: Callable[..., None]) -> None:
    result = run("export", "onnx", "--output", tmp_path / "new", "--model", "no-such-model")
    one_sentence(result, "no-such-model")
    assert not (tmp_path / "new").exists()
