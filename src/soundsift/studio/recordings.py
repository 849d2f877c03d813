"""Recordings: taken in, drawn, copied into other formats, removed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from soundsift.fingerprint import file_digest
from soundsift.studio.database import Database
from soundsift.studio.decoders import Decoders
from soundsift.studio.disk import DiskSpace, disk_is_full
from soundsift.studio.errors import busy, in_use, no_room, not_found, too_large, unusable
from soundsift.studio.limits import Limits
from soundsift.studio.peaks import read_peaks
from soundsift.studio.records import AUDIO, ORIGINAL, PEAKS, RecordingRow
from soundsift.studio.storage import Storage
from soundsift.studio.uploads import Upload, clean_name, receive

_T = TypeVar("_T")


class Recordings:
    """All recordings of a server. Methods may be called from any thread.

    Args:
        storage: the data folder.
        database: the database.
        decoders: read and write media files.
        space: disk space.
        limits: limits of an upload.
    """

    def __init__(
        self,
        storage: Storage,
        database: Database,
        decoders: Decoders,
        space: DiskSpace,
        limits: Limits,
    ) -> None:
        self._storage, self._database = storage, database
        self._decoders, self._space, self._limits = decoders, space, limits
        self._locks = _Locks()
        # Decoding has threads of its own: requests that wait for it must not keep others waiting.
        self._threads = CapacityLimiter(limits.decoders)
        self._receiving = 0

    def find(self, identity: str) -> RecordingRow:
        """A recording, which counts as used.

        Raises:
            RequestError: there is none.
        """
        row = self._database.recording(identity)
        if row is None:
            raise not_found("recording", identity)
        self._database.use_recording(identity)
        return row

    async def receive(
        self, chunks: AsyncIterator[bytes], content_type: str, announced: int | None
    ) -> RecordingRow:
        """Take an upload in.

        Args:
            chunks: the body of the request.
            content_type: its header.
            announced: the size of the body, where it is known.

        Raises:
            RequestError: it can't be taken.
        """
        limits = self._limits
        if announced is not None and announced > limits.upload_bytes + (1 << 16):
            raise too_large(
                f"The upload has {announced} bytes; at most {limits.upload_bytes} were expected."
            )
        if self._receiving >= limits.uploads:
            raise busy(f"{self._receiving} files are being uploaded.", 5)
        self._receiving += 1
        try:
            return await self._receive(chunks, content_type, announced)
        finally:
            self._receiving -= 1

    async def _receive(
        self, chunks: AsyncIterator[bytes], content_type: str, announced: int | None
    ) -> RecordingRow:
        limits = self._limits
        # Without a size announced, the whole of what is allowed may come.
        size = limits.upload_bytes if announced is None else announced
        with self._space.promise(size), self._storage.partial_folder() as folder:
            try:
                upload = await receive(chunks, content_type, folder / ORIGINAL, limits.upload_bytes)
            except OSError as error:
                if disk_is_full(error):
                    raise no_room() from error
                raise
            return await self._decoding(lambda: self._keep(folder, upload))

    def take(self, path: Path) -> RecordingRow:
        """Take in a file of the one who started the server.

        Raises:
            RequestError: it can't be used.
            OSError: it can't be read or copied.
        """
        size = path.stat().st_size
        if size > self._limits.upload_bytes:
            most = self._limits.upload_bytes / (1 << 20)
            raise too_large(f"{path} is too large; at most {most:g} MiB were expected.")
        with self._storage.partial_folder() as folder:
            shutil.copyfile(path, folder / ORIGINAL)
            digest = file_digest(folder / ORIGINAL)
            return self._keep(folder, Upload(clean_name(path.name), digest, size))

    async def audio(self, row: RecordingRow, kind: str) -> Path:
        """The sound of a recording as a file.

        Raises:
            RequestError: the format can't hold it.
        """
        source = self._file(row.id, AUDIO)
        return await self.copy(source, kind, f"{row.id}", row.name, None)

    def video(self, row: RecordingRow) -> Path:
        """The file as it was uploaded.

        Raises:
            RequestError: it is no video.
        """
        if not row.has_video:
            raise unusable(f"{row.name} has no picture; a video was expected.")
        return self._file(row.id, ORIGINAL)

    def peaks(self, row: RecordingRow, points: int) -> dict[str, Any]:
        """For drawing its waveform."""
        found = read_peaks(self._file(row.id, PEAKS), points)
        return found | {"seconds": row.seconds}

    async def copy(
        self, source: Path, kind: str, key: str, name: str, picture: RecordingRow | None
    ) -> Path:
        """A sound in some format; made when it is first asked for.

        Args:
            source: a WAV file of ours.
            kind: the format.
            key: what the sound is known by, made of letters, digits and dots.
            name: of the recording.
            picture: the video that it becomes the sound of.

        Raises:
            RequestError: the format can't hold it, or there is no room.
        """
        if kind == "wav":
            return source
        suffix = f".{kind}" if picture is None else picture.suffix
        place = self._storage.copies / f"{key}{suffix}"

        def write(into: Path) -> None:
            video = None if picture is None else self._file(picture.id, ORIGINAL)
            size = source.stat().st_size + (0 if video is None else video.stat().st_size)
            with self._space.promise(size):
                self._decoders.copy(source, into, kind, video, name)

        return await self._once(place, write)

    async def drawn(self, source: Path, key: str, points: int) -> dict[str, Any]:
        """Peaks of a sound of ours, `key` as for `copy`."""
        place = self._storage.copies / f"{key}.npy"
        await self._once(place, lambda into: self._decoders.draw(source, into))
        return await run_in_threadpool(read_peaks, place, points)

    def remove(self, identity: str) -> None:
        """Remove a recording and its copies.

        Raises:
            RequestError: there is none, or a job that has not ended needs it.
        """
        if not self._database.has_recording(identity):
            raise not_found("recording", identity)
        with self._locks.of(identity):
            if not self._database.remove_recording(identity):
                if not self._database.has_recording(identity):
                    return
                raise in_use("An unfinished job needs the recording; cancel that first.")
            self._forget(identity)

    def sweep(self, before: float) -> None:
        """Remove those that were last used before that, and that no job is left of."""
        for row in self._database.old_recordings(before):
            with self._locks.of(row.id):
                if self._database.remove_recording(row.id):
                    self._forget(row.id)

    def forget_copies(self, key: str) -> None:
        """Remove a sound's copies in other formats."""
        for path in self._storage.copies_of(key):
            self._storage.remove(path)

    def _forget(self, identity: str) -> None:
        self._storage.remove(self._storage.recording(identity))
        self.forget_copies(identity)

    def _keep(self, folder: Path, upload: Upload) -> RecordingRow:
        """Decode what has come in, and give it its place."""
        identity = upload.sha256
        place = self._storage.recording(identity)
        with self._locks.of(identity), self._storage.writing(place):
            known = self._database.recording(identity)
            if known is None or not (place / AUDIO).exists():
                facts = self._decoders.take(folder, upload.name, self._space.free())
                self._storage.move(folder, place)
            else:
                names = ("seconds", "sample_rate", "channels", "has_video", "suffix")
                facts = {field: getattr(known, field) for field in names}
            row = RecordingRow(
                id=identity,
                name=upload.name,
                bytes=upload.size,
                used=self._database.now(),
                **facts,
            )
            self._database.add_recording(row)
        return row

    def _file(self, identity: str, name: str) -> Path:
        path = self._storage.recording(identity) / name
        if not path.exists():
            raise not_found("recording", identity)
        return path

    async def _decoding(self, function: Callable[[], _T]) -> _T:
        """Call a function that decodes or encodes, when it is its turn."""
        return await to_thread.run_sync(function, limiter=self._threads)

    async def _once(self, place: Path, write: Callable[[Path], None]) -> Path:
        """A file that is written when it is first asked for, and then kept for a while."""
        if not await run_in_threadpool(place.exists):
            await self._decoding(lambda: self._write_once(place, write))
        await run_in_threadpool(self._storage.use, place)
        return place

    def _write_once(self, place: Path, write: Callable[[Path], None]) -> None:
        with self._locks.of(place.name):
            if place.exists():
                return
            with self._storage.partial_folder() as folder:
                into = folder / place.name
                write(into)
                self._storage.move(into, place)


class _Locks:
    """A lock for each of many things, there while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._own = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    def of(self, key: str) -> _Held:
        return _Held(self, key)

    def take(self, key: str) -> None:
        with self._own:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        lock.acquire()

    def give(self, key: str) -> None:
        with self._own:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
        lock.release()


class _Held:
    def __init__(self, locks: _Locks, key: str) -> None:
        self._locks, self._key = locks, key

    def __enter__(self) -> None:
        self._locks.take(self._key)

    def __exit__(self, *_: object) -> None:
        with suppress(KeyError):
            self._locks.give(self._key)
