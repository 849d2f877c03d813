"""An edit session: a recording and the turns of its editing, as a small file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soundsift.audio import atomic_file
from soundsift.errors import SoundsiftError, one_line
from soundsift.fingerprint import file_digest
from soundsift.languages.codes import LanguageCode
from soundsift.presets import PresetName
from soundsift.prompts import Prompt, check_removal, make_prompt

Action = Literal["isolate", "keep", "remove", "louder", "undo"]
ACTIONS: tuple[Action, ...] = get_args(Action)
#: Gain of a turn in dB, at most.
MOST_DB = 40.0

_Time = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Turn(_Strict):
    """One step of an edit.

    Attributes:
        action: `isolate` and `keep` leave only the sound, `remove` leaves it out, `louder` changes
            its level, `undo` takes the last turn back that is still in force.
        text: the sound as a phrase; several for `keep`: "dog barking, man speaking".
        language: of the text, as for `soundsift.prompts.Prompt`.
        spans: when the sound is heard, as (start, end) in seconds of the recording.
        not_spans: when it is not.
        db: gain of `louder` in dB; below 0 it makes the sound quieter.
    """

    action: Action
    text: str | None = None
    language: LanguageCode | None = None
    spans: tuple[tuple[_Time, _Time], ...] = ()
    not_spans: tuple[tuple[_Time, _Time], ...] = ()
    db: Annotated[float, Field(ge=-MOST_DB, le=MOST_DB)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Turn:
        if self.action == "undo":
            if self.text or self.language or self.spans or self.not_spans or self.db is not None:
                raise ValueError("undo takes neither a sound nor a gain")
            return self
        if (self.db is not None) != (self.action == "louder"):
            raise ValueError("db belongs to louder, which needs it")
        try:
            self.prompt.check(None)
            if self.action == "remove":
                check_removal(self.text, self.language)
        except SoundsiftError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def prompt(self) -> Prompt:
        """The sound that the turn is about."""
        return make_prompt(self.text, self.spans, self.not_spans, language=self.language)

    def __str__(self) -> str:
        if self.action == "undo":
            return "undo"
        prompt = self.prompt
        signs = [f"{'+' if span.positive else '-'}{span}" for span in prompt.spans]
        gain = [] if self.db is None else [f"by {self.db:g} dB"]
        return " ".join([self.action, *([prompt.text] if prompt.text else []), *signs, *gain])


class EditSession(_Strict):
    """Contents of a session's file.

    Attributes:
        format: version of the file's format.
        source: the recording; a relative path starts from the session's folder.
        sha256: digest of the recording.
        model: name or folder of the model, as for `soundsift.load`.
        preset: amount of work.
        seed: seed of the sampler.
        turns: all turns, undone ones included.
    """

    format: Literal[1] = 1
    source: Path
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    model: str = "default"
    preset: PresetName = "standard"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    turns: tuple[Turn, ...] = ()

    def added(self, turn: Turn) -> EditSession:
        """The session with one more turn.

        Raises:
            SoundsiftError: nothing is left to undo.
        """
        if turn.action == "undo" and not self.in_force():
            raise SoundsiftError("There is nothing to undo: no turn is in force.")
        return self.model_copy(update={"turns": (*self.turns, turn)})

    def in_force(self, turn: int | None = None) -> tuple[Turn, ...]:
        """The turns that are not undone.

        Args:
            turn: after so many turns; 0 is the recording itself. None: after all.

        Raises:
            SoundsiftError: there are not so many turns.
        """
        count = len(self.turns) if turn is None else turn
        if not 0 <= count <= len(self.turns):
            raise SoundsiftError(
                f"There is no turn {count}: the session has {len(self.turns)}. Use 0, the "
                "recording, to the last."
            )
        return tuple(self.turns[number - 1] for number in self._numbers(count))

    def numbers_in_force(self) -> tuple[int, ...]:
        """Numbers of the turns that are not undone, from 1."""
        return tuple(self._numbers(len(self.turns)))

    def _numbers(self, count: int) -> list[int]:
        kept: list[int] = []
        for number, turn in enumerate(self.turns[:count], 1):
            if turn.action != "undo":
                kept.append(number)
            elif kept:
                kept.pop()
        return kept


def start_session(
    recording: Path, folder: Path, model: str, preset: PresetName, seed: int
) -> EditSession:
    """A session without turns.

    Args:
        recording: the recording.
        folder: folder of the session's file; a recording in it is named by its relative path.
        model: as for `soundsift.load`.
        preset: amount of work.
        seed: seed of the sampler.

    Raises:
        SoundsiftError: the recording can't be read.
    """
    try:
        digest = file_digest(recording)
    except OSError as error:
        raise SoundsiftError(
            f"{recording} can't be read ({error.strerror or error}). Name a recording."
        ) from error
    absolute, base = recording.resolve(), folder.resolve()
    source = absolute.relative_to(base) if absolute.is_relative_to(base) else absolute
    return EditSession(source=source, sha256=digest, model=model, preset=preset, seed=seed)


def read_session(path: Path) -> EditSession:
    """Read a session's file.

    Raises:
        SoundsiftError: it can't be read, or is no session.
    """
    try:
        return EditSession.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SoundsiftError(
            f"{path} can't be read ({error.strerror or error}). Make a session with "
            "`soundsift edit start`."
        ) from error
    except (UnicodeDecodeError, ValidationError) as error:
        raise SoundsiftError(
            f"{path} is no edit session ({one_line(error)}). Make one with `soundsift edit start`."
        ) from error


def write_session(path: Path, session: EditSession, *, overwrite: bool = True) -> None:
    """Write a session's file.

    Raises:
        SoundsiftError: it exists and `overwrite` is off, or can't be written.
    """
    with atomic_file(path, overwrite=overwrite) as file:
        text = session.model_dump_json(indent=1, exclude_defaults=False)
        file.write(text.encode() + b"\n")


def make_turn(
    action: Action,
    text: str | None = None,
    spans: tuple[tuple[float, float], ...] = (),
    not_spans: tuple[tuple[float, float], ...] = (),
    db: float | None = None,
    language: LanguageCode | None = None,
) -> Turn:
    """A turn, with errors for people.

    Raises:
        SoundsiftError: the turn asks for nothing, or for what its action does not take.
    """
    try:
        return Turn(
            action=action,
            text=text,
            language=language,
            spans=spans,
            not_spans=not_spans,
            db=db,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SoundsiftError(f"{where}: {message}" if where else message) from error
