"""Scenes mixed from rendered sources, and what is right about them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from soundsift.config import MelCodecConfig
from soundsift.data.bank import Bank
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.models.hearing import Standardised
from soundsift.models.mel_codec import MelCodec
from soundsift.training.hearing.batches import HearingBatches, answers
from soundsift.training.hearing.config import MixingConfig
from soundsift.training.hearing.phrases import DIFFERENT, SAME, UNCLEAR, all_phrases, prior_offsets
from soundsift.training.hearing.sources import RenderedSources, render_sources

LAW = SceneConfig(kind_weights={"speech": 1.0, "effect": 1.0, "music": 1.0})


@pytest.fixture(scope="module")
def sources(bank_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RenderedSources:
    folder = tmp_path_factory.mktemp("sources")
    return render_sources(folder, Bank(bank_folder), LAW, 12, 1.0, 3)


def test_rendering_goes_on_where_it_was_stopped(
    sources: RenderedSources, bank_folder: Path, tmp_path: Path
) -> None:
    bank = Bank(bank_folder)
    render_sources(tmp_path, bank, LAW, 5, 1.0, 3)
    # As after kill -9: a source whose line was not written.
    with (tmp_path / "energies.f16").open("ab") as file:
        file.write(b"half a source")
    again = render_sources(tmp_path, bank, LAW, 12, 1.0, 3)
    assert np.array_equal(again.energies, sources.energies)
    assert again.clips == sources.clips


def test_a_rendered_source_has_the_energies_of_its_wave(
    sources: RenderedSources, bank_folder: Path
) -> None:
    generator = SceneGenerator(Bank(bank_folder), LAW, 3)
    rng = generator.rng(4)
    rng.random()
    source = generator.single(rng, 1.0)
    energy = MelCodec(MelCodecConfig()).detail_energy(torch.from_numpy(source.wave)).T.numpy()
    assert sources.clips[4] == source.clip
    loud = energy > 1e-9
    assert np.allclose(sources.energies[4][loud], np.log10(energy[loud]), atol=0.01)


def test_answers_tell_heard_from_masked_and_unclear() -> None:
    """Four frames: heard, 25 dB down, 50 dB down, silent."""
    target = np.array([1.0, 1.0, 1.0, 0.0])
    other = np.array([0.1, 10**2.5, 1e5, 1.0])
    relation = np.array([[SAME, DIFFERENT], [DIFFERENT, UNCLEAR], [DIFFERENT, DIFFERENT]], np.int8)
    heard, counted = answers(np.stack([target, other]), np.array([0, 1]), relation)
    assert heard[:, 0].tolist() == [1, 0, 0, 0]
    assert counted[:, 0].tolist() == [True, False, True, True]
    assert heard[:, 1].tolist() == [0, 0, 0, 0]
    assert counted[:, 1].tolist() == [False, False, False, False]
    assert counted[:, 2].all()


def test_what_no_phrase_names_is_never_heard() -> None:
    relation = np.array([[SAME]], np.int8)
    heard, counted = answers(np.ones((1, 3), np.float32), np.array([-1]), relation)
    assert not heard.any()
    assert counted.all()


def test_a_number_decides_a_batch(sources: RenderedSources, bank_folder: Path) -> None:
    phrases = all_phrases(Bank(bank_folder))
    batches = HearingBatches(sources, phrases, MixingConfig(), 3, 10, 2, seed=5)
    first, again, other = batches[2], batches[2], batches[3]
    assert torch.equal(first.energies, again.energies)
    assert torch.equal(first.phrases, again.phrases)
    assert torch.equal(first.heard, again.heard)
    assert not torch.equal(first.energies, other.energies)
    assert first.heard.shape == (3, 25, len(first.phrases))
    assert first.heard.sum() > 0


def test_phrases_relate_to_concepts_by_name_and_group(bank_folder: Path) -> None:
    bank = Bank(bank_folder)
    phrases = all_phrases(bank)
    for clip in bank.clips:
        column = phrases.concepts[clip.concept]
        assert phrases.relation[column, column] == SAME
        assert phrases.texts[phrases.of_meaning[column][0]] == clip.captions[0]
        for group in clip.groups:
            row = phrases.names.index(group, len(phrases.concepts))
            assert phrases.relation[row, column] == SAME


def test_frequent_sounds_and_their_groups_have_the_larger_offsets(bank_folder: Path) -> None:
    phrases = all_phrases(Bank(bank_folder))
    dog, cat = phrases.concepts["dog barking"], phrases.concepts["cat meowing"]
    offsets = prior_offsets(phrases, np.array([dog] * 8 + [cat] * 2 + [-1]), 1.0)
    animal = phrases.names.index("animal", len(phrases.concepts))
    assert offsets[dog] - offsets[cat] == pytest.approx(np.log(4), abs=1e-5)
    assert offsets[animal] - offsets[dog] == pytest.approx(np.log(10 / 8), abs=1e-5)
    assert prior_offsets(phrases, np.array([dog]), 0.0).abs().max() == 0


def test_standardised_channels_have_no_mean_and_unit_variance() -> None:
    x = torch.randn(4, 50, 3) * torch.tensor([100.0, 1.0, 0.01]) + 5
    scale = Standardised(3)
    scale.measure(x)
    y = scale(x).flatten(0, 1)
    assert torch.allclose(y.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(y.std(0)[:2], torch.ones(2), atol=1e-3)
    assert y.std(0)[2] < 1  # nearly constant: not blown up
