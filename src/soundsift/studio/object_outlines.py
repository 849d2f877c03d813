"""Outlines of a marked object in a recording's video, found by decoder processes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from soundsift.studio.decoders import Decoders
from soundsift.studio.disk import DiskSpace
from soundsift.studio.errors import RequestError
from soundsift.studio.limits import Limits
from soundsift.studio.marks import Marks
from soundsift.studio.recordings import Recordings
from soundsift.studio.records import FOLLOWED, STOP, RecordingRow
from soundsift.studio.storage import Storage

_TICK_SECONDS = 0.1
#: Disk space of a second of pictures in which an object is followed.
_BYTES_PER_SECOND = 60 * 40_000


class ObjectOutlines:
    """Outlines for the page. Nothing is stored.

    Args:
        storage: has folders to work in.
        recordings: the videos.
        decoders: processes that read media files.
        space: disk space.
        limits: how far an object is followed.
    """

    def __init__(
        self,
        storage: Storage,
        recordings: Recordings,
        decoders: Decoders,
        space: DiskSpace,
        limits: Limits,
    ) -> None:
        self._storage, self._recordings, self._decoders = storage, recordings, decoders
        self._space, self._limits = space, limits
        # Following takes long: with a process of its own, it does not delay uploads.
        self._turn = CapacityLimiter(1)

    async def marked(self, row: RecordingRow, marks: Marks) -> list[dict[str, Any]]:
        """The object in each marked picture, as `soundsift.studio.schemas.OutlineOut`.

        Raises:
            RequestError: the recording has no picture, a point or box is outside of it, or nothing
                is found there.
        """
        video = await run_in_threadpool(self._recordings.video, row)

        def find() -> list[dict[str, Any]]:
            with self._storage.partial_folder() as folder:
                place = folder / "outlines.json"
                self._decoders.outline(video, place, marks, row.name)
                found: list[dict[str, Any]] = json.loads(place.read_text(encoding="ascii"))
            return found

        return await self._recordings.decoding(find)

    async def followed(
        self, row: RecordingRow, marks: Marks, gone: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """The object in the pictures around the marks, as soon as it is found there.

        Args:
            row: the recording.
            marks: points and boxes at a time.
            gone: tells whether the client has left, which ends the work.

        Yields:
            Lines of JSON: a `soundsift.segmentation.outline_stream.Film`, then `FollowedOutline`s;
            at last, if it can't go on, an object with its `error`.

        Raises:
            RequestError: as for `marked`, before the first line.
        """
        video = await run_in_threadpool(self._recordings.video, row)
        run = _Run()
        following = to_thread.run_sync(self._follow, run, video, row, marks, limiter=self._turn)
        task = asyncio.ensure_future(following)
        # The error of a run that nobody waits for any more is not of interest.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        sent = 0
        try:
            while not task.done():
                if await gone():
                    return
                if lines := await run_in_threadpool(run.lines, sent):
                    sent += len(lines)
                    yield lines
                await asyncio.wait({task}, timeout=_TICK_SECONDS)
            try:
                rest = task.result()[sent:]
            except RequestError as error:
                if not sent:
                    raise
                rest = json.dumps({"error": error.sentence}).encode() + b"\n"
            if rest:
                yield rest
        finally:
            run.stop()
            task.cancel()

    def _follow(self, run: _Run, video: Path, row: RecordingRow, marks: Marks) -> bytes:
        """Follow the object in a decoder process, and return all lines."""
        around = self._limits.follow_seconds
        seconds = min(row.seconds, max(marks.times) - min(marks.times) + 2 * around)
        size = round(_BYTES_PER_SECOND * seconds)
        with self._space.promise(size), self._storage.partial_folder() as folder:
            run.begin(folder)
            self._decoders.follow(video, folder, marks, around, row.name)
            return (folder / FOLLOWED).read_bytes()


class _Run:
    """The folder in which an object is being followed, and whether that is to end."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def begin(self, folder: Path) -> None:
        """Work in a folder."""
        with self._lock:
            self._folder = folder
        if self._stopped:
            self.stop()

    def stop(self) -> None:
        """End the work, now or once it begins."""
        with self._lock:
            self._stopped = True
            # Gone with its folder, if it has ended.
            with suppress(OSError):
                if self._folder is not None:
                    (self._folder / STOP).touch()

    def lines(self, start: int) -> bytes:
        """The complete lines from a byte on."""
        try:
            if self._folder is None:
                return b""
            with (self._folder / FOLLOWED).open("rb") as file:
                file.seek(start)
                found = file.read()
        except OSError:
            # Not yet begun, or just ended.
            return b""
        return found[: found.rfind(b"\n") + 1]
