"""A released model end to end: a tiny one in the published form, against the authors' sound."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.checkpoints.tiny import fixture, write_model, write_tokenizer
from tests.released import DATA, RATE, TINY_VISION, write_released
from torch import Tensor

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.models.waveform_codec import WaveformCodec
from soundsift.prompts import Prompt
from soundsift.sampling.solvers import schedule
from soundsift.sampling.windows import WindowLayout
from soundsift.segmentation import follow_object
from soundsift.segmentation.files import write_track
from soundsift.separation import pipeline
from soundsift.separation.conditioning import PromptInputs
from soundsift.separation.request import SamplingPlan
from soundsift.separation.separator import Separator
from soundsift.spans import Span
from soundsift.video import Box, Point, VisualPrompt

pytest.importorskip("transformers", reason="the released models need the extra `released`")


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    return load_file(DATA / "sam_tiny_separate.safetensors")


@pytest.fixture(scope="module", autouse=True)
def tiny_vision() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")


@pytest.fixture(scope="module")
def separator(folder: Path) -> Separator:
    return soundsift.load(folder, device="cpu", precision="float32")


def cosine(ours: np.ndarray, theirs: Tensor) -> float:
    found = torch.from_numpy(ours).flatten().double()
    return float(torch.cosine_similarity(found, theirs.flatten().double(), dim=0))


def relative(ours: np.ndarray, theirs: Tensor) -> float:
    return float((torch.from_numpy(ours).flatten() - theirs).norm() / theirs.norm())


# Frames 1 to 3 are marked +, frames 5 to 7 -; the rest is open.
SPANS = (Span(0.04, 0.16), Span(0.2, 0.32, False))


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.9999), ("bfloat16", 0.999)])
def test_the_authors_sound(
    folder: Path,
    published: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    least: float,
) -> None:
    """16 midpoint steps with all three kinds of prompt, from their noise: wave for wave."""
    separator = soundsift.load(folder, device="cpu", precision=precision)
    monkeypatch.setattr(pipeline, "_noise", lambda *_: iter([published["in.noise"][:1]]))
    inputs = PromptInputs(Prompt("w83 w19", SPANS), published["out.video_features"][0].T)
    codec = separator.model.codec
    assert isinstance(codec, WaveformCodec)
    codec.messages = published["in.wm_message"][:2]
    plan = SamplingPlan(
        schedule(16, "midpoint"), WindowLayout.overlapping(500, 125), temperature=1.0, seed=0
    )
    with torch.inference_mode():
        waves = iter([published["in.wav0"][None]])
        pieces = list(
            pipeline.separate_waves(separator.model, waves, [inputs], plan, lambda _: None)
        )
    stems = torch.cat(pieces, dim=-1)[0, :, 0].numpy()
    for stem, name in zip(stems, ("target0", "residual0"), strict=True):
        theirs = published[f"out.{name}"][: stem.shape[-1]]
        assert cosine(stem, theirs) > least
        if precision == "float32":
            assert relative(stem, theirs) < 1e-3


def noise(channels: int, samples: int) -> np.ndarray:
    draw = np.random.default_rng(0).standard_normal((channels, samples))
    return (0.1 * draw).astype(np.float32)


def test_generated_stems_have_the_recordings_form(separator: Separator) -> None:
    mixture = noise(2, 20_000)
    result = separator.separate(mixture, sample_rate=44_100, text="w83", preset="draft")
    assert result.target.shape == result.residual.shape == mixture.shape
    assert result.settings["solver"] == "midpoint" and result.settings["steps"] == 4
    # Generated, not cut out; and each channel has an estimate of its own.
    assert np.abs(result.target + result.residual - mixture).max() > 1e-3
    assert not np.allclose(result.target[0], result.target[1], atol=1e-3)


def test_channels_share_their_noise(separator: Separator) -> None:
    mono = noise(1, 9600)
    both = np.concatenate([mono, mono])
    alone = separator.separate(mono, sample_rate=RATE, text="w83", preset="draft").target
    result = separator.separate(both, sample_rate=RATE, text="w83", preset="draft").target
    np.testing.assert_allclose(result[0], result[1], atol=1e-6)
    np.testing.assert_allclose(result[0], alone[0], atol=1e-4)


def test_consistent_stems_add_up_and_keep_the_image(separator: Separator) -> None:
    mono = noise(1, 20_000)
    mixture = np.concatenate([mono, 0.25 * mono])
    result = separator.separate(
        mixture, sample_rate=RATE, text="w83", preset="draft", consistent=True
    )
    np.testing.assert_allclose(result.target + result.residual, mixture, atol=1e-7)
    np.testing.assert_allclose(result.target[1], 0.25 * result.target[0], atol=1e-6)
    share = np.square(result.target).sum() / np.square(mixture).sum()
    assert 0.01 < share < 0.99


@pytest.mark.parametrize("consistent", [False, True])
def test_windows_are_followed_together(
    separator: Separator, monkeypatch: pytest.MonkeyPatch, consistent: bool
) -> None:
    """Stems of a long recording, encoded and decoded block by block, against all at once."""
    model, frames = separator.model, 131
    if consistent:
        model = model.consistent()
    wave = torch.from_numpy(noise(1, frames * 1920 - 700))[None]
    inputs = [PromptInputs(Prompt("w7 w44", (Span(0.5, 1.0),)))]
    results = []
    for most, piece, block in ((1, 1000, 20), (8, frames * 1920, 500)):
        # The noise comes in these blocks, too.
        given = torch.randn(1, 200, 16, generator=torch.Generator().manual_seed(0))
        monkeypatch.setattr(pipeline, "_noise", lambda *_, noise=given: iter([noise]))
        monkeypatch.setattr(pipeline, "_BLOCK", block)
        monkeypatch.setattr(pipeline, "_windows_at_a_time", lambda *_, most=most: most)
        plan = SamplingPlan(schedule(3, "midpoint"), WindowLayout.overlapping(40, 12), 1.0, 0)
        with torch.inference_mode():
            pieces = pipeline.separate_waves(
                model, iter(wave.split(piece, dim=-1)), inputs, plan, lambda _: None
            )
            results.append(torch.cat(list(pieces), dim=-1))
    assert results[0].shape == (1, 1 if consistent else 2, 1, frames * 1920 - 700)
    torch.testing.assert_close(results[0], results[1], atol=1e-4, rtol=1e-4)


def test_several_sounds_are_each_as_if_alone(separator: Separator) -> None:
    mixture = noise(2, 9600)
    first, second = separator.separate_many(
        mixture, ["w83", Prompt("w7", (Span(0.1, 0.2),))], sample_rate=RATE, preset="draft"
    )
    alone = separator.separate(
        mixture, sample_rate=RATE, text="w7", spans=[(0.1, 0.2)], preset="draft"
    )
    np.testing.assert_allclose(second.target, alone.target, atol=1e-4)
    assert not np.allclose(first.target, second.target, atol=1e-3)


def test_marks_are_hidden_only_when_asked_for(folder: Path, separator: Separator) -> None:
    mixture = noise(1, 9600)
    request = {"sample_rate": RATE, "text": "w83", "preset": "draft"}
    plain = separator.separate(mixture, **request).target  # type: ignore[arg-type]
    marked = [
        soundsift.load(folder, device="cpu", precision="float32", watermark_seed=seed)
        .separate(mixture, **request)  # type: ignore[arg-type]
        .target
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(marked[0], marked[1])
    assert not np.array_equal(marked[0], marked[2])
    assert not np.array_equal(marked[0], plain)


def test_eyes_are_opened_only_when_needed(folder: Path, tmp_path: Path) -> None:
    separator = soundsift.load(folder, device="cpu", precision="float32")
    video = tmp_path / "square.mp4"
    _write_video(video)
    request = {"text": "w83", "preset": "draft"}
    built = []
    vision_encoder = separator.model.vision_encoder
    assert vision_encoder is not None
    counted = replace(separator.model, vision_encoder=lambda: built.append(1) or vision_encoder())
    separator = Separator(separator.config, counted)
    blind = separator.separate(video, **request).target  # type: ignore[arg-type]
    assert not built
    results = [
        separator.separate(
            video,
            visual=VisualPrompt(boxes=(Box.parse(box),)),
            **request,  # type: ignore[arg-type]
        ).target
        for box in ("0,0,0.5,1", "0.5,0,0.5,1")
    ]
    assert len(built) == 2
    assert not np.allclose(results[0], blind, atol=1e-4)
    assert not np.allclose(results[0], results[1], atol=1e-4)


def test_predicted_spans_are_like_spans_by_hand(folder: Path, tmp_path: Path) -> None:
    """The predictor beside the model is loaded when asked, and its spans steer the model."""
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    _, config, weights = fixture("pe_a_frame_tiny")
    # Untrained: a bias in the middle of what it says of this noise makes it hear some frames.
    weights["logit_bias"] = weights["logit_bias"] * 0 - 0.85
    write_model(copy / "span_predictor", config, weights)
    write_tokenizer(copy / "span_predictor", 120, "w1 $A w1")
    mixture = noise(2, 96_000)
    request: dict[str, Any] = {"sample_rate": RATE, "text": "w83", "preset": "draft"}
    separator = soundsift.load(copy, device="cpu", precision="float32")
    plain = separator.separate(mixture, **request)
    predicted = separator.separate(mixture, predict_spans=True, **request)
    spans = [Span(**span) for span in predicted.settings["spans"]]
    assert predicted.settings["spans_predicted"] and not plain.settings["spans_predicted"]
    assert 0 < sum(span.end - span.start for span in spans) < 1.9
    assert not np.allclose(predicted.target, plain.target, atol=1e-4)
    by_hand = separator.separate(mixture, spans=spans, **request)
    np.testing.assert_array_equal(predicted.target, by_hand.target)
    # Marks by hand are left as they are.
    kept = separator.separate(mixture, spans=[(0.1, 0.2)], predict_spans=True, **request)
    assert kept.settings["spans"] == [{"start": 0.1, "end": 0.2, "positive": True}]


def test_a_predictor_that_is_missing_is_named(separator: Separator) -> None:
    with pytest.raises(soundsift.SoundsiftError, match="facebook/pe-a-frame-large"):
        separator.separate(noise(1, 9600), sample_rate=RATE, text="w83", predict_spans=True)


def test_a_click_is_as_good_as_the_masks_it_gives(folder: Path, tmp_path: Path) -> None:
    separator = soundsift.load(folder, device="cpu", precision="float32")
    video = tmp_path / "square.mp4"
    _write_video(video)
    request: dict[str, Any] = {"text": "w83", "preset": "draft"}
    point = Point(0.2, 10, 20)
    clicked = separator.separate(video, visual=VisualPrompt(points=(point,)), **request)
    track = follow_object(video, [point])
    masks = write_track(track, video, tmp_path, "square", overlay=False)["masks"]
    by_file = separator.separate(video, visual=VisualPrompt(masks=masks), **request)
    np.testing.assert_array_equal(clicked.target, by_file.target)
    assert 0.4 < np.mean([mask.mean() for mask in track.masks()]) < 0.6  # the bright half
    other = separator.separate(video, visual=VisualPrompt(points=(Point(0.2, 50, 20),)), **request)
    assert not np.allclose(clicked.target, other.target, atol=1e-4)


def _write_video(path: Path) -> None:
    """Half a second: noise, and a picture that is bright on the left."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 220
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(5):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(noise(1, RATE // 2), "fltp", "mono")
        frame.sample_rate = RATE
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "checkpoint.pt").unlink(), "checkpoint.pt"),
        (lambda folder: (folder / "checkpoint.pt").write_bytes(b"junk"), "not a file of weights"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "config.json").write_text("{}"), "not the configuration"),
        (lambda folder: _change(folder, "transformer.output.weight", None), "output.weight"),
        (lambda folder: _change(folder, "memory_proj.weight", torch.zeros(64, 31)), "expected"),
        (lambda folder: _change(folder, "extra.weight", torch.zeros(1)), "extra.weight"),
    ],
)
def test_damaged_models(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    spoil(copy)
    with pytest.raises(soundsift.SoundsiftError, match=message):
        soundsift.load(copy, device="cpu")


def _change(folder: Path, name: str, value: Tensor | None) -> None:
    weights = torch.load(folder / "checkpoint.pt", weights_only=True)
    weights.pop(name, None)
    if value is not None:
        weights[name] = value
    torch.save(weights, folder / "checkpoint.pt")


def test_a_checkpoint_cannot_run_code(folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    torch.save({"trap": Trap()}, copy / "checkpoint.pt")
    with pytest.raises(soundsift.SoundsiftError, match=r"checkpoint\.pt"):
        soundsift.load(copy, device="cpu")
    assert not (tmp_path / "trapped").exists()


def test_models_that_were_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(soundsift.SoundsiftError, match="hf download facebook/sam-audio-small"):
        soundsift.load("facebook/sam-audio-small")
