"""Right answers to queries about scenes, as latents and energies, for many scenes at once.

Energies of sums of sources follow from the sources' own: |X|^2 and Re(X* M), M the mixture, are
pooled into cells once per source.

Shapes: S scenes, R sources of all scenes in turn, Q queries about all scenes in turn, T latent
frames, C = T * subframes columns, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from soundsift.data.scene import MeasuredScene, Query, Scene
from soundsift.models.mel_codec import MelCodec
from soundsift.spans import NULL, OPEN, frame_anchors

#: A target with less than this share of the mixture's energy counts as absent.
AUDIBLE = 1e-3


def encode_queries(
    codec: MelCodec,
    scene: Scene,
    queries: list[Query],
    level_db: float = 0.0,
    concepts: dict[str, int] | None = None,
) -> dict[str, Tensor]:
    """Analyse one scene and lay out every query's right answer: see `encode_scenes`."""
    waves = torch.from_numpy(scene.stems)
    return encode_scenes(codec, waves, [scene], [queries], [level_db], concepts)


def encode_scenes(
    codec: MelCodec,
    waves: Tensor,
    scenes: Sequence[MeasuredScene],
    queries: Sequence[Sequence[Query]],
    levels_db: Sequence[float],
    concepts: dict[str, int] | None = None,
) -> dict[str, Tensor]:
    """Analyse scenes of one length, and lay out every query's right answer.

    Args:
        codec: the codec, on the device of the waves.
        waves: of the sources of all scenes `(R, N)`.
        scenes: the scenes.
        queries: what is asked of each, all about as many frames.
        levels_db: added to each context's level, so that the model does not rely on it.
        concepts: numbers of the concepts, if what is heard is to be told.

    Returns:
        The tensors of `soundsift.training.batches.Batch` from `context` to `example_energy`, and
        `sounds` if `concepts` is given.
    """
    device = waves.device
    counts = [len(scene.sources) for scene in scenes]
    begins = [sum(counts[:i]) for i in range(len(counts))]
    # Which sources make up a scene (S, R) and a target (Q, R).
    belongs = torch.zeros(len(scenes), len(waves))
    for row, (begin, count) in enumerate(zip(begins, counts, strict=True)):
        belongs[row, begin : begin + count] = 1
    asked = [(s, query) for s, some in enumerate(queries) for query in some]
    chosen = torch.zeros(len(asked), len(waves))
    for row, (s, query) in enumerate(asked):
        chosen[row, [begins[s] + i for i in query.targets]] = 1
    belongs, chosen = belongs.to(device), chosen.to(device)
    owner = torch.tensor([s for s, _ in asked], device=device)

    mixtures = _sum(belongs, waves)
    spectra, mixed = codec.spectrum(waves), codec.spectrum(mixtures)
    source_scene = belongs.argmax(dim=0)
    own = codec.cross_energy(spectra, spectra)
    with_mixture = codec.cross_energy(spectra, mixed[source_scene])
    power = codec.cross_energy(mixed, mixed)
    context = codec.context(mixtures[:, None], mixed[:, None])
    context = context + torch.tensor(levels_db, device=device)[:, None, None] / 20.0

    cross = _sum(chosen, with_mixture)
    target = _sum(chosen, own)
    several = [row for row, (_, query) in enumerate(asked) if len(query.targets) > 1]
    for row in several:
        together = spectra[chosen[row] > 0].sum(0)
        target[row] = codec.cross_energy(together, together)
    total = power.sum(dim=(1, 2)).clamp(min=1e-12)[owner, None, None]
    rest = (power[owner] - 2 * cross + target).clamp(min=0.0)
    rows = {
        "context": context[owner],
        "anchors": _anchors(asked, context.shape[1], codec).to(device),
        "latents": torch.cat([codec.shares(target, rest), codec.shares(rest, target)], dim=-1),
        "mixture_energy": power[owner] / total,
        "cross_energy": cross / total,
        "target_energy": target.sum(dim=(1, 2)) / total[:, 0, 0],
        "present": torch.tensor([bool(q.targets) for _, q in asked], device=device),
        "example_energy": torch.zeros(len(asked), device=device),
    }
    if concepts is not None:
        rows["sounds"] = _heard(scenes, own, belongs, concepts, context.shape[1])[owner]
    if not any(query.parts for _, query in asked):
        return rows
    frames = torch.tensor([[f for part in q.parts for f in range(*part)] for _, q in asked])
    shown = torch.tensor([sum(b - a for a, b in q.parts[:-1]) for _, q in asked])
    return _in_parts(rows, target / total, frames.to(device), shown.to(device))


