"""From unpacked packages to a manifest, on a made-up tree of packages."""

import io
import json
import re
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.config import SAMPLE_RATE
from soundsift.data import decoding
from soundsift.data.bank import Bank
from soundsift.data.captions import Concept, Rules
from soundsift.data.decoding import condition, decode_all, decode_source
from soundsift.data.manifest import write_manifest
from soundsift.data.split import SPLITS


def tone(seconds: float, rate: int, hertz: float = 440, peak: float = 0.5) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def wav(wave: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def picture() -> bytes:
    """What FFmpeg opens, but finds no sound in."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two packages' worth of sounds, whole and damaged."""
    zoo = tmp_path / "packages" / "zoo"
    silence = np.zeros(8000)
    put(zoo / "dog.wav", wav(tone(1.0, 16_000), 16_000))
    stereo = np.stack([tone(0.5, 48_000, peak=0.2), tone(0.5, 48_000, peak=0.4)], axis=1)
    put(zoo / "dog-stereo.wav", wav(stereo, 48_000))
    put(
        zoo / "dog-padded.wav",
        wav(np.concatenate([silence, tone(1, 16_000, 700), silence]), 16_000),
    )
    put(zoo / "dog-copy.wav", (zoo / "dog.wav").read_bytes())
    put(zoo / "dog-silent.wav", wav(silence, 16_000))
    put(zoo / "dog-click.wav", wav(tone(0.02, 48_000), 48_000))
    put(zoo / "dog-text.wav", b"this is no sound at all" * 50)
    put(zoo / "dog-empty.ogg", b"")
    put(zoo / "dog-picture.ogg", picture())
    put(zoo / "nothing-known.wav", wav(tone(0.7, 16_000, 900), 16_000))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("in/cat.wav", wav(tone(0.25, 44_100, 800), 44_100))
        archive.writestr("in/damaged-cat.wav", wav(tone(0.25, 44_100, 850), 44_100))
    data = buffer.getvalue()
    at = data.index(b"in/damaged-cat.wav") + 2000
    put(zoo / "more.zip", data[:at] + b"????" + data[at + 4 :])
    put(zoo / "usr/share/doc/zoo/copyright", b"License: CC0-1.0\n")
    sound = wav(tone(0.4, 22_050, 300), 22_050)
    title = b"Cow\0"
    head = struct.pack("<II", 8, len(sound)) + bytes([len(title)]) + title
    put(tmp_path / "packages/openttd-opensfx/opensfx.cat", head + sound)
    put(tmp_path / "packages/openttd-opensfx/second dog.wav", (zoo / "dog.wav").read_bytes())
    (tmp_path / "clips").mkdir()
    return tmp_path


RULES = Rules(
    concepts={
        "dog barking": Concept(
            "dog barking", "effect", ("animal",), ("a dog",), ("cat meowing", "fox")
        ),
        "cat meowing": Concept("cat meowing", "effect", ("animal",)),
        "cow mooing": Concept("cow mooing", "effect", ("animal",)),
    },
    packages={
        "zoo": [(re.compile("dog"), "dog barking"), (re.compile("cat"), "cat meowing")],
        "openttd-opensfx": [(re.compile("Cow"), "cow mooing"), (re.compile("dog"), "dog barking")],
    },
)


def manifest(folder: Path) -> dict[str, dict[str, object]]:
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return {entry["path"]: entry for entry in map(json.loads, lines)}


@pytest.fixture
def built(folder: Path) -> Path:
    for package in ("openttd-opensfx", "zoo"):
        decode_source(folder, package)
    write_manifest(folder, RULES)
    return folder


def test_what_decodes_and_has_a_caption_is_in_the_manifest_once(built: Path) -> None:
    assert manifest(built).keys() == {
        "opensfx.cat!00 Cow",
        "second dog.wav",  # of the three copies the first, by package and path
        "dog-padded.wav",
        "dog-stereo.wav",
        "more.zip!in/cat.wav",
    }


def test_decoding_counts_what_it_kept(folder: Path) -> None:
    kept = decode_source(folder, "zoo")
    index = json.loads((folder / "clips/zoo.json").read_text())
    assert kept == len(index) == 6  # copies and uncaptioned files are for the manifest to drop
    assert not list((folder / "clips").glob("*.partial"))


@pytest.mark.parametrize(
    ("path", "seconds", "level_db"),
    [
        ("second dog.wav", 1.0, -9.03),
        ("dog-padded.wav", 1.0, -9.03),
        ("dog-stereo.wav", 0.5, -10.46),  # (0.2 + 0.4) / sqrt 2: powers add up
        ("more.zip!in/cat.wav", 0.25, -9.03),
        ("opensfx.cat!00 Cow", 0.4, -9.03),
    ],
)
def test_clips_have_their_duration_and_level(
    built: Path, path: str, seconds: float, level_db: float
) -> None:
    entry = manifest(built)[path]
    assert entry["seconds"] == pytest.approx(seconds, abs=0.01)
    assert entry["samples"] == pytest.approx(seconds * SAMPLE_RATE, abs=0.01 * SAMPLE_RATE)
    assert entry["level_db"] == pytest.approx(level_db, abs=0.2)


def test_clips_carry_licence_caption_and_origin(built: Path) -> None:
    entry = manifest(built)["dog-stereo.wav"]
    assert entry["licence"] == "CC0-1.0"
    assert entry["source"] == "zoo"
    clip = next(c for c in Bank(built, SPLITS).clips if c.path == "dog-stereo.wav")
    assert clip.captions == ("dog barking", "a dog")
    assert clip.groups == ("animal",)
    assert clip.confusable == ("cat meowing",)  # of those named, what the bank holds
    other = manifest(built)["second dog.wav"]
    assert other["licence"] == "see its copyright file"


def test_the_bank_gives_back_what_was_decoded(built: Path) -> None:
    bank = Bank(built, ("train", "validation", "test"))
    clip = next(c for c in bank.clips if c.path == "dog-stereo.wav")
    wave = bank.audio(clip)
    expected = tone(0.5, 48_000, peak=0.6 / 2**0.5)
    assert wave.dtype == np.float32
    assert len(wave) == clip.samples
    # Silent ends are trimmed, so the first sample of the tone may be missing.
    start = 1 if len(wave) < len(expected) else 0
    assert np.abs(wave - expected[start : start + len(wave)]).max() < 1e-3
    assert np.array_equal(bank.audio(clip, 100, 50), wave[100:150])
    assert np.array_equal(bank.audio(clip, clip.samples - 10, 50), wave[-10:])


def test_splits_are_kept_apart(built: Path) -> None:
    splits = {s: {c.path for c in Bank(built, (s,)).clips} for s in ("train", "validation", "test")}
    assert set.union(*splits.values()) == manifest(built).keys()
    assert sum(map(len, splits.values())) == len(manifest(built))


def test_building_decodes_once_and_captions_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "ProcessPoolExecutor", ThreadPoolExecutor)
    decode_all(folder, workers=1)
    assert write_manifest(folder, RULES).total() == 2  # the zoo is no source of ours
    index = folder / "clips" / "openttd-opensfx.json"
    before = index.stat().st_mtime_ns
    decode_all(folder, workers=1)
    assert write_manifest(folder, Rules()).total() == 0
    assert index.stat().st_mtime_ns == before


