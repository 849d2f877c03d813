"""From a folder of recordings to an adapter that was checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import soundsift
from soundsift.checkpoints import sam_audio
from soundsift.checkpoints.adapter import (
    AdapterFacts,
    fingerprint,
    save_adapter,
    vector_fingerprint,
)
from soundsift.checkpoints.load import build_codec, build_text_encoder, open_model
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.released_form import released_changes
from soundsift.checkpoints.store import CONFIG, find_model, load_config, load_weights
from soundsift.config import DacVaeConfig, MelCodecConfig, SeparatorConfig
from soundsift.data.bank import Samples
from soundsift.devices import pick_device, pick_dtype
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import LowRankChange
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.models.waveform_codec import WaveformCodec
from soundsift.separation.separator import Separator
from soundsift.training.tune.backgrounds import (
    find_backgrounds,
    other_phrases,
    tuned_bank,
    without_meaning,
)
from soundsift.training.tune.check import (
    CheckedScene,
    improvement_db,
    other_scenes,
    tuned_scenes,
)
from soundsift.training.tune.config import LatentTuningConfig, TuningConfig
from soundsift.training.tune.latent_plan import free_memory, plan_memory
from soundsift.training.tune.latent_scenes import LatentTuningScenes
from soundsift.training.tune.latent_trainer import load_field, train_latent_adapter
from soundsift.training.tune.recordings import (
    TunedClip,
    hold_out,
    read_mono,
    read_recordings,
    sound_files,
)
from soundsift.training.tune.scenes import SceneDrawer, TuningScenes
from soundsift.training.tune.trainer import OnStep, train_adapter
from soundsift.version import __version__


@dataclass(frozen=True)
class TuningReport:
    """What tuning did.

    Attributes:
        output: the adapter.
        phrase: the caption that it was tuned for, as given; the most frequent of several.
        trained, held_out: number of recordings.
        sound_db: improvement of SI-SDR by text on held-out recordings in dB, before and after.
        others_db: the same of other sounds.
    """

    output: Path
    phrase: str
    trained: int
    held_out: int
    sound_db: tuple[float, float]
    others_db: tuple[float, float]


#: Called with what is being done, the number of steps done and that of all.
OnProgress = Callable[[str, int, int], None]
#: Called before anything large is read, with the peak memory in bytes by what it is for, and with
#: what is free, None where that is not known.
OnMemory = Callable[[Mapping[str, float], float | None], None]


@dataclass(frozen=True)
class _Learnt:
    """What training left.

    Attributes:
        changes: by the name of the layer in the adapter's file.
        weights: fingerprint of the weights that they belong to.
    """

    changes: Mapping[str, LowRankChange]
    weights: str


@dataclass(frozen=True)
class _Model:
    """The model that is tuned.

    Attributes:
        place: its folder.
        sizes: its configuration.
        device, precision: as for `soundsift.load`.
    """

    place: Path
    sizes: SeparatorConfig
    device: str | None
    precision: str

    def load(self, adapter: Path | None = None) -> Separator:
        """The model, with an adapter or without."""
        return soundsift.load(self.place, self.device, self.precision, adapter=adapter)


def tune(
    folder: Path,
    caption: str | None = None,
    *,
    output: Path,
    captions: Path | None = None,
    model: str | Path = "default",
    bank: Path | None = None,
    backgrounds: Sequence[Path] = (),
    seed: int = 0,
    config: TuningConfig | None = None,
    device: str | None = None,
    workers: int = 1,
    on_progress: OnProgress = lambda *_: None,
    on_memory: OnMemory = lambda *_: None,
) -> TuningReport:
    """Tune a model on recordings of a sound, and write the change as an adapter.

    Args:
        folder: recordings of the sound, as clean as possible.
        caption: the phrase that will ask for it.
        output: the adapter's file, or a folder as PEFT writes it (`save_adapter`).
        captions: a file with a caption for each recording, instead of `caption`.
        model: as for `soundsift.load`.
        bank: a sound bank with the sounds to mix it with; None for procedural sound.
        backgrounds: files or folders of recordings without the sound, to mix it with as well.
        seed: decides everything that is drawn.
        config: the run, of the kind that the model needs (`tuning_config`); None for the usual one.
        device: where a released model is tuned; the fastest available unless given. The default
            model is tuned on the CPU.
        workers: processes that make scenes.
        on_progress: receives the progress.
        on_memory: receives the plan for a released model.

    Raises:
        SoundsiftError: recordings that can't be used, or a model that can't be tuned.
        OSError: the adapter cannot be written.
    """
    if (caption is None) == (captions is None):
        raise SoundsiftError("Give the caption of the sound, or a file of captions, but not both.")
    place = find_model(model)
    kind = tuning_config(place)
    config = config or kind()
    if type(config) is not kind:
        raise SoundsiftError(
            f"{place}: tuning this model takes a {kind.__name__}, not a {type(config).__name__}."
        )
    precision = "auto"
    if isinstance(config, LatentTuningConfig):
        precision = config.precision
    elif device not in (None, "cpu"):
        raise SoundsiftError(
            f"device {device!r}: the default model is tuned on the CPU. Leave the device out."
        )
    tuned = _Model(place, _sizes(place), device, precision)
    if isinstance(config, LatentTuningConfig):
        where = pick_device(device)
        memory = plan_memory(tuned.sizes, config, where, pick_dtype(where, precision))
        on_memory(memory, free_memory(where))
    clips = read_recordings(folder, caption, captions)
    training, held = hold_out(clips, config.held_out, seed)
    phrases = list(dict.fromkeys(one.clip.concept for one in clips))
    given = [one.caption for one in clips]
    own = _own_backgrounds(backgrounds)
    text = TextEncoder()
    names = other_phrases(phrases, text)

    def drawer(part: Sequence[TunedClip], held_out: bool) -> SceneDrawer:
        others = find_backgrounds(
            bank, own, held_out, lambda done, total: on_progress("backgrounds", done, total)
        )
        kept = without_meaning(others, phrases, text)
        joined = tuned_bank(part, others)
        return SceneDrawer(joined, [one.clip for one in part], kept, names, config, seed)

    checked = drawer(held, True)
    asked = tuned_scenes(checked, len(held), seed)
    if not asked:
        raise SoundsiftError(f"{folder}: the held-out recordings are silent. Add louder ones.")
    others = other_scenes(checked, len(asked), seed)

    def check(separator: Separator, what: str) -> tuple[float, float]:
        return _check(separator, asked, others, config, what, on_progress)

    before = check(tuned.load(), "checking before")

    def on_step(step: int, _: dict[str, float]) -> None:
        on_progress("tuning", step, config.steps)

    scenes = drawer(training, False)
    if isinstance(config, LatentTuningConfig):
        learnt = _learn_released(tuned, config, scenes, phrases, seed, on_step, workers)
    else:
        learnt = _learn_default(tuned, config, scenes, phrases, text, seed, on_step, workers)
    facts = AdapterFacts(
        phrase=max(dict.fromkeys(given), key=given.count),
        model=tuned.sizes.name,
        weights=learnt.weights,
        made_by=f"soundsift {__version__}",
    )
    after = check(_with(learnt, facts, config, tuned), "checking after")
    figures = {
        "sound_before_db": before[0],
        "sound_after_db": after[0],
        "others_before_db": before[1],
        "others_after_db": after[1],
    }
    facts = facts.model_copy(update={"check": {k: round(v, 2) for k, v in figures.items()}})
    save_adapter(output, learnt.changes, facts, config.alpha)
    return TuningReport(
        output,
        str(facts.phrase),
        len(training),
        len(held),
        (before[0], after[0]),
        (before[1], after[1]),
    )


def tuning_config(model: str | Path) -> type[TuningConfig]:
    """The configuration that tuning a model takes.

    Raises:
        SoundsiftError: there is no such model, or it can't be tuned.
    """
    place = find_model(model)
    sizes = _sizes(place)
    if isinstance(sizes.codec, DacVaeConfig):
        return LatentTuningConfig
    return TuningConfig


def _sizes(place: Path) -> SeparatorConfig:
    """The configuration of a model, if it can be tuned."""
    if (place / CONFIG).is_file():
        sizes = load_config(place)
    elif (place / "config.json").is_file():
        sizes = sam_audio.load_config(place)
    else:
        raise SoundsiftError(f"{place}: not a model: it has no {CONFIG} and no config.json.")
    pooled = sizes.field.transformer.pooled_text
    if isinstance(sizes.codec, DacVaeConfig) and sizes.prediction == "velocity" and not pooled:
        return sizes
    own = sizes.prediction == "data" and sizes.text_encoder == "minilm"
    if not own or not isinstance(sizes.codec, MelCodecConfig):
        raise SoundsiftError(
            f"{place}: a model of this kind can't be tuned. Use the default model, or a released "
            "one."
        )
    return sizes


def _learn_default(
    model: _Model,
    config: TuningConfig,
    drawer: SceneDrawer,
    phrases: Sequence[str],
    text: TextEncoder,
    seed: int,
    on_step: OnStep,
    workers: int,
) -> _Learnt:
    assert isinstance(model.sizes.codec, MelCodecConfig)
    codec = MelCodec(model.sizes.codec)
    field = VelocityField(model.sizes.field)
    weights = load_weights(model.place)
    field.load_state_dict(weights)
    scenes = TuningScenes(drawer, phrases, codec)
    changes = train_adapter(field, config, scenes, codec, text, seed, on_step, workers)
    return _Learnt(changes, fingerprint(weights, changes))


def _learn_released(
    model: _Model,
    config: LatentTuningConfig,
    drawer: SceneDrawer,
    phrases: Sequence[str],
    seed: int,
    on_step: OnStep,
    workers: int,
) -> _Learnt:
    sizes, place = model.sizes, model.place
    assert isinstance(sizes.codec, DacVaeConfig)
    device = pick_device(model.device)
    stored = open_model(place)
    codec = build_codec(sizes.codec, stored.codec, place, device)
    assert isinstance(codec, WaveformCodec)
    text = build_text_encoder(sizes, place, device)
    field = load_field(stored, place, device, pick_dtype(device, model.precision))
    scenes = LatentTuningScenes(drawer, phrases, config, sizes.codec)
    changes = train_latent_adapter(field, config, scenes, codec, text, seed, on_step, workers)
    changes = {
        layer: LowRankChange(one.down.cpu(), one.up.cpu(), one.scale)
        for layer, one in changes.items()
    }
    return _Learnt(released_changes(changes, sizes.field), vector_fingerprint(stored.field))


def _own_backgrounds(named: Sequence[Path]) -> list[tuple[str, Samples]]:
    found = []
    for path in (path for place in named for path in sound_files(place)):
        wave = read_mono(path)
        if wave is not None:
            found.append((str(path), wave))
    return found


def _check(
    separator: Separator,
    asked: Sequence[CheckedScene],
    others: Sequence[CheckedScene],
    config: TuningConfig,
    what: str,
    on_progress: OnProgress,
) -> tuple[float, float]:
    """Mean improvement in dB of the tuned sound and of others."""
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        on_progress(what, done, len(asked) + len(others))

    gains = improvement_db(separator, asked, config.checked_preset, one_more)
    other_gains = improvement_db(separator, others, config.checked_preset, one_more)
    return float(np.mean(gains)), float(np.mean(other_gains)) if other_gains else 0.0


def _with(learnt: _Learnt, facts: AdapterFacts, config: TuningConfig, model: _Model) -> Separator:
    """The model with the changes, loaded as any adapter is."""
    with tempfile.TemporaryDirectory(prefix="soundsift-tune-") as folder:
        file = Path(folder) / "adapter.safetensors"
        save_adapter(file, learnt.changes, facts, config.alpha)
        return model.load(file)
