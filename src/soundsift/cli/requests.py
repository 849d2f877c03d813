"""Turn the options of a command line into recording jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from soundsift.errors import SoundsiftError
from soundsift.labels import read_labels
from soundsift.prompts import Prompt, check_removal
from soundsift.recipes import Part
from soundsift.spans import Span

if TYPE_CHECKING:
    from soundsift.audio.formats import BitsName, FormatName, Output
    from soundsift.batch.jobs_file import JobLine
    from soundsift.batch.planner import Job, RecordingJob
    from soundsift.separation.options import Options
    from soundsift.video import VisualPrompt


@dataclass(frozen=True)
class Request:
    """The options of `separate` and `remove`, as given on the command line."""

    mix: tuple[str, ...]
    jobs_file: Path | None
    texts: tuple[str, ...]
    heard: tuple[str, ...]
    not_heard: tuple[str, ...]
    span_order: tuple[str, ...]
    out: Path
    name: str | None
    format: FormatName | None
    bits: BitsName | None
    bitrate: int | None
    options: Options
    model: str
    device: str | None
    precision: str
    boxes: tuple[str, ...]
    masks: Path | None
    stems: tuple[str, ...]
    picture: bool
    overwrite: bool
    exclusive: bool = False
    rest: bool = False
    labels: Path | None = None
    track: int | None = None
    tree: bool = False
    parts: tuple[Part, ...] = ()
    points: tuple[str, ...] = ()
    segmenter: str = "opencv"
    language: str | None = None
    adapter: Path | None = None


@dataclass(frozen=True)
class _Asked:
    """One recording with its prompts and options, without the places of its results."""

    recording: Path
    prompts: tuple[Prompt, ...]
    options: Options
    name: str | None
    exclusive: bool
    rest: bool
    where: str | None = None


def make_recording_jobs(request: Request) -> list[RecordingJob]:
    """The jobs of a command line, one per recording.

    Raises:
        SoundsiftError: an option, a recording's name or the job list is invalid.
    """
    if request.mix and request.jobs_file:
        raise SoundsiftError(
            f"--jobs-file {request.jobs_file} can't be combined with {request.mix[0]}. Give "
            "recordings or a job list."
        )
    if not request.mix and not request.jobs_file:
        raise SoundsiftError("MIX is missing. Name a recording or a folder, or use --jobs-file.")
    if request.parts:
        request = _with_parts(request)
    marks = request.heard, request.not_heard, request.span_order
    visual = _visual(request.points, request.boxes, request.masks, request.segmenter)
    labels = () if request.labels is None else read_labels(request.labels)
    typed = [
        make_prompt(() if text is None else (text,), *marks, request.language)
        for text in request.texts or [None]
    ]
    prompts = tuple(
        replace(prompt, spans=(*labels, *prompt.spans), visual=visual) for prompt in typed
    )
    if "without" in request.stems:
        for text in request.texts:
            check_removal(text, request.language)
    if request.jobs_file is None:
        for prompt in prompts:
            suggest_phrase(prompt, request.adapter)
            _refuse_empty(prompt)
    if request.name is not None and not request.name.strip():
        raise SoundsiftError(
            f"--name {request.name!r} can't begin a file name. Use a name such as '{{stem}}'."
        )

    # Imported here because it takes time; errors above need none of it.
    from soundsift.batch.fingerprint import of_adapter, of_networks
    from soundsift.batch.planner import RecordingJob
    from soundsift.checkpoints.store import find_model

    output, name = _output(request)
    identity = of_networks(find_model(request.model), judge=request.options.judge)
    if request.adapter is not None:
        identity += f" {of_adapter(request.adapter)}"
    if request.jobs_file is None:
        asked = _from_words(request, prompts, name)
    else:
        asked = _from_list(request.jobs_file, request, prompts, name)
    total = sum(len(one.prompts) + one.rest for one in asked)
    recordings: list[RecordingJob] = []
    index = 1
    for one in asked:
        _check_container(request, output, one.recording)
        jobs = _jobs(index, total, one, request, output, identity)
        recordings.append(RecordingJob(jobs))
        index += len(jobs)
    return recordings


def _with_parts(request: Request) -> Request:
    """The request with the prompts and stems of its parts."""
    rest = any(part.text is None for part in request.parts)
    texts = tuple(part.text for part in request.parts if part.text is not None)
    stem = request.parts[0].stem
    return replace(
        request, texts=texts, rest=rest, exclusive=len(texts) > 1, stems=(stem,), language="en"
    )


def make_prompt(
    texts: Sequence[str],
    heard: Sequence[str],
    not_heard: Sequence[str],
    span_order: Sequence[str],
    language: str | None = None,
) -> Prompt:
    """The prompt, with its spans in the order of the command line.

    Args:
        texts: values of `--text`, at most one.
        heard: values of `--span`.
        not_heard: values of `--not-span`.
        span_order: "span" or "not_span" for each span, in order.
        language: value of `--language`.

    Raises:
        SoundsiftError: there are two texts, or a span is invalid.
    """
    if len(texts) > 1:
        raise SoundsiftError(
            f"--text was given {len(texts)} times, with {texts[0]!r} and {texts[1]!r}. Give one "
            "phrase."
        )
    waiting = {"span": iter(heard), "not_span": iter(not_heard)}
    spans = [Span.parse(next(waiting[option]), positive=option == "span") for option in span_order]
    return Prompt(texts[0] if texts else None, tuple(spans), language=language)


def _visual(
    points: Sequence[str], boxes: Sequence[str], masks: Path | None, segmenter: str
) -> VisualPrompt | None:
    if not points and not boxes and masks is None:
        return None
    # Imported here: it imports PyTorch.
    from soundsift.video import Box, Point, VisualPrompt

    return VisualPrompt(
        boxes=tuple(map(Box.parse, boxes)),
        masks=masks,
        points=tuple(map(Point.parse, points)),
        segmenter=segmenter,
    )


def suggest_phrase(prompt: Prompt, adapter: Path | None) -> None:
    """Refuse an empty prompt with the phrase that an adapter was tuned for.

    Raises:
        SoundsiftError: the prompt is empty and the adapter has a phrase, or there is no such
            adapter.
    """
    if adapter is None:
        return
    from soundsift.checkpoints.adapter import read_facts

    facts = read_facts(adapter)
    if prompt.text is None and not prompt.spans and prompt.visual is None and facts.phrase:
        raise SoundsiftError(
            f"The prompt is empty. The adapter {adapter} was tuned for {facts.phrase!r}: add "
            f"--text {facts.phrase!r}, or mark the sound with --span."
        )


def _refuse_empty(prompt: Prompt) -> None:
    if prompt.text is None and not prompt.spans and prompt.visual is None:
        prompt.check(duration=0.0)  # raises: the prompt is empty, whatever the duration


def _output(request: Request) -> tuple[Output, str | None]:
    """The format, and the name (if given) without the suffix that names the format."""
    from soundsift.audio.formats import Output
    from soundsift.batch.templates import check_template, split_suffix

    name, asked = (None, None) if request.name is None else split_suffix(request.name)
    if name is not None:
        check_template(name)
    if asked and request.format and asked != request.format:
        raise SoundsiftError(
            f"--name {request.name!r} asks for {asked} and --format for {request.format}. Choose "
            "one format."
        )
    return Output(request.format or asked or "wav", request.bits, request.bitrate), name


def _check_container(request: Request, output: Output, recording: Path) -> None:
    """Refuse a name whose suffix is not that of the video's container."""
    if request.name is None or output.format != "video":
        return
    asked, kept = Path(request.name).suffix.lower(), output.suffix(recording.suffix)
    if output.suffix(asked) == asked != kept:
        raise SoundsiftError(
            f"--name {request.name!r} asks for {asked}, but the result of {recording} is {kept}. "
            "Leave the suffix out."
        )