def _in_parts(
    rows: dict[str, Tensor], own: Tensor, frames: Tensor, shown: Tensor
) -> dict[str, Tensor]:
    """What queries know of scenes, cut to their parts; what is asked about is the last.

    The others have no energy, so that nothing depends on the answer given there. But the target's
    own energy in them is the measure of what is wrong in a window without it: in a long recording,
    all windows share one target.

    Args:
        rows: of the whole scenes.
        own: the targets' energies `(Q, bands, C)`, on the scale of the mixture's.
        frames: which frames a query sees `(Q, T)`, those of the example first.
        shown: how many of them are the example `(Q,)`.
    """
    count, length = frames.shape
    subframes = own.shape[2] // rows["context"].shape[1]
    columns = frames[..., None] * subframes + torch.arange(subframes, device=frames.device)
    columns = columns.flatten(1)[:, None]
    window = torch.arange(length, device=frames.device) >= shown[:, None]
    heard = window.repeat_interleave(subframes, dim=1)[:, None]

    def cut(name: str) -> Tensor:
        return rows[name][torch.arange(count, device=frames.device)[:, None], frames]

    def in_columns(energy: Tensor) -> Tensor:
        return energy.gather(2, columns.expand(-1, energy.shape[1], -1))

    energy = in_columns(rows["mixture_energy"])
    # Separation takes out the level of each part on its own.
    whole = _bels(rows["mixture_energy"].mean(dim=(1, 2)))[:, None]
    ahead, behind = (
        _bels((energy * part).sum(dim=(1, 2)) / (part.sum(dim=(1, 2)) * energy.shape[1]).clamp(1))
        for part in (~heard, heard)
    )
    level = torch.where(window, behind[:, None], ahead[:, None])
    total = (energy * heard).sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    own = in_columns(own) / total
    target, example = (own * heard).sum(dim=(1, 2)), (own * ~heard).sum(dim=(1, 2))
    by_example = (shown > 0)[:, None]
    return {name: cut(name) for name in ("latents", "sounds") if name in rows} | {
        "context": cut("context") + ((whole - level) / 2)[..., None],
        "anchors": torch.where(window & by_example, OPEN, cut("anchors")),
        "mixture_energy": energy * heard / total,
        "cross_energy": in_columns(rows["cross_energy"]) * heard / total,
        "target_energy": target,
        "present": rows["present"] & (target + example > AUDIBLE),
        # A window may be all but silent.
        "example_energy": example.clamp(max=100.0),
    }


def _anchors(asked: Sequence[tuple[int, Query]], frames: int, codec: MelCodec) -> Tensor:
    rows = []
    for _, query in asked:
        unmarked = OPEN if query.example and query.spans and not query.parts else NULL
        anchors = frame_anchors(query.spans, frames, codec.config.frame_rate, unmarked)
        rows.append(torch.from_numpy(anchors))
    return torch.stack(rows)


def _sum(members: Tensor, values: Tensor) -> Tensor:
    """Sums of rows `(rows, ...)`, by a table `(sums, rows)` of zeros and ones."""
    return (members @ values.flatten(1)).view(-1, *values.shape[1:])


def _bels(energy: Tensor) -> Tensor:
    return energy.clamp(min=1e-9).log10()


def _heard(
    scenes: Sequence[MeasuredScene],
    energies: Tensor,
    belongs: Tensor,
    concepts: dict[str, int],
    frames: int,
) -> Tensor:
    """Which concepts are heard in a frame `(S, T, concepts)`, by their sources' energies.

    Heard means within 40 dB of the source's loudest frame and 30 dB of the frame's sum.
    """
    energy = energies.sum(dim=1).reshape(len(energies), frames, -1).sum(-1)
    loudest = energy.max(dim=1, keepdim=True).values
    scene_of = belongs.argmax(dim=0)
    total = (belongs @ energy)[scene_of]
    active = (energy > 1e-4 * loudest) & (energy > 1e-3 * total) & (loudest > 0)
    names = [source.clip.concept for scene in scenes for source in scene.sources]
    known = [(row, concepts[name]) for row, name in enumerate(names) if name in concepts]
    sounds = torch.zeros(len(scenes), frames, len(concepts), device=energies.device)
    if known:
        row, concept = torch.tensor(known, device=energies.device).T
        # Several sources of a scene may be of one concept.
        sounds.index_put_(
            (scene_of[row][:, None], torch.arange(frames, device=row.device), concept[:, None]),
            active[row].float(),
            accumulate=True,
        )
    return sounds > 0
