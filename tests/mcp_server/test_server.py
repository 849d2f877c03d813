"""Conversations by the SDK's own client."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

import anyio
from mcp import Client, StdioServerParameters
from tests.mcp_server import conversation

from soundsift.listening import HeardSound
from soundsift.mcp_server.edits import Edits
from soundsift.mcp_server.folders import Folders
from soundsift.mcp_server.server import make_server
from soundsift.separation.occurrences import Occurrence

RATE = conversation.RATE


@pytest.fixture
def sounds() -> dict[str, np.ndarray]:
    """A voice below 1 kHz all the time, and a dog above it in the second half of a second."""
    time_ = np.arange(2 * RATE) / RATE
    voice = 0.1 * np.sin(2 * np.pi * 300 * time_)
    dog = 0.2 * np.sin(2 * np.pi * 2500 * time_) * (time_ >= 1.0)
    return {"voice": voice, "dog": dog}


@pytest.fixture
def recording(tmp_path, sounds) -> Path:
    path = tmp_path / "street.wav"
    soundfile.write(path, sounds["voice"] + sounds["dog"], RATE, "PCM_16")
    return path


def si_sdr(estimate: np.ndarray, reference: np.ndarray) -> float:
    scaled = reference * (estimate @ reference) / (reference @ reference)
    return 10 * float(np.log10((scaled @ scaled) / np.sum((estimate - scaled) ** 2)))


@asynccontextmanager
async def talking(server) -> AsyncIterator:
    """Calls tools; the facts that come back, or the sentence of a refusal."""
    async with Client(server) as client:

        async def call(name: str, **arguments):
            result = await client.call_tool(name, arguments)
            text = result.content[0].text
            return text if result.is_error else json.loads(text) | {"_content": result.content}

        call.client = client
        yield call


def run(work, *arguments) -> None:
    anyio.run(work, *arguments)


async def _take_the_dog_out(call, recording: Path, sounds) -> None:
    """ "Take the dog out of this, then give me the voice louder." """
    before = recording.read_bytes()
    first = await call("remove", source=str(recording), sound="dog")
    assert (first["turn"], first["in_force"]) == (1, ["remove dog"])
    second = await call("louder", source=first["session"], sound="voice", db=6.0)
    assert second["in_force"] == ["remove dog", "louder voice by 6 dB"]
    assert second["session"] == first["session"]
    heard, rate = soundfile.read(second["file"])
    assert (rate, len(heard)) == (RATE, 2 * RATE)
    assert si_sdr(heard, sounds["voice"]) > 40
    assert np.std(heard) / np.std(sounds["voice"]) == pytest.approx(10**0.3, rel=1e-3)
    # "No, not louder. And only the dog, please."
    third = await call("undo", session=second["session"])
    assert (third["turn"], third["in_force"]) == (3, ["remove dog"])
    np.testing.assert_array_equal(
        soundfile.read(third["file"])[0], soundfile.read(first["file"])[0]
    )
    dog = await call("separate", source="street.wav", sound="dog")
    assert dog["session"] != first["session"]
    assert si_sdr(soundfile.read(dog["file"])[0], sounds["dog"]) > 40
    shown = await call("show_edit", session=first["session"])
    assert [turn["in_force"] for turn in shown["turns"]] == [True, False, False]
    assert recording.read_bytes() == before


def test_a_conversation(recording, sounds) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            await _take_the_dog_out(call, recording, sounds)

    run(work)


def test_the_same_by_stdio(recording, sounds) -> None:
    async def work() -> None:
        program = StdioServerParameters(
            command=sys.executable,
            args=["-m", "tests.mcp_server.conversation", str(recording.parent)],
            cwd=str(Path(__file__).parents[2]),
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        async with talking(program) as call:
            await _take_the_dog_out(call, recording, sounds)

    run(work)


def test_other_languages(recording) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            done = await call("remove", source=str(recording), sound="cane", language="it")
            assert done["in_force"] == ["remove dog barking"]
            assert done["read_as"] == "'cane' was read as 'dog barking' (Italian)."
            said = await call("listen", source=str(recording), sounds=["la voix", "dog"])
            assert [one["sound"] for one in said["sounds"]] == ["speech", "dog"]
            assert ["read_as" in one for one in said["sounds"]] == [True, False]

    run(work)


def test_what_is_heard_and_when(recording) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            said = await call("listen", source=str(recording), sounds=["dog", "voice", "cow"])
            dog, voice, cow = said["sounds"]
            assert said["seconds"] == 2.0
            assert dog["heard"] == [[pytest.approx(1.0, abs=0.05), pytest.approx(2.0, abs=0.05)]]
            assert voice["heard"][0][1] - voice["heard"][0][0] > 1.9
            assert (dog["confidence"], dog["presence"]) == (0.9, "sure")
            assert (cow["confidence"], cow["presence"]) == (None, None)
            # Powers of 0.005 and 0.01 in 0.015.
            assert voice["level_db"] == pytest.approx(-4.8, abs=0.1)
            assert dog["level_db"] == pytest.approx(-1.8, abs=0.1)
            assert cow["level_db"] < -60 and cow["heard"] == []
            # Listening writes nothing.
            assert [path.name for path in recording.parent.iterdir()] == ["street.wav"]

    run(work)


def test_the_hearing_network_names_sounds(recording) -> None:
    class Detector:
        def listen(self, source, *, progress):
            assert source.samples.shape == (1, 2 * RATE)
            progress(1.0)
            return [HeardSound("rain", 0.875, "sure", (Occurrence(0.5, 1.25, 0.9, True),))]

    folders = Folders([recording.parent], recording.parent / "out")
    edits = Edits(folders, lambda _: conversation.Sieve(), detector=Detector)

    async def work() -> None:
        async with talking(make_server(edits)) as call:
            said = await call("listen", source="street.wav")
            facts = {"confidence": 0.875, "presence": "sure", "heard": [[0.5, 1.25]]}
            assert said["sounds"] == [{"sound": "rain"} | facts]

    run(work)


def test_pictures_are_images(recording) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            found = await call("remove", source=str(recording), sound="dog", picture=True)
            _, image = found["_content"]
            assert image.mime_type == "image/png"
            assert base64.b64decode(image.data).startswith(b"\x89PNG")

    run(work)


def test_the_tools_say_what_they_are(recording) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            tools = {tool.name: tool for tool in (await call.client.list_tools()).tools}
            assert set(tools) == {"listen", "separate", "remove", "louder", "undo", "show_edit"}
            assert tools["listen"].annotations.read_only_hint is True
            for tool in tools.values():
                assert tool.description.endswith(".")
                assert all(
                    "description" in field for field in tool.input_schema["properties"].values()
                )
            assert "dog barking" in call.client.instructions

    run(work)


def test_paths_outside_are_refused(recording, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.wav"
    soundfile.write(outside, np.ones(RATE) * 0.1, RATE)
    inside = recording.parent
    (inside / "link.wav").symlink_to(outside)
    (inside / "folder").symlink_to(outside.parent)

    async def work() -> None:
        async with talking(make_server(conversation.edits(inside))) as call:
            for name in (
                str(outside),
                "link.wav",
                "folder/secret.wav",
                f"../{outside.parent.name}/secret.wav",
                "~/x.wav",
                "/etc/passwd",
            ):
                said = await call("remove", source=name, sound="dog")
                assert "outside the allowed folders" in said, said
            # What does not exist outside is refused in the same words.
            said = await call("remove", source=str(outside.parent / "none.wav"), sound="dog")
            assert "outside the allowed folders" in said
            # A session that names a recording, or a model, elsewhere.
            good = await call("remove", source="street.wav", sound="dog")
            stored = json.loads(Path(good["session"]).read_text())
            for change, words in (
                ({"source": str(outside)}, "outside the allowed folders"),
                ({"model": str(outside.parent)}, "a session of the model"),
            ):
                forged = inside / "forged.edit.json"
                forged.write_text(json.dumps(stored | change))
                assert words in await call("undo", session=str(forged))
            assert sorted(p.name for p in outside.parent.iterdir()) == ["secret.wav"]

    run(work)


def test_mistakes_are_said_in_a_sentence(recording) -> None:
    (recording.parent / "text.wav").write_text("no sound")
    (recording.parent / "bad.edit.json").write_text("{}")

    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            for tool, arguments, words in (
                ("remove", {"source": "none.wav", "sound": "dog"}, "no file"),
                ("remove", {"source": "street.wav"}, "empty"),
                ("remove", {"source": "text.wav", "sound": "dog"}, "text.wav"),
                ("remove", {"source": "street.wav", "sound": "only the voice"}, "voice"),
                ("remove", {"source": "bad.edit.json", "sound": "dog"}, "no edit session"),
                ("separate", {"source": "street.wav", "spans": [[5.0, 6.0]]}, "outside"),
                ("separate", {"source": "street.wav", "spans": [[2.0, 1.0]]}, "ends before"),
                ("louder", {"source": "street.wav", "sound": "dog", "db": 99.0}, "40"),
                ("undo", {"session": "street.wav"}, "nothing to undo"),
                ("listen", {"source": "street.wav", "sounds": []}, "No sound"),
                ("listen", {"source": "street.wav"}, "no hearing network"),
            ):
                said = await call(tool, **arguments)
                assert isinstance(said, str) and words in said, (tool, said)
            assert not (recording.parent / "out").exists()

    run(work)


def test_progress_and_cancel(recording) -> None:
    async def work() -> None:
        async with talking(make_server(conversation.edits(recording.parent))) as call:
            fractions: list[float] = []

            async def note(progress: float, total: float | None, message: str | None) -> None:
                fractions.append(progress / total)

            start = time.monotonic()
            with anyio.move_on_after(1.5) as scope:
                await call.client.call_tool(
                    "remove",
                    {"source": "street.wav", "sound": "slow"},
                    progress_callback=note,
                )
            assert scope.cancelled_caught
            assert fractions == sorted(fractions) and 2 < len(fractions) < 60
            assert not (recording.parent / "out").exists()
            # It ended soon: the next call does not wait for the ten seconds.
            found = await call("remove", source="street.wav", sound="dog")
            assert found["turn"] == 1
            assert time.monotonic() - start < 8

    run(work)


def test_http_needs_the_token(recording, sounds) -> None:
    from starlette.testclient import TestClient

    from soundsift.mcp_server.http import make_app
    from soundsift.studio.settings import Settings

    token = "a-token-of-some-length"
    settings = Settings(data=recording.parent, token=token)
    app = make_app(make_server(conversation.edits(recording.parent)), settings)
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    with TestClient(app, base_url="http://127.0.0.1:8600") as http:
        assert http.post("/mcp", json=request, headers=accept).status_code == 401
        wrong = accept | {"authorization": "Bearer wrong"}
        assert http.post("/mcp", json=request, headers=wrong).status_code == 401
        right = accept | {"authorization": f"Bearer {token}"}
        assert http.post("/mcp", json=request, headers=right).status_code != 401
        other = right | {"host": "evil.example"}
        assert http.post("/mcp", json=request, headers=other).status_code == 421
        other = right | {"origin": "http://evil.example"}
        assert http.post("/mcp", json=request, headers=other).status_code == 403


def test_the_command_by_http(recording) -> None:
    """`soundsift mcp --http` as users start it; the model is loaded by the first separation."""
    import httpx2 as httpx
    from mcp.client.streamable_http import streamable_http_client

    command = ["-m", "soundsift.cli", "mcp", "--allow", str(recording.parent), "--http"]
    process = subprocess.Popen(
        [sys.executable, *command, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = re.search(r"http://\S+", process.stdout.readline()).group()
        name, _, value = process.stdout.readline().removeprefix("Header: ").strip().partition(": ")

        async def work() -> None:
            async with httpx.AsyncClient(headers={name: value}, timeout=60) as http:
                transport = streamable_http_client(url, http_client=http)
                async with talking(transport) as call:
                    said = await call("show_edit", session="street.wav")
                    assert said["turns"] == []
                    said = await call("remove", source="/etc/passwd", sound="dog")
                    assert "outside the allowed folders" in said

        run(work)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