def _from_words(request: Request, prompts: tuple[Prompt, ...], name: str | None) -> list[_Asked]:
    from soundsift.batch.inputs import find_recordings

    exclusive = request.exclusive or request.rest
    return [
        _Asked(recording, prompts, request.options, name, exclusive, request.rest)
        for recording in find_recordings(request.mix, request.out)
    ]


def _from_list(
    path: Path, request: Request, prompts: tuple[Prompt, ...], name: str | None
) -> list[_Asked]:
    from soundsift.batch.jobs_file import read_jobs
    from soundsift.batch.templates import check_template, split_suffix

    asked = []
    for where, line in read_jobs(path):
        try:
            if "without" in request.stems:
                for text in [line.text] if isinstance(line.text, str) else line.text or ():
                    check_removal(text, line.language or request.language)
            own = _prompts_of(line, prompts, request, path.parent)
            if line.name is not None:
                check_template(line.name)
                if split_suffix(line.name)[1]:
                    raise SoundsiftError(
                        f"name {line.name!r} ends with the suffix of a format. Use --format, which "
                        "all lines share."
                    )
        except SoundsiftError as error:
            raise SoundsiftError(f"{where}: {error}") from error
        rest = request.rest if line.rest is None else line.rest
        exclusive = request.exclusive if line.exclusive is None else line.exclusive
        asked.append(
            _Asked(
                path.parent / line.input,
                own,
                replace(
                    request.options,
                    seed=request.options.seed if line.seed is None else line.seed,
                    preset=line.preset or request.options.preset,
                    candidates=line.candidates or request.options.candidates,
                ),
                name if line.name is None else line.name,
                exclusive or rest,
                rest,
                where,
            )
        )
    return asked


