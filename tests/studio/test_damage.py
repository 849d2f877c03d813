"""Damaged media, and files that lie, to every route that takes bytes.

Each is refused with a sentence or taken, and then can be heard, drawn, separated and copied; none
makes the server fail, takes forever or leaves anything behind.
"""

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import soundfile
from clients import JSON, Client, Opens, sound
from damage import DAMAGES, damaged, lies, media

#: Of a request; the decoders' own limit is below it.
MOST_SECONDS = 60.0
REFUSED = (400, 413, 415, 422)
#: What a test may find; all of it is told at the end.
FAILURES = (AssertionError, KeyError, ValueError, soundfile.LibsndfileError)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return media(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def own(opens: Opens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("damage")
    with opens(folder, decode_seconds=10, decoders=2) as client:
        yield client
    # Nobody wrote beside the data.
    assert [path.name for path in folder.iterdir()] == ["data"]


def send(client: Client, name: str, data: bytes, separated: bool = True) -> bool:
    """Send a file, and see to it that it is taken or refused as it should be; which it was.

    Args:
        client: of the server.
        name: of the file.
        data: what is in it.
        separated: whether what is taken is separated, too.
    """
    start = time.monotonic()
    answer = client.upload(data, name)
    assert time.monotonic() - start < MOST_SECONDS
    if answer.status_code == 201:
        listen(client, answer.json(), data)
        if separated:
            separate(client, answer.json())
        assert client.http.delete(f"/api/recordings/{answer.json()['id']}").status_code == 204
    else:
        is_refused(client, answer)
    nothing_is_left(client)
    return bool(answer.status_code == 201)


def nothing_is_left(client: Client) -> None:
    folder = client.studio.storage
    for place in (folder.partial, folder.recordings, folder.jobs, folder.copies):
        assert not list(place.iterdir())


def is_refused(client: Client, answer: Any) -> None:
    """With a sentence."""
    assert answer.status_code in REFUSED, answer.text
    detail = answer.json()["detail"]
    assert detail.endswith("."), detail
    assert "\n" not in detail
    assert len(detail) < 500
    assert str(client.studio.storage.path) not in detail


def listen(client: Client, facts: dict[str, Any], data: bytes) -> None:
    """What was taken is as it was described."""
    url = f"/api/recordings/{facts['id']}"
    samples, rate = soundfile.read(
        io.BytesIO(client.http.get(f"{url}/audio").content), dtype="float32", always_2d=True
    )
    assert (rate, samples.shape[1]) == (facts["sample_rate"], facts["channels"])
    assert len(samples) / rate == pytest.approx(facts["seconds"], abs=1e-6)
    assert np.isfinite(samples).all()
    peaks = client.http.get(f"{url}/peaks?points=50").json()
    assert len(peaks["maximum"]) == facts["channels"]
    if facts["has_video"]:
        assert client.http.get(f"{url}/video").content == data


def separate(client: Client, facts: dict[str, Any]) -> None:
    """What was taken can be worked with."""
    job = client.do(facts["id"])
    assert job["status"] == "done", job
    stem = f"/api/jobs/{job['id']}/stems/target"
    for kind in ("flac", "opus", *["video"] * facts["has_video"]):
        answer = client.http.get(f"{stem}?format={kind}")
        if answer.status_code != 200:
            is_refused(client, answer)
    assert client.http.delete(f"/api/jobs/{job['id']}").status_code == 204


def test_intact_files_are_accepted(own: Client, whole: dict[str, bytes]) -> None:
    assert [name for name, data in whole.items() if not send(own, name, data)] == []


def test_every_mutation_changes_the_file(whole: dict[str, bytes]) -> None:
    rng = np.random.default_rng(0)
    data, other = whole["pcm16.wav"], whole["mp3.mp3"]
    for damage in DAMAGES:
        assert any(damage(data, other, rng) != data for _ in range(5))


def test_false_headers(own: Client, whole: dict[str, bytes]) -> None:
    failed = []
    for name, data in lies(whole).items():
        try:
            send(own, "street.wav", data, separated=False)
        except FAILURES as error:
            failed.append((name, f"{type(error).__name__}: {error}"[:400]))
    assert not failed


def test_damaged_media(own: Client, whole: dict[str, bytes]) -> None:
    damage_and_send(own, whole, seed=0, count=80)


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize("seed", range(1, 9))
def test_much_damaged_media(own: Client, whole: dict[str, bytes], seed: int) -> None:
    damage_and_send(own, whole, seed, count=500)


def test_damaged_forms(own: Client) -> None:
    """Around a file that is whole."""
    rng = np.random.default_rng(0)
    data = sound(0.1)
    form = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="street.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + data + b"\r\n--edge--\r\n"
    )
    head, end = form.index(data), form.index(data) + len(data)
    other = form[:head] + data[:50] + form[end:]
    for number in range(60):
        damage = DAMAGES[number % len(DAMAGES)]
        # Mostly what is around the file.
        body = damage(form, other, rng) if number % 3 == 0 else damage(form[:head], other, rng)
        body += b"" if number % 3 == 0 else data + form[end:]
        kind = {"content-type": "multipart/form-data; boundary=edge"}
        answer = own.http.post("/api/recordings", content=body, headers=kind)
        if answer.status_code == 201:
            own.http.delete(f"/api/recordings/{answer.json()['id']}")
        else:
            is_refused(own, answer)
        nothing_is_left(own)


def test_damaged_requests(own: Client) -> None:
    rng, recording = np.random.default_rng(0), own.recording(0.2)
    asked = {"recording": recording, "text": "a dog barking far away", "spans": [[0.0, 0.1]]}
    right, taken = json.dumps(asked).encode(), 0
    # Not the id, of which hardly anything is right but all of it.
    head = right.index(b'"text"')
    for number in range(200):
        body = right[:head] + DAMAGES[number % len(DAMAGES)](right[head:], right, rng)
        answer = own.http.post("/api/jobs", content=body, headers=JSON)
        if answer.status_code == 202:
            job = own.until(answer.json()["id"], "done", "failed")
            assert own.http.delete(f"/api/jobs/{job['id']}").status_code == 204
            taken += 1
        elif answer.status_code != 404:
            is_refused(own, answer)
    assert 0 < taken < 100
    assert own.http.get("/api/jobs").json() == {"jobs": []}
    assert own.http.delete(f"/api/recordings/{recording}").status_code == 204
    nothing_is_left(own)


def damage_and_send(client: Client, whole: dict[str, bytes], seed: int, count: int) -> None:
    taken, failed, slowest = 0, [], (0.0, "")
    for number, (what, name, data) in enumerate(damaged(whole, seed, count)):
        start = time.monotonic()
        try:
            taken += send(client, name, data, separated=number % 5 == 0)
        except FAILURES as error:
            failed.append((what, f"{type(error).__name__}: {error}"[:400]))
        slowest = max(slowest, (time.monotonic() - start, what))
    print(f"{count} sent, {taken} taken; the slowest {slowest[0]:.2f} s ({slowest[1]})")
    assert not failed
    assert 0.1 < taken / count < 0.9
