"""`soundsift studio` and `soundsift serve`."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import httpx2 as httpx
from clients import sound

from soundsift.cli import app, requirements
from soundsift.studio.security import COOKIE

SCRIPT = [sys.executable, "-m", "soundsift.cli"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["serve", "--token", "short"], "the token has 5 characters; at least 16 were expected"),
        (["serve", "--host", "nowhere.invalid", "--port", "0"], "can't be listened at"),
        (["studio", "missing.wav", "--no-browser"], "missing.wav can't be read"),
        (["studio", "text.txt", "--no-browser"], "text.txt is neither audio nor video"),
    ],
)
def test_bad_starts_end_in_a_sentence(
    arguments: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("hello")
    result = CliRunner().invoke(app, [*arguments, "--data", "data"])
    assert result.exit_code == 2
    assert part in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2
    assert "pip install 'soundsift[studio]'" in result.stderr


def up(arguments: list[str], folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*SCRIPT, *arguments, "--data", str(folder / "data"), "--device", "cpu"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "http" not in said:
        line = process.stdout.readline()
        assert line, "it has ended"
        said += line
    return process, said


def down(process: subprocess.Popen[str]) -> None:
    process.terminate()
    start = time.monotonic()
    process.wait(30)
    assert time.monotonic() - start < 20
    process.stdout.close()  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_studio_opens_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "street.wav").write_bytes(sound(1.0))
    process, said = up(["studio", str(tmp_path / "street.wav"), "--no-browser"], tmp_path)
    try:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?recording=(\w{64})", said)
        assert found is not None
        with httpx.Client(base_url=found[1]) as http:
            assert http.get("/api/info").json()["opened"] == found[2]
            assert http.get(f"/api/recordings/{found[2]}").json()["name"] == "street.wav"
            assert http.get("/").headers["content-type"].startswith("text/html")
    finally:
        down(process)


@pytest.mark.slow
def test_others_need_the_token(tmp_path: Path) -> None:
    process, said = up(["serve", "--host", "0.0.0.0", "--port", "0"], tmp_path)
    try:
        token = said.split("The token is ")[1].split()[0]
        link = re.search(r"http://127\.0\.0\.1:\d+/open/\S+", said)
        assert link is not None
        address = link[0].partition("/open/")[0]
        with httpx.Client(base_url=address) as http:
            assert http.get("/api/jobs").status_code == 401
            shown = {"authorization": f"Bearer {token}"}
            assert http.get("/api/jobs", headers=shown).status_code == 200
            entered = http.get(link[0])
            assert entered.status_code == 303
            assert "httponly" in entered.headers["set-cookie"].lower()
            assert http.cookies[COOKIE].strip('"') == token
            assert http.get("/api/jobs").status_code == 200
        with httpx.Client(base_url=address) as other:
            assert other.get(link[0]).status_code == 403
            assert other.get("/api/jobs").status_code == 401
    finally:
        down(process)
