"""Batches: the same for the same number, whoever makes them, and with true energies."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from soundsift.data.rendering import ResidentSamples
from soundsift.data.scene import Query, Scene
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.models.mel_codec import MelCodec, fold
from soundsift.spans import NULL, OPEN, Span
from soundsift.training import batches as batches_module
from soundsift.training.answers import encode_queries
from soundsift.training.batches import Batch, Batches, BatchRenderer, DrawnBatches
from soundsift.training.config import TrainingConfig
from soundsift.training.loader import batch_loader, one_ahead

Make = Callable[..., TrainingConfig]


def tensors(batch: Batch) -> Iterator[tuple[str, Tensor]]:
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            yield field.name, value


def assert_same(first: Batch, second: Batch) -> None:
    assert first.phrases == second.phrases
    for (name, one), (_, other) in zip(tensors(first), tensors(second), strict=True):
        assert torch.equal(one, other), name


def test_a_number_decides_a_batch(make_config: Make) -> None:
    """Whatever was made before, and in a sequence opened anew."""
    batches, again = (Batches(make_config(), "train") for _ in range(2))
    for number in (3, 0, 7):
        first = batches[number]
    assert_same(first, again[7])


def test_other_numbers_splits_and_seeds_give_other_batches(make_config: Make) -> None:
    law = {"batch": {"seconds": (1.0,), "frames": 100, "queries": 2}}
    config = make_config(**law)
    reference = Batches(config, "train")[1]
    others = (
        Batches(config, "train")[2],
        Batches(config, "validation")[1],
        Batches(make_config(**law, seed=4), "train")[1],
    )
    for other in others:
        assert reference.context.shape == other.context.shape
        assert not torch.allclose(reference.context, other.context)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_batch_of_one(make_config: Make, world: int) -> None:
    """Five scenes do not divide evenly: the shares make up for it."""
    config = make_config(batch={"seconds": (0.4,), "frames": 100, "queries": 2})
    whole = Batches(config, "train")[4]
    parts = [Batches(config, "train", rank, world)[4] for rank in range(world)]
    assert len(whole.phrases) == 10
    assert sum(part.share for part in parts) == pytest.approx(world)
    for rank, part in enumerate(parts):
        mine = [2 * s + q for s in range(rank, 5, world) for q in range(2)]
        assert part.phrases == [whole.phrases[i] for i in mine]
        assert part.share == pytest.approx(len(mine) * world / 10)
        for (name, one), (_, all_) in zip(tensors(part), tensors(whole), strict=True):
            assert torch.equal(one, all_[mine]), name


def test_one_process_has_all_of_every_batch(make_config: Make) -> None:
    assert Batches(make_config(), "train")[0].share == 1.0


def test_every_process_has_a_scene_even_if_they_are_long(make_config: Make) -> None:
    config = make_config(batch={"seconds": (2.0,), "frames": 50, "queries": 2})
    assert [len(Batches(config, "train", r, 3)[0].phrases) for r in range(3)] == [2, 2, 2]


def test_long_scenes_come_in_smaller_batches(make_config: Make) -> None:
    config = make_config(batch={"seconds": (0.4, 1.0, 2.0), "frames": 100, "queries": 2})
    batches = Batches(config, "train")
    sizes = {batches[i].context.shape[:2] for i in range(12)}
    assert sizes == {(10, 10), (4, 25), (2, 50)}


@pytest.mark.parametrize("targets", [(0,), (1, 2), (0, 1, 2), ()])
def test_the_energies_agree_with_the_target_itself(
    make_config: Make, targets: tuple[int, ...]
) -> None:
    config = make_config(scenes={"source_counts": (0, 0, 1, 0)})
    codec = MelCodec(config.model.codec)
    generator = Batches(config, "train").generator
    scene = next(
        drawn
        for drawn in (generator.scene(generator.rng(n), 1.0) for n in range(20))
        if len(drawn.sources) == 3
    )
    query = Query("noise", (), targets)
    found = {k: v[0] for k, v in encode_queries(codec, scene, [query]).items()}

    mixture = codec.spectrum(torch.from_numpy(scene.stems.sum(0)))
    target = codec.spectrum(torch.from_numpy(query.target(scene.stems)))
    power = codec.filters @ mixture.abs().square()
    own = codec.filters @ target.abs().square()
    rest = codec.filters @ (mixture - target).abs().square()
    cross = codec.filters @ (mixture * target.conj()).real
    total = power.sum()
    scale = float(power.max() / total)
    assert torch.allclose(found["mixture_energy"], power / total, atol=1e-5 * scale)
    assert torch.allclose(found["cross_energy"], cross / total, atol=1e-5 * scale)
    assert float(found["target_energy"]) == pytest.approx(float(own.sum() / total), rel=1e-4)
    assert bool(found["present"]) == bool(targets)
    # Where the mixture can be heard, the latents are the shares of target and rest.
    latents = torch.cat([codec.shares(a[None], b[None]) for a, b in ((own, rest), (rest, own))], -1)
    loud = fold((power > 1e-4 * power.max())[None], codec.config.subframes)[0].repeat(1, 2)
    assert loud.float().mean() > 0.2
    assert torch.allclose(found["latents"][loud], latents[0][loud], atol=0.02)


def test_the_level_of_a_scene_is_not_to_be_relied_on(make_config: Make) -> None:
    """The context is offset at random; the answers are not."""
    generator = Batches(make_config(), "train").generator
    codec = MelCodec(make_config().model.codec)
    scene = generator.scene(generator.rng(0), 1.0)
    plain, louder = (
        encode_queries(codec, scene, [Query(None, (), (0,))], level_db=level) for level in (0, 6)
    )
    assert torch.allclose(louder["context"], plain["context"] + 0.3, atol=1e-6)
    assert torch.equal(louder["latents"], plain["latents"])


def test_queries_that_learn_the_mean_are_free_of_noise(make_config: Make) -> None:
    batches = Batches(make_config(), "train")
    mean = queries = 0
    for number in range(8):
        batch = batches[number]
        queries += len(batch.phrases)
        for time, noise in zip(batch.time, batch.noise, strict=True):
            assert (time == 0) == (not noise.any())
            mean += int(time == 0)
            if time > 0:
                assert float(noise.std()) == pytest.approx(1.0, abs=0.1)
    assert 0.3 < mean / queries < 0.7


def test_every_source_is_asked_for_before_any_is_twice(make_config: Make) -> None:
    config = make_config(
        scenes={"source_counts": (0, 1, 0, 0), "absent": 0, "group": 0, "drop_text": 0}
    )
    batches = Batches(config, "train")
    for number in range(10):
        phrases = batches.render(batches.drawn.draw([number], 0.6)).phrases
        scene = batches.generator.scene(batches.generator.rng(number), 0.6)
        owners = [{i for i, s in enumerate(scene.sources) if p in s.clip.captions} for p in phrases]
        assert set.union(*owners) == set(range(len(scene.sources)))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_loader_goes_on_where_it_is_told(make_config: Make, workers: int) -> None:
    batches = Batches(make_config(steps=8), "train")
    loaded = list(batch_loader(batches, 5, workers))
    assert len(loaded) == 3
    for number, batch in enumerate(loaded, start=5):
        assert_same(batch, batches[number])


def test_loading_leaves_the_random_numbers_of_training_alone(make_config: Make) -> None:
    batches = Batches(make_config(steps=2), "train")
    before = torch.get_rng_state()
    np_before = np.random.get_state()[1].copy()  # noqa: NPY002
    list(batch_loader(batches, 0, 0))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], np_before)  # noqa: NPY002


def test_beside_an_example_the_sound_may_be_heard_anywhere(make_config: Make) -> None:
    """What is wanted is the same as without it: only the marks say less."""
    config = make_config()
    batches = Batches(config, "train")
    scene = batches.generator.scene(batches.generator.rng(0), 2.0)
    spans = (Span(0.4, 0.8),)
    queries = [Query(None, spans, (0,)), Query(None, spans, (0,), example=True)]
    rows = encode_queries(batches.codec, scene, queries)
    complete, example = rows["anchors"].tolist()
    assert complete == [1 if 10 <= frame < 20 else NULL for frame in range(50)]
    assert example == [1 if 10 <= frame < 20 else OPEN for frame in range(50)]
    assert torch.equal(rows["latents"][0], rows["latents"][1])


def test_examples_come_as_often_as_asked(make_config: Make) -> None:
    law = SceneConfig(p_inline_example=0.5, drop_spans=0.0, absent=0.0)
    generator = Batches(make_config(), "train").generator
    generator = SceneGenerator(generator.bank, law)
    queries = [
        generator.query(generator.scene(generator.rng(i), 1.0), generator.rng(i))
        for i in range(200)
    ]
    assert 0.4 < np.mean([query.example for query in queries]) < 0.6
    assert all(len(query.spans) <= 1 for query in queries if query.example)


def test_an_example_stands_in_front_and_is_not_asked_about(make_config: Make) -> None:
    batches = Batches(make_config(), "train")
    scene = batches.generator.scene(batches.generator.rng(0), 2.0)
    spans = (Span(0.4, 0.8),)
    whole = Query(None, spans, (0,))
    parted = replace(whole, example=True, parts=((8, 22), (30, 46)))
    full = encode_queries(batches.codec, scene, [whole], concepts=batches.concepts)
    rows = encode_queries(batches.codec, scene, [parted], concepts=batches.concepts)
    marks = [1 if 2 <= frame < 12 else NULL for frame in range(14)]
    assert rows["anchors"][0].tolist() == marks + [OPEN] * 16
    frames = [*range(8, 22), *range(30, 46)]
    assert torch.equal(rows["latents"][0], full["latents"][0, frames])
    assert torch.equal(rows["sounds"][0], full["sounds"][0, frames])
    # Only the window is heard, on a scale of its own.
    columns = slice(30 * 2, 46 * 2)
    assert rows["mixture_energy"][0, :, : 14 * 2].eq(0).all()
    assert rows["cross_energy"][0, :, : 14 * 2].eq(0).all()
    within = full["mixture_energy"][0, :, columns]
    torch.testing.assert_close(rows["mixture_energy"][0, :, 14 * 2 :], within / within.sum())
    assert rows["mixture_energy"][0].sum() == pytest.approx(1, abs=1e-5)


def test_context_of_parts_is_that_of_parts_on_their_own(make_config: Make) -> None:
    """As separation analyses them: each with its own level taken out, but for their edges."""
    batches = Batches(make_config(), "train")
    scene = batches.generator.scene(batches.generator.rng(1), 2.0)
    query = Query(None, (Span(0.4, 0.8),), (0,), example=True, parts=((5, 22), (30, 46)))
    found = encode_queries(batches.codec, scene, [query])["context"][0]
    mixture = torch.from_numpy(scene.stems.sum(0))[None, None]
    at = 0
    for start, end in query.parts:
        alone = batches.codec.context(mixture[..., start * 1920 : end * 1920])[0]
        own = found[at : at + end - start]
        assert (own - alone)[1:-1].abs().median() < 0.02
        at += end - start


def test_a_sound_that_the_window_lacks_is_absent(make_config: Make) -> None:
    batches = Batches(make_config(), "train")
    drawn = (batches.generator.scene(batches.generator.rng(i), 2.0) for i in range(20))
    scene = next(scene for scene in drawn if len(scene.sources) > 1)
    first = scene.sources[0].wave.copy()
    first[48_000:] = 0
    gone = Scene((replace(scene.sources[0], wave=first), *scene.sources[1:]))
    query = Query(None, (Span(0.2, 0.6),), (0,), example=True, parts=((2, 18), (30, 46)))
    for parts in (query.parts, query.parts[1:]):
        rows = encode_queries(batches.codec, gone, [replace(query, parts=parts)])
        assert rows["target_energy"][0] < 1e-3
        # But with an example there is a measure of how loud it would be.
        shown = len(parts) > 1
        assert bool(rows["present"]) == shown
        assert bool(rows["example_energy"] > 0.01) == shown


def test_scenes_with_an_example_are_as_long_and_as_many_as_asked(make_config: Make) -> None:
    field = make_config().model.field.model_copy(update={"anchor_count": 4})
    model = make_config().model.model_copy(update={"field": field})
    config = make_config(
        scenes={"p_example_prompt": 0.5},
        model=model.model_dump(),
        batch={"seconds": (4.0,), "frames": 800, "queries": 2},
        steps=8,
    )
    batches = Batches(config, "train")
    drawn = [batches[number] for number in range(8)]
    assert {batch.context.shape for batch in drawn} == {(8, 100, 48)}
    open_rows = torch.cat([(batch.anchors == OPEN).any(dim=1) for batch in drawn])
    assert 0.1 < open_rows.float().mean() < 0.9
    assert_same(batches[3], Batches(config, "train")[3])


def test_noise_is_as_long_as_a_scene_that_ends_within_a_frame(make_config: Make) -> None:
    config = make_config(batch={"seconds": (0.5,), "frames": 100, "queries": 2})
    batch = Batches(config, "train")[0]
    assert batch.noise.shape == batch.latents.shape == (8, 13, 64)


@pytest.mark.parametrize("at_a_time", [None, 2])
def test_a_batch_rendered_at_once_is_that_of_the_workers(
    make_config: Make, at_a_time: int | None
) -> None:
    """With all clips in memory, and examples and whole scenes in one batch."""
    field = make_config().model.field.model_copy(update={"anchor_count": 4})
    model = make_config().model.model_copy(update={"field": field})
    config = make_config(
        scenes={"p_example_prompt": 0.5, "p_microphone": 0.5, "p_bed": 0.5, "p_slow_gain": 0.5},
        model=model.model_dump(),
        batch={"seconds": (4.0,), "frames": 1200, "queries": 3},
    )
    batches = Batches(config, "train")
    drawn = DrawnBatches(config, "train")
    clips = ResidentSamples(drawn.generator.bank, "cpu", threads=1)
    render = BatchRenderer(config, drawn.generator, clips, at_a_time)
    mixed = 0
    for number in range(3):
        one, other = batches[number], render(drawn[number])
        mixed += len(set(drawn[number].by_example)) - 1
        assert one.phrases == other.phrases
        for (name, a), (_, b) in zip(tensors(one), tensors(other), strict=True):
            # Shares of silence are shares of rounding.
            shares = ("latents", "context")
            near = a.float().sub(b.float()).abs() < (0.02 if name in shares else 1e-4)
            assert near.float().mean() > (0.995 if name in shares else 0.9999), name
    assert mixed > 0


def test_everything_is_computed_where_the_clips_are(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's meta device, like a GPU, refuses sums with what lies on the processor."""
    config = make_config(
        scenes={
            "p_microphone": 1.0, "p_bed": 1.0, "p_noise_bed": 0.5, "p_slow_gain": 1.0, "p_far": 0.5,
            "damage": 0.5, "room": 0.5, "equaliser": 0.5, "band_limit": 0.5, "group": 0.0,
        },
        batch={"seconds": (0.5,), "frames": 300, "queries": 2},
    )  # fmt: skip
    drawn = DrawnBatches(config, "train")
    clips = ResidentSamples(drawn.generator.bank, "cpu", threads=1)
    monkeypatch.setattr(clips, "device", torch.device("meta"))
    monkeypatch.setattr(clips, "_samples", clips._samples.to("meta"))

    def powers(waves: Tensor, counts: list[int]) -> list[np.ndarray]:
        assert waves.is_meta
        return [np.ones((25, count, count), np.float32) for count in counts]

    monkeypatch.setattr(batches_module, "frame_powers", powers)
    batch = BatchRenderer(config, drawn.generator, clips)(drawn[0])
    assert all(tensor.is_meta for _, tensor in tensors(batch))
    assert batch.latents.shape == batch.noise.shape == (24, 13, 64)


def test_the_next_batch_is_made_while_the_last_one_is_used() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return -number

    assert list(one_ahead(iter([1, 2, 3]), make)) == [-1, -2, -3]
    assert made == [1, 2, 3]
    assert list(one_ahead(iter(()), make)) == []
