"""The sound after any turn of an edit session."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from soundsift.audio import Recording, read
from soundsift.audio.extras import read_extras
from soundsift.audio.normalisation import SILENCE
from soundsift.audio.tags import read_tags
from soundsift.editing.session import EditSession, Turn
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest
from soundsift.separation.result import Separation
from soundsift.separation.separator import Separator

#: Results of turns that are kept in memory.
_MOST_KEPT = 4


class Renderer:
    """Renders sessions, and keeps the results of the last turns in memory.

    A turn works on the result of the turn before, at the recording's rate, channels and length.
    Nothing is written: rendering a session again gives the same sound.

    Args:
        load: loads a model by name or folder.
    """

    def __init__(self, load: Callable[[str], Separator]) -> None:
        self._load = load
        self._kept: OrderedDict[tuple[object, ...], np.ndarray] = OrderedDict()

    def render(
        self,
        session: EditSession,
        folder: Path,
        turn: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Separation:
        """The sound after a turn.

        Args:
            session: the session.
            folder: folder of its file, from which a relative path of the recording starts.
            turn: after so many turns; 0 is the recording itself. None: after all.
            progress: called with the fraction done; an exception that it raises stops the work.

        Returns:
            The sound as `target`, and the difference between the recording and it as `residual`.

        Raises:
            SoundsiftError: the recording is missing or another one, there is no such turn, or a
                turn has nothing to work on.
        """
        turns = session.in_force(turn)
        path = folder / session.source
        recording = _read(path, session.sha256)
        samples = recording.samples
        done = self._find(session, turns)
        if done:
            samples = self._kept[self._key(session, turns[:done])]
        for number in range(done, len(turns)):

            def tell(fraction: float, number: int = number) -> None:
                if progress is not None:
                    progress((number - done + fraction) / (len(turns) - done))

            samples = self._apply(session, turns[number], replace(recording, samples=samples), tell)
            self._keep(self._key(session, turns[: number + 1]), samples)
        return Separation(
            mixture=recording.samples,
            target=samples,
            residual=recording.samples - samples,
            sample_rate=recording.sample_rate,
            sample_format=recording.sample_format,
            layout=recording.layout,
            settings={
                "model": session.model,
                "preset": session.preset,
                "seed": session.seed,
                "turns": [one.model_dump(mode="json", exclude_defaults=True) for one in turns],
            },
            tags=read_tags(path),
            extras=read_extras(path),
        )

    def _apply(
        self,
        session: EditSession,
        turn: Turn,
        recording: Recording,
        progress: Callable[[float], None],
    ) -> np.ndarray:
        if float(np.abs(recording.samples).max(initial=0.0)) <= SILENCE:
            raise SoundsiftError(
                f"There is nothing left for the turn {str(turn)!r}: the turns before it leave "
                "silence. Undo the last one."
            )
        # Kept exact between turns: the format of the files is that of the recording.
        source = replace(recording, sample_format="f32")
        separated = self._load(session.model).separate_many(
            source,
            [turn.prompt],
            preset=session.preset,
            seed=session.seed,
            consistent=True,
            progress=progress,
        )[0]
        if turn.action in ("isolate", "keep"):
            return separated.target
        if turn.action == "remove":
            return separated.residual
        assert turn.db is not None
        gain = np.float32(10 ** (turn.db / 20) - 1)
        return np.asarray(recording.samples + gain * separated.target)

    def _key(self, session: EditSession, turns: tuple[Turn, ...]) -> tuple[object, ...]:
        return session.sha256, session.model, session.preset, session.seed, turns

    def _find(self, session: EditSession, turns: tuple[Turn, ...]) -> int:
        """How many of the turns a kept result covers."""
        for count in range(len(turns), 0, -1):
            key = self._key(session, turns[:count])
            if key in self._kept:
                self._kept.move_to_end(key)
                return count
        return 0

    def _keep(self, key: tuple[object, ...], samples: np.ndarray) -> None:
        self._kept[key] = samples
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


def _read(path: Path, sha256: str) -> Recording:
    try:
        digest = file_digest(path)
    except OSError as error:
        raise SoundsiftError(
            f"{path}, the recording of the session, can't be read ({error.strerror or error}). Put "
            "it back, or start a new session."
        ) from error
    if digest != sha256:
        raise SoundsiftError(
            f"{path} is not the recording that the session began with. Put that one back, or start "
            "a new session."
        )
    return read(path)