def _prompts_of(
    line: JobLine, otherwise: tuple[Prompt, ...], request: Request, folder: Path
) -> tuple[Prompt, ...]:
    """The prompts of a line; what it does not say is as on the command line."""
    prompts = otherwise
    visual = otherwise[0].visual
    if line.points or line.boxes or line.masks is not None:
        masks = None if line.masks is None else folder / line.masks
        visual = _visual(line.points, line.boxes, masks, request.segmenter)
        prompts = tuple(replace(prompt, visual=visual) for prompt in prompts)
    if line.text is not None or line.spans or line.not_spans:
        spans = [_span(s, True) for s in line.spans] + [_span(s, False) for s in line.not_spans]
        texts = line.text if isinstance(line.text, list) else [line.text]
        language = line.language or request.language
        prompts = tuple(Prompt(text, tuple(spans), visual, language) for text in texts)
    for prompt in prompts:
        _refuse_empty(prompt)
    return prompts


def _span(given: str | Sequence[float], positive: bool) -> Span:
    if isinstance(given, str):
        return Span.parse(given, positive)
    start, end = given
    return Span(start, end, positive)


def _jobs(
    first: int, total: int, asked: _Asked, request: Request, output: Output, identity: str
) -> tuple[Job, ...]:
    """One job per sound, numbered from `first`, and one for the rest if requested."""
    from soundsift.batch.inputs import subfolder
    from soundsift.batch.planner import Job
    from soundsift.batch.templates import fill
    from soundsift.separation.file_names import SEEN

    out = request.out / subfolder(asked.recording, request.mix) if request.tree else request.out

    files = {Prompt(part.text).text: part.name for part in request.parts}
    wanted: list[tuple[Prompt | None, str, str, tuple[str, ...]]] = [
        (
            prompt,
            asked.name or "{stem}.{text}",
            files.get(prompt.text) or prompt.text or (SEEN if prompt.visual is not None else ""),
            request.stems,
        )
        for prompt in asked.prompts
    ]
    if asked.rest:
        phrases = " ".join(prompt.text or "" for prompt in asked.prompts)
        if None in files:
            wanted.append((None, asked.name or "{stem}.{text}", files[None], ("rest",)))
        else:
            wanted.append((None, asked.name or "{stem}", phrases, ("rest",)))
    facts = {
        "model": Path(request.model).name,
        "preset": asked.options.preset,
        "seed": str(asked.options.seed),
    }
    return tuple(
        Job(
            index=index,
            recording=asked.recording,
            prompt=prompt,
            options=asked.options,
            out=out,
            name=fill(name, asked.recording, index, total, facts | {"text": text}),
            stems=stems,
            output=output,
            picture=request.picture,
            model=request.model,
            model_identity=identity,
            device=request.device,
            precision=request.precision,
            overwrite=request.overwrite,
            sharing=asked.prompts if asked.exclusive else (),
            where=asked.where,
            name_is_free=asked.name is None,
            track=request.track,
            bare=(None if prompt is None else prompt.text) in files,
            adapter=request.adapter,
        )
        for index, (prompt, name, text, stems) in enumerate(wanted, start=first)
    )
