"""Synthetic clips and scenes: what is said of them is what they show."""

from pathlib import Path

import numpy as np
import pytest

from soundsift.data.bank import Bank
from soundsift.errors import SoundsiftError
from soundsift.evaluation import click_clips
from soundsift.evaluation.click_clips import make_clip, overlap, read_objects, write_clip
from soundsift.evaluation.clicked_scenes import RATE, SceneKind, make_scene
from soundsift.video import read_video


def test_clips_follow_from_their_number() -> None:
    first, again, other = make_clip(4, frames=3), make_clip(4, frames=3), make_clip(5, frames=3)
    assert np.array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, other.pictures)
    assert (first.event, make_clip(1, frames=1).event) == ("none", "occlusion")


def test_masks_are_where_the_object_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(2, frames=12)
    shown = clip.masks.any((1, 2))
    assert clip.event == "cut" and shown.tolist() == [index not in (4, 5) for index in range(12)]
    index = round(clip.point.time * 25)
    assert clip.masks[index, int(clip.point.y), int(clip.point.x)]
    # The same clip without the object differs where the masks are, and nowhere else.
    draw, calls = click_clips.draw, [0]

    def without_the_object(picture: np.ndarray, *rest: object) -> np.ndarray:
        calls[0] += 1
        kept = picture.copy()
        alpha = draw(picture, *rest)  # type: ignore[arg-type]
        if calls[0] > 1:  # the first one drawn is the other object
            picture[:] = kept
        return alpha

    monkeypatch.setattr(click_clips, "draw", without_the_object)
    empty = make_clip(2, frames=1)
    changed = np.abs(clip.pictures[0].astype(int) - empty.pictures[0]).max(axis=2) > 40
    assert overlap(changed & clip.masks[0], changed) > 0.9


def test_written_clips_are_read_back(tmp_path: Path) -> None:
    clip = make_clip(0, frames=4)
    frames = list(read_video(write_clip(clip, tmp_path / "clip.mp4")))
    assert [round(float(frame.time) * 25) for frame in frames] == [0, 1, 2, 3]
    assert np.abs(frames[2].pixels.astype(int) - clip.pictures[2]).mean() < 12


def test_overlap() -> None:
    left, all_ = np.array([True, True, False, False]), np.ones(4, bool)
    assert overlap(left, all_) == 0.5 and overlap(left, ~left) == 0
    assert overlap(~all_, ~all_) == 1


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="holds no PNG"):
        read_objects(tmp_path)


@pytest.mark.parametrize("one_kind", [False, True])
def test_objects_act_when_they_are_heard(bank_folder: Path, one_kind: bool) -> None:
    square = np.full((60, 60, 4), 255, np.uint8)
    square[..., 1:3] = 40
    objects = {"dog barking": [square], "cat meowing": [square[..., [2, 1, 0, 3]]]}
    kind: SceneKind = "one kind" if one_kind else "two kinds"
    scene = make_scene(3, kind, objects, Bank(bank_folder, ("test",)))
    assert (scene.texts[0] == scene.texts[1]) is one_kind
    assert scene.waves.shape[0] == 2
    step = 48_000 / RATE
    width = scene.pictures.shape[2]
    half = slice(0, width // 2) if scene.point.x < width / 2 else slice(width // 2, width)
    own = scene.pictures[:, :, half].astype(int)
    moved = np.abs(np.diff(own, axis=0)).mean((1, 2, 3)) > 0.5
    heard = [
        np.abs(scene.waves[0, round(n * step) : round((n + 1) * step)]).max() > 1e-3
        for n in range(len(own))
    ]
    # It hops only while it is heard.
    assert moved.any()
    assert all(heard[n] or heard[n + 1] for n in np.flatnonzero(moved))
    both = np.abs(scene.waves).reshape(2, -1, 2400).max(-1) > 1e-3
    assert bool((both[0] & both[1]).any()) is not one_kind


@pytest.mark.parametrize("kind", ["one moves", "wrong object", "off screen"])
def test_what_makes_no_sound_and_what_stands_still(bank_folder: Path, kind: SceneKind) -> None:
    square = np.full((60, 60, 4), 255, np.uint8)
    objects = {"dog barking": [square], "cat meowing": [square]}
    scene = make_scene(3, kind, objects, Bank(bank_folder, ("test",)))
    assert bool(scene.waves[0].any()) is (kind == "one moves") and scene.waves[1].any()
    middle = scene.pictures.shape[2] // 2
    halves = scene.pictures[:, :, :middle], scene.pictures[:, :, middle:]
    own, other = halves if scene.point.x < middle else halves[::-1]
    moves = [bool(np.ptp(half.astype(int), axis=0).any()) for half in (own, other)]
    # An object that makes no sound stands still in scenes of odd numbers.
    assert moves == [kind == "one moves", kind == "wrong object"]
