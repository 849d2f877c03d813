"""Scenes rendered many at once sound as each alone, with the effects that were drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from soundsift.data.bank import Bank
from soundsift.data.drawn import DrawnScene, DrawnSource, Edge, Piece, Stretch
from soundsift.data.rendering import BankSamples, ResidentSamples, frame_powers, render
from soundsift.data.scene import DrawnPower
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.data.spans import frame_power

LIFE = SceneConfig(
    source_counts=(0.1, 0.3, 0.3, 0.3), p_quiet=0.3, p_bed=0.7, p_slow_gain=0.5, p_microphone=0.5,
    p_far=0.3, damage=0.3, room=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn(bank_folder: Path) -> tuple[Bank, list[DrawnScene]]:
    bank = Bank(bank_folder)
    generator = SceneGenerator(bank, LIFE, seed=4)
    return bank, [generator.draw(generator.rng(number), 1.0) for number in range(12)]


def plain(bank: Bank, *pieces: Piece, samples: int = 48_000, **changes: object) -> np.ndarray:
    """A source without effects, at the level of its own loudest frames."""
    source = DrawnSource(pieces[0].stretch.clip, -20.0, pieces, **changes)  # type: ignore
    return render([DrawnScene(samples, (source,))], BankSamples(bank))[0].numpy()


def scaled_to(wave: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return wave * np.float32((wave @ reference) / (wave @ wave))


def test_scenes_together_sound_as_each_alone(drawn: tuple[Bank, list[DrawnScene]]) -> None:
    bank, scenes = drawn
    together = render(scenes, BankSamples(bank))
    alone = torch.cat([render([scene], BankSamples(bank)) for scene in scenes])
    torch.testing.assert_close(together, alone, rtol=0, atol=2e-5)


def test_clips_in_memory_sound_as_those_read(drawn: tuple[Bank, list[DrawnScene]]) -> None:
    bank, scenes = drawn
    read = render(scenes, BankSamples(bank))
    assert torch.equal(render(scenes, ResidentSamples(bank, "cpu", threads=2)), read)


@pytest.mark.parametrize("speed", [0.83, 1.17])
def test_speed_is_that_of_a_resampler(bank_folder: Path, speed: float) -> None:
    """soxr's quick setting takes the cubic through four samples, too."""
    bank = Bank(bank_folder)
    clip = max(bank.clips, key=lambda clip: clip.samples)
    stretch = Stretch(clip, 0, clip.samples, speed)
    expected = soxr.resample(bank.audio(clip), 48_000 * speed, 48_000, quality="QQ")
    assert stretch.samples == len(expected)
    found = plain(bank, Piece(stretch, 0, 0, len(expected)), samples=len(expected))
    np.testing.assert_allclose(scaled_to(found, expected), expected, atol=2e-4)


def test_pieces_lie_where_they_should_and_are_parts_of_their_clip(bank_folder: Path) -> None:
    bank = Bank(bank_folder)
    clip = max(bank.clips, key=lambda clip: clip.samples)
    stretch = Stretch(clip, 100, 9_000, 1.0)
    found = plain(bank, Piece(stretch, 1_000, 50, 3_000), Piece(stretch, 20_000, 0, 9_000))
    expected = np.zeros(48_000, np.float32)
    wave = bank.audio(clip, 100, 9_000)
    expected[1_000:4_000], expected[20_000:29_000] = wave[50:3_050], wave
    np.testing.assert_allclose(scaled_to(found, expected), expected, atol=1e-6)


def test_an_edge_rises_or_falls_in_a_straight_line(bank_folder: Path) -> None:
    bank = Bank(bank_folder)
    clip = max(bank.clips, key=lambda clip: clip.samples)
    piece = Piece(Stretch(clip, 0, 9_600, 1.0), 0, 0, 9_600)
    whole = plain(bank, piece, samples=9_600)
    for rises in (True, False):
        found = plain(bank, piece, samples=9_600, transient=Edge(2_000, 4_000, rises))
        gain = np.clip((np.arange(9_600) - 2_000) / 4_000, 0, 1)
        np.testing.assert_allclose(found, whole * (gain if rises else 1 - gain), atol=1e-6)


def test_the_power_of_any_sum_follows_from_the_products(
    drawn: tuple[Bank, list[DrawnScene]],
) -> None:
    bank, scenes = drawn
    waves = render(scenes, BankSamples(bank))
    counts = [len(scene.sources) for scene in scenes]
    products = frame_powers(waves, counts)
    for scene, own, rows in zip(scenes, products, waves.split(counts), strict=True):
        for targets in ([0], list(range(len(scene.sources)))):
            expected = frame_power(rows[targets].sum(0).numpy(), 48_000)
            found = DrawnPower(scene, own).power(targets)
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-8)


def test_the_microphone_is_the_same_for_all_sources(
    drawn: tuple[Bank, list[DrawnScene]],
) -> None:
    """So the filter of the sum is the sum of what it makes of each."""
    bank, scenes = drawn
    recorded = next(s for s in scenes if s.microphone and len(s.sources) > 1)
    heard, dry = (
        render([scene], BankSamples(bank)).numpy()
        for scene in (recorded, replace(recorded, microphone=None))
    )
    ratio = np.fft.rfft(heard, axis=1) / (np.fft.rfft(dry, axis=1) + 1e-12)
    loud = (np.abs(np.fft.rfft(dry, axis=1)) > 1.0).all(axis=0)
    assert loud.sum() > 20
    np.testing.assert_allclose(ratio[0, loud], ratio[1, loud], rtol=0.02, atol=0.02)