def test_telephone_prompts_without_a_header_are_decoded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    put(tmp_path / "packages/phone/hello.g722", rng.bytes(8000))  # 64 kbit/s: one second
    (tmp_path / "clips").mkdir()
    assert decode_source(tmp_path, "phone") == 1
    [entry] = json.loads((tmp_path / "clips/phone.json").read_text())
    assert entry["seconds"] == pytest.approx(1.0, abs=0.02)


def test_rendered_stems_bring_their_own_concept(folder: Path) -> None:
    decode_source(folder, "zoo")
    index = folder / "clips/zoo.json"
    [entry, *_] = json.loads(index.read_text())
    rendered = entry | {"path": "program 000/phrase 000", "concept": "cow mooing"}
    index.with_name("zoo.rendered.json").write_text(json.dumps([rendered]))
    index.unlink()
    write_manifest(folder, RULES)
    [(path, clip)] = manifest(folder).items()
    assert (path, clip["source"], clip["concept"], clip["licence"]) == (
        "program 000/phrase 000", "zoo", "cow mooing", "CC0-1.0",
    )  # fmt: skip


def test_conditioning_trims_bounds_and_limits() -> None:
    loud = 3 * np.ones(SAMPLE_RATE, np.float32)
    padded = np.concatenate([np.zeros(500, np.float32), loud, 1e-3 * loud[:100]])
    kept = condition(padded)
    assert kept is not None
    assert len(kept) == SAMPLE_RATE + 100 - 100 * (1e-3 <= 10 ** (-60 / 20))
    assert np.abs(kept).max() == pytest.approx(1.0)
    long = np.ones(100 * SAMPLE_RATE, np.float32)
    long[: 10 * SAMPLE_RATE] = 0.5
    excerpt = condition(long)
    assert excerpt is not None
    assert len(excerpt) == 45 * SAMPLE_RATE
    assert (excerpt == 1.0).all()  # from 10 % into it on


@pytest.mark.parametrize("wave", [[], [0.0] * 9000, [1e-4] * 9000, [np.nan] * 9000, [0.5] * 100])
def test_conditioning_refuses_what_cannot_be_heard(wave: list[float]) -> None:
    assert condition(np.array(wave, np.float32)) is None
