"""From the words of a command line to the jobs that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt, Span

if TYPE_CHECKING:
    from soundsift.audio.formats import BitsName, FormatName, Output
    from soundsift.batch.jobs_file import JobLine
    from soundsift.batch.plan import Job
    from soundsift.separation.joining import Joining
    from soundsift.video import VisualPrompt


@dataclass(frozen=True)
class Request:
    """The options of `separate` and `remove`, as given."""

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
    seed: int
    preset: str
    model: str
    device: str | None
    precision: str
    consistent: bool
    joining: Joining
    window: float | None
    overlap: float | None
    boxes: tuple[str, ...]
    masks: Path | None
    stems: tuple[str, ...]
    picture: bool
    overwrite: bool


@dataclass(frozen=True)
class _Asked:
    """One recording with what is asked of it, before it has a place for its result."""

    recording: Path
    prompt: Prompt
    seed: int
    preset: str
    name: str | None
    where: str | None = None


def make_jobs(request: Request) -> list[Job]:
    """The jobs of a command line, each recording once.

    Raises:
        SoundsiftError: for anything that can't be used; it names it.
    """
    if request.mix and request.jobs_file:
        raise SoundsiftError(
            f"--jobs-file {request.jobs_file} was given beside {request.mix[0]}; recordings or a "
            "job list was expected, not both."
        )
    if not request.mix and not request.jobs_file:
        raise SoundsiftError("MIX is missing; a recording, a folder or --jobs-file was expected.")
    marks = request.heard, request.not_heard, request.span_order
    if request.jobs_file is None and len(request.texts) > 1:
        # Several sounds of the same recordings.
        prompts = [make_prompt((text,), *marks) for text in request.texts]
    else:
        prompts = [make_prompt(request.texts, *marks)]
    visual = _visual(request)
    prompts = [replace(prompt, visual=visual) for prompt in prompts]
    if request.jobs_file is None:
        for prompt in prompts:
            _refuse_empty(prompt)
    if request.name is not None and not request.name.strip():
        raise SoundsiftError(
            f"--name {request.name!r} can't begin a file's name; a word was expected."
        )

    # Only now what takes time to import.
    from soundsift.batch.identity import of_model
    from soundsift.checkpoints.find import find_model

    output, name = _output(request)
    identity = of_model(find_model(request.model))
    if request.jobs_file is None:
        asked = _from_words(request, prompts, name)
    else:
        asked = _from_list(request.jobs_file, request, prompts[0], name)
    return [
        _job(index, len(asked), one, request, output, identity)
        for index, one in enumerate(asked, start=1)
    ]


def make_prompt(
    texts: Sequence[str],
    heard: Sequence[str],
    not_heard: Sequence[str],
    span_order: Sequence[str],
) -> Prompt:
    """The prompt with its spans in the order of the command line.

    Args:
        texts: of `--text`.
        heard: of `--span`.
        not_heard: of `--not-span`.
        span_order: "span" or "not_span" for each of both.

    Raises:
        SoundsiftError: for two texts, or a span that can't be read.
    """
    if len(texts) > 1:
        raise SoundsiftError(
            f"--text was given {len(texts)} times, with {texts[0]!r} and {texts[1]!r}; one phrase "
            "was expected."
        )
    waiting = {"span": iter(heard), "not_span": iter(not_heard)}
    spans = [Span.parse(next(waiting[option]), positive=option == "span") for option in span_order]
    return Prompt(texts[0] if texts else None, tuple(spans))


def _visual(request: Request) -> VisualPrompt | None:
    if not request.boxes and request.masks is None:
        return None
    # Imported here: it takes PyTorch along.
    from soundsift.video import Box, VisualPrompt

    return VisualPrompt(tuple(Box.parse(box) for box in request.boxes), request.masks)


def _refuse_empty(prompt: Prompt) -> None:
    if prompt.text is None and not prompt.spans and prompt.visual is None:
        prompt.check(duration=0.0)  # raises: it asks for nothing, however long the recording is


def _output(request: Request) -> tuple[Output, str]:
    """The format, and the name without a suffix that says the same."""
    from soundsift.audio.formats import Output
    from soundsift.batch.names import check_template, split_suffix

    name, asked = split_suffix("{stem}" if request.name is None else request.name)
    check_template(name)
    if asked and request.format and asked != request.format:
        raise SoundsiftError(
            f"--name {request.name!r} asks for {asked} and --format for {request.format}; one "
            "format was expected."
        )
    return Output(request.format or asked or "wav", request.bits, request.bitrate), name


def _from_words(request: Request, prompts: Sequence[Prompt], name: str) -> list[_Asked]:
    from soundsift.batch.inputs import find_recordings

    if len(prompts) > 1 and request.name is None:
        name = "{stem}.{text}"
    return [
        _Asked(recording, prompt, request.seed, request.preset, name)
        for recording in find_recordings(request.mix, request.out)
        for prompt in prompts
    ]


def _from_list(path: Path, request: Request, prompt: Prompt, name: str) -> list[_Asked]:
    from soundsift.batch.jobs_file import read_jobs
    from soundsift.batch.names import check_template, split_suffix

    asked = []
    for where, line in read_jobs(path):
        try:
            own = _prompt_of(line, prompt)
            if line.name is not None:
                check_template(line.name)
                if split_suffix(line.name)[1]:
                    raise SoundsiftError(
                        f"name {line.name!r} ends like a format; --format, which all lines share, "
                        "was expected instead."
                    )
        except SoundsiftError as error:
            raise SoundsiftError(f"{where}: {error}") from error
        asked.append(
            _Asked(
                path.parent / line.input,
                own,
                request.seed if line.seed is None else line.seed,
                line.preset or request.preset,
                name if line.name is None else line.name,
                where,
            )
        )
    return asked


def _prompt_of(line: JobLine, otherwise: Prompt) -> Prompt:
    if line.text is None and not line.spans and not line.not_spans:
        _refuse_empty(otherwise)
        return otherwise
    spans = [_span(s, True) for s in line.spans] + [_span(s, False) for s in line.not_spans]
    # A line cannot say where the object is seen: that is the command line's in any case.
    prompt = Prompt(line.text, tuple(spans), otherwise.visual)
    _refuse_empty(prompt)
    return prompt


def _span(given: str | Sequence[float], positive: bool) -> Span:
    if isinstance(given, str):
        return Span.parse(given, positive)
    start, end = given
    return Span(start, end, positive)


def _job(
    index: int, total: int, asked: _Asked, request: Request, output: Output, identity: str
) -> Job:
    from soundsift.batch.names import fill
    from soundsift.batch.plan import Job

    facts = {
        "text": asked.prompt.text or "",
        "model": Path(request.model).name,
        "preset": asked.preset,
        "seed": str(asked.seed),
    }
    return Job(
        index=index,
        recording=asked.recording,
        prompt=asked.prompt,
        preset=asked.preset,
        seed=asked.seed,
        out=request.out,
        name=fill(asked.name or "{stem}", asked.recording, index, total, facts),
        stems=request.stems,
        output=output,
        picture=request.picture,
        model=request.model,
        model_identity=identity,
        device=request.device,
        precision=request.precision,
        consistent=request.consistent,
        joining=request.joining,
        window=request.window,
        overlap=request.overlap,
        overwrite=request.overwrite,
        where=asked.where,
    )
