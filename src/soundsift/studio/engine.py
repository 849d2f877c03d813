"""Separation in a worker, with models that stay loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from soundsift.errors import SoundsiftError
from soundsift.studio.marks import Marks

if TYPE_CHECKING:
    from soundsift.listening import SoundDetector
    from soundsift.separation.separator import Separator
    from soundsift.video import VisualPrompt

#: Sounds to suggest, at most, and the seconds of a recording that are listened to for them.
_SUGGESTIONS, _LISTEN_SECONDS = 12, 300.0


@dataclass(frozen=True)
class Task:
    """A job for a worker.

    Attributes:
        id: id of the job.
        source: WAV file to separate.
        name: name of the recording, for messages.
        video: the uploaded file, if it has a picture.
        folder: folder for the result; does not exist yet.
        request: a `soundsift.studio.schemas.JobRequest` as a dictionary.
        seconds: time limit.
    """

    id: str
    source: Path
    name: str
    video: Path | None
    folder: Path
    request: Mapping[str, Any]
    seconds: float = 600.0


@dataclass(frozen=True)
class ListenTask:
    """A recording to listen to, for suggestions.

    Attributes:
        id: id of the recording.
        source: WAV file.
        name: name of the recording, for messages.
        seconds: time limit.
    """

    id: str
    source: Path
    name: str
    seconds: float = 600.0


@dataclass(frozen=True)
class Result:
    """Result of a task.

    Attributes:
        settings: everything needed to reproduce it.
        target_level_db: energy of the target relative to the source.
    """

    settings: dict[str, Any]
    target_level_db: float


class Engine(Protocol):
    """Runs tasks in a worker's process, to which it is pickled."""

    def prepare(self) -> None:
        """Load the default model."""
        ...

    def separate(self, task: Task, report: Callable[[float], None]) -> Result:
        """Write target, residual and settings into the task's folder.

        Args:
            task: the task.
            report: receives the fraction done; may raise to cancel.

        Raises:
            SoundsiftError: the task is invalid.
        """
        ...

    def listen(self, task: ListenTask, report: Callable[[float], None]) -> list[dict[str, Any]]:
        """What is heard in a recording, as `soundsift.studio.schemas.HeardSound`, best first.

        Args:
            task: the recording.
            report: as for `separate`.

        Raises:
            SoundsiftError: the recording is silent, or nothing can listen.
        """
        ...


@dataclass
class Separators:
    """The engine of the studio.

    Attributes:
        models: names of the offered models, and what `soundsift.load` loads for them.
        device: device to compute on; None is the best available.
        precision: see `soundsift.load`.
        adapters: adapters of some of the models, by their names.
    """

    models: Mapping[str, str]
    device: str | None = None
    precision: str = "auto"
    adapters: Mapping[str, Path] = field(default_factory=dict)
    _loaded: dict[str, Separator] = field(default_factory=dict)
    _detector: SoundDetector | None = None

    def prepare(self) -> None:
        """Load the first model."""
        self._separator(next(iter(self.models)))

    def separate(self, task: Task, report: Callable[[float], None]) -> Result:
        """See `Engine`."""
        # Imported here: the server imports this module, and has no PyTorch.
        from soundsift.audio import examine
        from soundsift.separation.judges import has_judge

        asked = task.request
        separator = self._separator(asked["model"])
        # From file to files, so memory does not grow with the duration. The residual of an earlier
        # turn may be silent.
        saved = separator.separate_file(
            examine(task.source, allow_silence=True),
            task.folder,
            "stem",
            text=asked["text"],
            language=asked.get("language"),
            spans=[tuple(span) for span in asked["spans"]],
            not_spans=[tuple(span) for span in asked["not_spans"]],
            visual=_visual(Marks.of(asked), task.video),
            preset=asked["preset"],
            seed=asked["seed"],
            candidates=asked.get("candidates", 1),
            judge=asked.get("judge", True) and has_judge(separator.model),
            record={"input": task.name},
            progress=report,
        )
        settings = json.loads(saved.paths["settings"].read_text(encoding="utf-8"))
        return Result(settings, saved.target_level_db)

    def listen(self, task: ListenTask, report: Callable[[float], None]) -> list[dict[str, Any]]:
        """See `Engine`."""
        from soundsift.listening import SoundDetector

        if self._detector is None:
            encoders = (
                one.model.text
                for one in self._loaded.values()
                if one.config.text_encoder == "minilm"
            )
            self._detector = SoundDetector.load(self.device, text=next(encoders, None))
        heard = self._detector.listen(
            task.source, limit=_SUGGESTIONS, longest=_LISTEN_SECONDS, progress=report
        )
        return [asdict(sound) for sound in heard]

    def _separator(self, name: str) -> Separator:
        if name not in self._loaded:
            import soundsift

            # One at a time: two large models rarely fit into memory.
            self._loaded.clear()
            try:
                self._loaded[name] = soundsift.load(
                    self.models[name],
                    self.device,
                    self.precision,
                    adapter=self.adapters.get(name),
                )
            except KeyError as error:
                raise SoundsiftError(f"Model {name!r} is not offered by this server.") from error
        return self._loaded[name]


def _visual(marks: Marks, video: Path | None) -> VisualPrompt | None:
    if not marks:
        return None
    from soundsift.video import VisualPrompt

    return VisualPrompt(marks.boxes, video=video, points=marks.points)
