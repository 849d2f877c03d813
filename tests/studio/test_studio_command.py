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

SCRIPT = [sys.executable, "-m", "soundsift.cli"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["serve", "--token", "short"], "The token has 5 characters and could be guessed."),
        (["serve", "--token", "x" * 16, "--no-token"], "exclude each other"),
        (["serve", "--host", "0.0.0.0", "--no-token"], "would let every machine"),
        (["serve", "--proxy", "proxy.example"], "is neither an address nor a network"),
        (
            ["serve", "--host", "nowhere.invalid", "--port", "0"],
            "Can't listen on nowhere",
        ),
        (["studio", "missing.wav", "--no-open"], "missing.wav can't be read"),
        (["studio", "text.txt", "--no-open"], "text.txt is neither audio nor video"),
    ],
)
def test_invalid_options_are_reported(
    arguments: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("hello")
    result = CliRunner().invoke(app, [*arguments, "--data", "data"])
    assert result.exit_code == 2
    assert part in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_missing_extra_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
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
    process, said = up(["studio", str(tmp_path / "street.wav"), "--no-open"], tmp_path)
    try:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/open/(\S+)", said)
        assert found is not None
        address, token = found.groups()
        with httpx.Client(base_url=address, follow_redirects=True) as http:
            for path in ("/", "/api/info", "/api/jobs", "/metrics"):
                assert http.get(path).status_code == 401
            assert http.get(f"/open/{token}").headers["content-type"].startswith("text/html")
            opened = http.get("/api/info").json()["opened"]
            assert http.get(f"/api/recordings/{opened}").json()["name"] == "street.wav"
            ((name, session),) = http.cookies.items()
            assert name == f"soundsift_session_{address.rpartition(':')[2]}"
            assert token not in session
        with httpx.Client(base_url=address) as other:
            shown = {"authorization": f"Bearer {token}"}
            assert other.get("/api/jobs", headers=shown).status_code == 200
            assert other.get("/open/guessed").status_code == 403
            assert other.get("/api/jobs").status_code == 401
    finally:
        down(process)


@pytest.mark.slow
def test_a_token_of_the_user_s_own_is_not_printed(tmp_path: Path) -> None:
    token = "a token of the user's own"
    process, said = up(["serve", "--port", "0", "--token", token], tmp_path)
    try:
        assert token not in said
        link = re.search(r"http://127\.0\.0\.1:\d+/open/\S+", said)
        assert link is not None
        address = link[0].partition("/open/")[0]
        with httpx.Client(base_url=address) as http:
            entered = http.get(link[0])
            assert entered.status_code == 303
            assert "httponly" in entered.headers["set-cookie"].lower()
            assert http.get("/api/jobs").status_code == 200
        with httpx.Client(base_url=address) as other:
            assert other.get(link[0]).status_code == 403
            # Forwarded addresses don't count unless a proxy is configured.
            wrong = {"authorization": "Bearer wrong"}
            answers = [
                other.get("/api/jobs", headers=wrong | {"x-forwarded-for": f"10.0.0.{n}"})
                for n in range(12)
            ]
            assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    finally:
        down(process)


@pytest.mark.slow
def test_forwarded_addresses_count_from_a_configured_proxy(tmp_path: Path) -> None:
    token = "a token of the user's own"
    arguments = ["serve", "--port", "0", "--token", token, "--proxy", "127.0.0.1"]
    process, said = up(arguments, tmp_path)
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found is not None
        with httpx.Client(base_url=found[0]) as http:
            wrong = {"authorization": "Bearer wrong"}
            answers = [
                http.get("/api/jobs", headers=wrong | {"x-forwarded-for": f"10.0.0.{n}"})
                for n in range(12)
            ]
            assert [answer.status_code for answer in answers] == [401] * 12
    finally:
        down(process)


@pytest.mark.slow
def test_without_a_token_the_page_is_open(tmp_path: Path) -> None:
    process, said = up(["serve", "--port", "0", "--no-token"], tmp_path)
    try:
        link = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert link is not None
        assert httpx.get(link[0]).status_code == 200
    finally:
        down(process)
