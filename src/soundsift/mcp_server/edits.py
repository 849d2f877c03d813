"""What the server's tools do: listen to a recording, and edit it in turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soundsift.audio import Recording
from soundsift.editing.rendering import Renderer
from soundsift.editing.session import (
    EditSession,
    Turn,
    make_turn,
    read_session,
    start_session,
    write_session,
)
from soundsift.errors import SoundsiftError
from soundsift.languages.codes import LanguageCode
from soundsift.mcp_server.folders import Folders
from soundsift.presets import PresetName
from soundsift.prompts import Prompt
from soundsift.separation.occurrences import described
from soundsift.separation.result import Separation
from soundsift.separation.separator import Separator
from soundsift.separation.span_iou import STEPS_PER_SECOND, heard_steps

if TYPE_CHECKING:
    from soundsift.listening import SoundDetector

#: File of a session, in a folder of its own with its results.
SESSION = "session.edit.json"
_SUFFIX = ".edit.json"
#: A sound that lies further below the whole is probably not there.
ABSENT_DB = -15.0

Progress = Callable[[float], None]
Load = Callable[[str], Separator]


@dataclass(frozen=True)
class Edited:
    """Outcome of a turn.

    Attributes:
        facts: session, turn, file and turns in force, for the agent.
        picture: file of the spectrograms; None if none was asked for.
    """

    facts: dict[str, Any]
    picture: Path | None


class Edits:
    """Edits of recordings in allowed folders. One thing is done at a time.

    Args:
        folders: allowed folders, and that for results.
        load: loads a model by name or folder.
        model: the model of all edits.
        preset: amount of work.
        detector: loads the network that names sounds; None if there is none.
    """

    def __init__(
        self,
        folders: Folders,
        load: Load,
        model: str = "default",
        preset: PresetName = "standard",
        detector: Callable[[], SoundDetector] | None = None,
    ) -> None:
        self._detector = detector
        self._folders, self._load = folders, load
        self._model, self._preset = model, preset
        self._renderer = Renderer(load)
        self._lock = threading.Lock()

    def listen(
        self,
        source: str,
        sounds: Sequence[str] | None,
        progress: Progress,
        language: LanguageCode | None = None,
    ) -> dict[str, Any]:
        """Say which sounds are in a recording or in the present state of an edit, and when.

        Args:
            source: a recording or a session.
            sounds: phrases; None for all sounds that the hearing network knows by name.
            progress: called with the fraction done.
            language: of the phrases, as for `Prompt`.

        Raises:
            SoundsiftError: the source is not allowed or can't be used, or there is neither a phrase
                nor a hearing network.
        """
        if sounds is None and self._detector is None:
            raise SoundsiftError(
                "This installation has no hearing network and can't name sounds by itself. Name "
                "sounds that may be heard: 'dog barking'."
            )
        if sounds is not None and not sounds:
            raise SoundsiftError("No sound is named. Name sounds that may be heard: 'dog barking'.")
        with self._lock:
            _, session, folder, path = self._open(source)
            present = self._renderer.render(session, folder)
            if sounds is None:
                assert self._detector is not None
                found = _named(self._detector(), present, progress)
            else:
                prompts = [Prompt(sound, language=language) for sound in sounds]
                found = self._asked(present, session, folder, prompts, progress)
        seconds = present.mixture.shape[1] / present.sample_rate
        return {"source": str(path), "seconds": round(seconds, 3), "sounds": found}

    def _asked(
        self,
        present: Separation,
        session: EditSession,
        folder: Path,
        sounds: Sequence[Prompt],
        progress: Progress,
    ) -> list[dict[str, Any]]:
        """How surely each sound is there, how loud it is, and when it is heard."""
        separator = self._load(self._model)
        findings = separator.hear(present.target, sounds, sample_rate=present.sample_rate)
        found = []
        for number, (sound, finding) in enumerate(zip(sounds, findings, strict=True)):

            def tell(fraction: float, number: int = number) -> None:
                progress((number + fraction) / len(sounds))

            turn = make_turn("isolate", sound.text, language="en")
            result = self._renderer.render(session.added(turn), folder, None, tell)
            sure = described(finding)
            found.append(
                {
                    "sound": sound.text,
                    "confidence": sure["confidence"],
                    "presence": sure["presence"],
                }
                | _heard(present, result)
                | _read_as([sound])
            )
        progress(1.0)
        return found

    def turn(self, source: str, turn: Turn, picture: bool, progress: Progress) -> Edited:
        """Add a turn, and write the sound after it.

        Args:
            source: a recording, of which a new edit begins, or a session to go on with.
            turn: the turn.
            picture: whether to draw spectrograms.
            progress: called with the fraction done; an exception that it raises stops the work, and
                nothing is written.

        Raises:
            SoundsiftError: the source is not allowed or can't be used, or the turn is impossible.
        """
        with self._lock:
            path, session, folder, recording = self._open(source)
            session = session.added(turn)
            result = self._renderer.render(session, folder, None, progress)
            if path is None:
                path = self._folders.new(recording.stem) / SESSION
                # The session was opened beside its recording, and is stored elsewhere.
                session = session.model_copy(update={"source": recording})
            number = len(session.turns)
            paths = result.save(
                path.parent,
                f"{recording.stem}.turn-{number}",
                stems=("target",),
                picture=picture,
                overwrite=True,
                bare=True,
            )
            write_session(path, session)
        facts = {
            "session": str(path),
            "turn": number,
            "file": str(paths["target"]),
            "seconds": round(result.mixture.shape[1] / result.sample_rate, 3),
            "level_db": round(_level_db(result.target) - _level_db(result.mixture), 1),
            "in_force": [str(one) for one in session.in_force()],
            **_read_as([turn.prompt] if turn.action != "undo" else []),
        }
        return Edited(facts, paths.get("picture"))

    def show(self, source: str) -> dict[str, Any]:
        """Turns of a session.

        Raises:
            SoundsiftError: the session is not allowed or can't be read.
        """
        with self._lock:
            path, session, _, recording = self._open(source)
        left = session.numbers_in_force()
        return {
            "session": None if path is None else str(path),
            "recording": str(recording),
            "turns": [
                {
                    "turn": number,
                    "what": str(turn),
                    "in_force": number in left,
                    "file": None
                    if path is None
                    else str(path.parent / f"{recording.stem}.turn-{number}.wav"),
                }
                for number, turn in enumerate(session.turns, 1)
            ],
        }

    def _open(self, source: str) -> tuple[Path | None, EditSession, Path, Path]:
        """The file of a session, the session, its folder and the recording.

        A recording opens as a session without turns that has no file yet.
        """
        path = self._folders.existing(source)
        if not path.name.endswith(_SUFFIX):
            session = start_session(path, path.parent, self._model, self._preset, 0)
            return None, session, path.parent, path
        session = read_session(path)
        # The file may have been written by others: it must not open what is not allowed.
        recording = self._folders.existing(path.parent / session.source)
        if session.model != self._model:
            raise SoundsiftError(
                f"{source} is a session of the model {session.model!r}, and this server has "
                f"{self._model!r}. Begin a new one."
            )
        return path, session, path.parent, recording


def _named(
    detector: SoundDetector, present: Separation, progress: Progress
) -> list[dict[str, Any]]:
    """The sounds that the hearing network knows by name and finds."""
    recording = Recording(present.target, present.sample_rate, layout=present.layout)
    return [
        {
            "sound": heard.text,
            "confidence": round(heard.confidence, 3),
            "presence": heard.presence,
            "heard": [[round(span.start, 2), round(span.end, 2)] for span in heard.spans],
        }
        for heard in detector.listen(recording, progress=progress)
    ]


def _read_as(prompts: Sequence[Prompt]) -> dict[str, str]:
    """How a phrase in another language was read."""
    read = [str(one.translation) for one in prompts if one.translation is not None]
    return {"read_as": " ".join(read)} if read else {}


def _heard(present: Separation, result: Separation) -> dict[str, Any]:
    """Level of a sound relative to what it was taken from, and when it is heard."""
    rate, target = result.sample_rate, result.target
    step = rate / STEPS_PER_SECOND
    count = max(1, round(target.shape[1] / step))
    edges = np.minimum((np.arange(count) * step).astype(int), target.shape[1] - 1)
    energies = np.add.reduceat(np.square(target, dtype=np.float64).sum(0), edges)
    heard = np.diff(np.concatenate([[0], heard_steps(energies).astype(int), [0]]))
    spans = zip(np.flatnonzero(heard == 1), np.flatnonzero(heard == -1), strict=True)
    level = _level_db(target) - _level_db(present.target)
    if level < ABSENT_DB:
        return {"level_db": round(level, 1), "heard": []}
    return {
        "level_db": round(level, 1),
        "heard": [[int(a) / STEPS_PER_SECOND, int(b) / STEPS_PER_SECOND] for a, b in spans],
    }


def _level_db(samples: np.ndarray) -> float:
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10 * float(np.log10(max(power, 1e-12)))
