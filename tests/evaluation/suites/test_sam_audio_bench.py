import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.errors import SoundsiftError
from soundsift.evaluation.suites.sam_audio_bench import open_suite

RATE = 48_000


def line(video: str, start: float, end: float, **more: object) -> dict[str, object]:
    return {
        "video_id": video,
        "source_dataset": "vgg",
        "start_offset": start,
        "end_offset": end,
        "spans": [[0.5, 1.0]],
        "description": f"sound of {video}",
        "mask_bytes": None,
        "paper_eval_sets": ["others-50:text-only", "others-50:text+span"],
    } | more


@pytest.fixture
def data(tmp_path: Path) -> Path:
    masks = io.BytesIO()
    np.savez(masks, video_masklet=np.ones((2, 4, 4), np.uint8))
    encoded = base64.b64encode(masks.getvalue()).decode()
    sets = ["others-onscreen-50:visual-only"]
    lines = [
        line("whole", 2.0, 4.0),
        line("cutms", 1.5, 3.5),
        line("cuts", 7.0, 9.0),
        line("padded", 1.25, 3.25),
        line("absent", 0.0, 2.0),
        line("seen", 0.0, 2.0, mask_bytes=encoded, paper_eval_sets=sets),
    ]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    folder = tmp_path / "vgg"
    folder.mkdir()
    ramp = np.repeat(np.arange(6) / 10 + 0.1, RATE)
    stereo = np.stack([ramp, ramp + 0.1], axis=1)
    # Media are MP4 in name; any sound that FFmpeg reads will do here.
    soundfile.write(folder / "whole.mp4", stereo, RATE, format="WAV", subtype="FLOAT")
    for name in ("cutms_1500_3500", "cuts_7_9", "padded.00001250_00003250", "seen"):
        cut = stereo[: 2 * RATE]
        soundfile.write(folder / f"{name}.mp4", cut, RATE, format="WAV", subtype="FLOAT")
    return tmp_path


def test_media_are_found_under_four_names_and_the_rest_is_listed(data: Path) -> None:
    suite = open_suite(data)
    assert suite.ids == ("0000", "0001", "0002", "0003", "0005")
    assert suite.missing == ("vgg/absent",)
    whole = suite.load("0000")
    # Seconds 2 to 4 of the whole video, channels averaged.
    assert whole.mixture.shape == (1, 2 * RATE)
    assert whole.mixture[0, [100, -100]] == pytest.approx([0.35, 0.45], abs=1e-4)
    # A file that is cut is not cut again.
    assert suite.load("0001").mixture[0, 100] == pytest.approx(0.15, abs=1e-4)


def test_subsets_say_what_systems_are_told(data: Path) -> None:
    text = open_suite(data, "others-50:text-only").load("0000").asks[0]
    assert (text.text, text.spans) == ("sound of whole", ())
    both = open_suite(data, "others-50:text+span").load("0000").asks[0]
    assert [(span.start, span.end) for span in both.spans] == [(0.5, 1.0)]
    visual = open_suite(data, "others-onscreen-50:visual-only")
    assert visual.ids == ("0005",)
    item = visual.load("0005")
    assert (item.asks[0].text, item.extra["masks"].shape) == (None, (2, 4, 4))
    assert item.video is not None
    with pytest.raises(SoundsiftError, match=r"no subset 'x'. Use one of others-50:text"):
        open_suite(data, "x")


def test_scores_need_no_answer(data: Path) -> None:
    suite = open_suite(data, "others-50:text-only")
    item = suite.load("0000")
    output = np.zeros_like(item.mixture)
    output[:, RATE // 2 : RATE] = 0.1 * np.random.default_rng(0).normal(size=RATE // 2)
    scores = suite.score(item, {"target": output})
    assert set(scores) == {"span_iou", "span_recall", "span_precision"}
    assert scores["span_recall"] == 1.0
    assert scores["span_iou"] > 0.9


def test_no_table_no_media_and_bad_lines_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SoundsiftError, match=r"neither table\.jsonl nor a Parquet"):
        open_suite(tmp_path / "empty")
    (tmp_path / "empty" / "table.jsonl").write_text('{"video_id": "a"}\n')
    with pytest.raises(SoundsiftError, match="line 1: source_dataset"):
        open_suite(tmp_path / "empty")
    (tmp_path / "empty" / "table.jsonl").write_text(json.dumps(line("absent", 0, 2)) + "\n")
    with pytest.raises(SoundsiftError, match="none of the 1 recordings"):
        open_suite(tmp_path / "empty")
