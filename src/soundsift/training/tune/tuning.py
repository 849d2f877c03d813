"""From a folder of recordings to an adapter that was checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import soundsift
from soundsift.checkpoints.adapter import AdapterFacts, fingerprint, save_adapter
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import find_model, load_config, load_weights
from soundsift.config import MelCodecConfig, SeparatorConfig
from soundsift.data.bank import Samples
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import LowRankChange
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.separation.separator import Separator
from soundsift.training.tune.backgrounds import (
    TuningBank,
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
from soundsift.training.tune.config import TuningConfig
from soundsift.training.tune.recordings import (
    TunedClip,
    hold_out,
    read_mono,
    read_recordings,
    sound_files,
)
from soundsift.training.tune.scenes import SceneDrawer, TuningScenes
from soundsift.training.tune.trainer import train_adapter
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
    workers: int = 1,
    on_progress: OnProgress = lambda *_: None,
) -> TuningReport:
    """Tune a model on recordings of a sound, and write the change as an adapter.

    Args:
        folder: recordings of the sound, as clean as possible.
        caption: the phrase that will ask for it.
        output: the adapter's file, or a folder as PEFT writes it (`save_adapter`).
        captions: a file with a caption for each recording, instead of `caption`.
        model: a model of the default model's kind.
        bank: a sound bank with the sounds to mix it with; None for procedural sound.
        backgrounds: files or folders of recordings without the sound, to mix it with as well.
        seed: decides everything that is drawn.
        config: the run.
        workers: processes that make scenes.
        on_progress: receives the progress.

    Raises:
        SoundsiftError: recordings that can't be used, or a model of another kind.
        OSError: the adapter cannot be written.
    """
    config = config or TuningConfig()
    if (caption is None) == (captions is None):
        raise SoundsiftError("Give the caption of the sound, or a file of captions, but not both.")
    place = find_model(model)
    sizes = _sizes(place)
    clips = read_recordings(folder, caption, captions)
    training, held = hold_out(clips, config.held_out, seed)
    phrases = [one.clip.concept for one in clips]
    given = [one.caption for one in clips]
    own = _own_backgrounds(backgrounds)
    text = TextEncoder()
    codec = MelCodec(sizes.codec if isinstance(sizes.codec, MelCodecConfig) else MelCodecConfig())

    names = other_phrases(dict.fromkeys(phrases), text)

    def drawer(part: Sequence[TunedClip], held_out: bool) -> SceneDrawer:
        others = find_backgrounds(
            bank, own, held_out, lambda done, total: on_progress("backgrounds", done, total)
        )
        kept = without_meaning(others, dict.fromkeys(phrases), text)
        joined: TuningBank = tuned_bank(part, others)
        return SceneDrawer(joined, [one.clip for one in part], kept, names, config, seed)

    checked = drawer(held, True)
    asked = tuned_scenes(checked, len(held), seed)
    if not asked:
        raise SoundsiftError(f"{folder}: the held-out recordings are silent. Add louder ones.")
    others = other_scenes(checked, len(asked), seed)
    before = _check(soundsift.load(place), asked, others, "checking before", on_progress)

    field = VelocityField(sizes.field)
    weights = load_weights(place)
    field.load_state_dict(weights)

    def on_step(step: int, _: dict[str, float]) -> None:
        on_progress("tuning", step, config.steps)

    scenes = TuningScenes(drawer(training, False), list(dict.fromkeys(phrases)), codec)
    changes = train_adapter(field, config, scenes, codec, text, seed, on_step, workers)
    facts = AdapterFacts(
        phrase=max(dict.fromkeys(given), key=given.count),
        model=sizes.name,
        weights=fingerprint(weights, changes),
        made_by=f"soundsift {__version__}",
    )
    after = _check(
        _with(changes, facts, config, place), asked, others, "checking after", on_progress
    )
    figures = {
        "sound_before_db": before[0],
        "sound_after_db": after[0],
        "others_before_db": before[1],
        "others_after_db": after[1],
    }
    facts = facts.model_copy(update={"check": {k: round(v, 2) for k, v in figures.items()}})
    save_adapter(output, changes, facts, config.alpha)
    return TuningReport(
        output,
        str(facts.phrase),
        len(training),
        len(held),
        (before[0], after[0]),
        (before[1], after[1]),
    )


def _sizes(place: Path) -> SeparatorConfig:
    """The configuration of a model, if it can be tuned."""
    refusal = (
        f"{place}: only models of the default model's kind can be tuned here. For a released "
        "model, train LoRA weights with PEFT and use them by --adapter."
    )
    if not (place / "config.yaml").is_file():
        raise SoundsiftError(refusal)
    sizes = load_config(place)
    own = sizes.prediction == "data" and sizes.text_encoder == "minilm"
    if not own or not isinstance(sizes.codec, MelCodecConfig):
        raise SoundsiftError(refusal)
    return sizes


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
    what: str,
    on_progress: OnProgress,
) -> tuple[float, float]:
    """Mean improvement in dB of the tuned sound and of others."""
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        on_progress(what, done, len(asked) + len(others))

    gains = improvement_db(separator, asked, one_more)
    other_gains = improvement_db(separator, others, one_more)
    return float(np.mean(gains)), float(np.mean(other_gains)) if other_gains else 0.0


def _with(
    changes: dict[str, LowRankChange], facts: AdapterFacts, config: TuningConfig, model: Path
) -> Separator:
    """The model with the changes, loaded as any adapter is."""
    with tempfile.TemporaryDirectory(prefix="soundsift-tune-") as folder:
        file = Path(folder) / "adapter.safetensors"
        save_adapter(file, changes, facts, config.alpha)
        return soundsift.load(model, adapter=file)
