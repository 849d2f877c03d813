"""The server's side of `decoder.py`: a pool of decoder processes."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from soundsift.studio.confinement import Confinement
from soundsift.studio.errors import RequestError, no_room, too_large, unusable
from soundsift.studio.limits import Limits
from soundsift.studio.marks import Marks
from soundsift.studio.records import ORIGINAL

_log = logging.getLogger(__name__)

_STATUS = {
    "not-audio": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "unusable": HTTPStatus.UNPROCESSABLE_ENTITY,
}
#: Additional to the wall time of a fork.
_GRACE_SECONDS = 10.0


class Decoders:
    """A pool of decoder processes. Methods may be called from any thread.

    Args:
        limits: number of processes, and limits of a task.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._all = [_Process() for _ in range(limits.decoders)]
        for process in self._all:
            self._free.put(process)
        # Started when an object is first followed.
        self._follower = _Process()

    def start(self) -> None:
        """Start the processes, so that the first upload does not wait for their imports."""
        if gaps := Confinement.find().gaps:
            _log.warning(
                "this system has no way to keep the processes that decode uploads from %s; they "
                "are limited in time, memory and disk space only. Linux 5.13 or newer with "
                "Landlock and libseccomp has.",
                " and ".join(gaps),
            )
        for process in self._all:
            process.start()

    def close(self) -> None:
        """End the processes."""
        for process in (*self._all, self._follower):
            process.end()

    def take(self, folder: Path, name: str, room: int) -> dict[str, Any]:
        """Check an uploaded file and decode its sound.

        Args:
            folder: see `soundsift.studio.decoder.take`.
            name: file name for messages.
            room: bytes that the decoded sound may take on the disk.

        Returns:
            Its `seconds`, `sample_rate`, `channels`, `has_video` and `suffix`.

        Raises:
            RequestError: the file is no audio, too large, or damaged.
        """
        bounds = asdict(self._limits.of_recording)
        arguments = {"folder": str(folder), "bounds": bounds, "room": room}
        return self._do("take", arguments, {str(folder / ORIGINAL): name}, [], folder)

    def copy(
        self,
        source: Path,
        place: Path,
        kind: str,
        picture: Path | None,
        name: str,
        fraction: Path,
    ) -> None:
        """Encode a WAV file in another format.

        Args:
            source: WAV file.
            place: file to write, in a folder of its own.
            kind: name of the format.
            picture: video whose picture is copied.
            name: name of the recording, for messages.
            fraction: file that receives the fraction done.

        Raises:
            RequestError: the format can't hold the sound.
        """
        arguments = {
            "source": str(source),
            "place": str(place),
            "format": kind,
            "picture": None if picture is None else str(picture),
            "fraction": str(fraction),
        }
        files = [source] if picture is None else [source, picture]
        names = {str(path): name for path in (*files, place)}
        self._do("copy", arguments, names, files, place.parent)

    def draw(self, source: Path, place: Path) -> None:
        """Store the peaks of a WAV file.

        Args:
            source: WAV file.
            place: file to write, in a folder of its own.
        """
        arguments = {"source": str(source), "place": str(place)}
        self._do("draw", arguments, {str(source): "The stem"}, [source], place.parent)

    def outline(self, video: Path, place: Path, marks: Marks, name: str) -> None:
        """Store the outlines of a marked object.

        Args:
            video: video file.
            place: file to write, in a folder of its own.
            marks: points and boxes at a time.
            name: name of the recording, for messages.

        Raises:
            RequestError: a mark is outside the pictures, or nothing is found there.
        """
        arguments = {"source": str(video), "place": str(place), **asdict(marks)}
        self._do("outline", arguments, {str(video): name}, [video], place.parent)

    def follow(self, video: Path, folder: Path, marks: Marks, around: float, name: str) -> None:
        """Follow a marked object; one at a time.

        Args:
            video: video file.
            folder: where the outlines are written, each when it is found, and where a file named
                `STOP` ends it; see `soundsift.studio.outline_tasks.follow`.
            marks: points and boxes at a time.
            around: seconds before the first and after the last mark in which it is followed.
            name: name of the recording, for messages.

        Raises:
            RequestError: a mark is outside the pictures, or nothing is found there.
        """
        arguments = {"source": str(video), "folder": str(folder), "around": around}
        arguments |= asdict(marks)
        names = {str(video): name}
        self._do("follow", arguments, names, [video], folder, self._follower)

    def measure(self, video: Path, name: str) -> tuple[int, int, float]:
        """Height and width of a video's pictures, and its seconds, 0 if the file doesn't say."""
        found = self._do("measure", {"source": str(video)}, {str(video): name}, [video], None)
        return found["height"], found["width"], found["seconds"]

    def _do(
        self,
        task: str,
        arguments: dict[str, Any],
        names: dict[str, str],
        reads: list[Path],
        writes: Path | None,
        own: _Process | None = None,
    ) -> dict[str, Any]:
        """Run a task, which may read some files, and change one folder or none.

        It runs in the next free process, or in one of its own.
        """
        limits = self._limits
        written = [] if writes is None else [str(writes)]
        request = {
            "task": task,
            "arguments": arguments,
            "limits": {
                "memory": limits.decode_memory,
                "seconds": limits.longest_decoding,
                "bytes": limits.decoded_bytes + (1 << 20),
            },
            "files": {"reads": [str(path) for path in reads], "writes": written},
        }
        process = own or self._free.get()
        try:
            answer = process.ask(request, 2 * limits.longest_decoding + _GRACE_SECONDS)
        finally:
            if own is None:
                self._free.put(process)
        if (done := answer.get("done")) is not None:
            found: dict[str, Any] = done
            return found
        sentence = str(answer["sentence"])
        # Paths of the server are not shown to clients.
        for path, name in names.items():
            sentence = sentence.replace(path, name)
        kind = answer["refused"]
        if kind == "no-room":
            raise no_room()
        if kind == "too-large":
            raise too_large(sentence)
        raise RequestError(_STATUS[kind], sentence)


class _Process:
    """One decoder process, started on demand and restarted after its end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def start(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            # One thread per library: a fork keeps only the thread that forks.
            own = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "soundsift.studio.decoder"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=os.environ | own,
            )
        return self._process

    def end(self) -> None:
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        # The process limits its forks itself; this is for a process that hangs.
        alarm = threading.Timer(seconds, process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        finally:
            alarm.cancel()
        if not line:
            process.kill()
            raise unusable("The file can't be read: it crashes the decoder.")
        answer: dict[str, Any] = json.loads(line)
        return answer
