import subprocess
from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.evaluation.systems import environment
from soundsift.evaluation.systems.environment import (
    environment_folder,
    find_environment,
    make_environment,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_another_pin_is_another_environment() -> None:
    first = environment_folder("x", ("numpy==2.4.6",))
    assert first != environment_folder("x", ("numpy==2.4.5",))
    assert first != environment_folder("x", ("numpy==2.4.6",), "url@1")
    assert first == environment_folder("x", ("numpy==2.4.6",))


def test_an_unfinished_environment_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip's failure leaves nothing that could be taken for complete."""
    calls: list[list[str]] = []

    def run(command: list[str], name: str) -> str:
        calls.append(command)
        if "install" in command and len(calls) < 4:
            raise SoundsiftError("no network")
        return "numpy==2.4.6\n"

    monkeypatch.setattr(environment, "_run", run)
    monkeypatch.setattr(environment.Path, "write_text", _write, raising=True)
    with pytest.raises(SoundsiftError, match="no network"):
        make_environment("x", ("numpy==2.4.6",))
    assert find_environment("x", ("numpy==2.4.6",)) is None
    made = make_environment("x", ("numpy==2.4.6",))
    assert made.packages == ("numpy==2.4.6",)
    before = len(calls)
    assert make_environment("x", ("numpy==2.4.6",)) == made
    assert len(calls) == before


def _write(path: Path, text: str, **_: object) -> int:
    """As pip's environment would have been made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return len(text)


@pytest.mark.slow
def test_a_real_environment_with_a_clone(cache: Path) -> None:
    repository = cache / "repository"
    git = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    (repository / "code.py").write_text("x = 1\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], check=True)
    rev_parse = [*git, "rev-parse", "HEAD"]
    commit = subprocess.run(rev_parse, check=True, capture_output=True, text=True).stdout.strip()
    made = make_environment("x", (), f"file://{repository}@{commit}")
    assert made.source is not None
    assert (made.source / "code.py").read_text() == "x = 1\n"
    done = subprocess.run([made.python, "-c", "import soundsift"], check=False, capture_output=True)
    assert done.returncode  # apart from ours
    with pytest.raises(SoundsiftError, match=r"environment of y could not be made: .*no-such-file"):
        make_environment("y", ("no-such-file.whl",))
