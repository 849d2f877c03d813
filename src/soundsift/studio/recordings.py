"""Recordings: upload, peaks, copies in other formats, deletion."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

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
        storage: files of the recordings.
        database: rows of the recordings.
        decoders: processes that read and write media files.
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
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._locks_lock = threading.Lock()
        # Decoding has its own threads: requests that wait for it must not block others.
        self._threads = CapacityLimiter(limits.decoders)
        self._receiving: Counter[str] = Counter()

    def find(self, identity: str) -> RecordingRow:
        """Find a recording and note its use.

        Raises:
            RequestError: there is no such recording.
        """
        row = self._database.recording(identity)
        if row is None:
            raise not_found("recording", identity)
        self._database.use_recording(identity)
        return row

    async def receive(
        self,
        chunks: AsyncIterator[bytes],
        content_type: str,
        announced: int | None,
        client: str = "",
    ) -> RecordingRow:
        """Store and decode an upload.

        Args:
            chunks: body of the request.
            content_type: header `Content-Type`.
            announced: size of the body in bytes; None if unknown.
            client: address of the sender.

        Raises:
            RequestError: the file is too large, no audio, damaged, or there is no room.
        """
        limits = self._limits
        if announced is not None and announced > limits.upload_bytes + (1 << 16):
            raise too_large(
                f"The upload has {announced} bytes. Send at most {limits.upload_bytes}."
            )
        all_, own = self._receiving.total(), self._receiving[client]
        if all_ >= limits.uploads or own >= limits.client_uploads:
            count = own if own >= limits.client_uploads else all_
            raise busy(f"{count} files are being uploaded already. Try again later.", 5)
        self._receiving[client] += 1
        try:
            return await self._receive(chunks, content_type, announced)
        finally:
            self._receiving[client] -= 1
            if not self._receiving[client]:
                del self._receiving[client]

    async def _receive(
        self, chunks: AsyncIterator[bytes], content_type: str, announced: int | None
    ) -> RecordingRow:
        limits = self._limits
        # Without an announced size, the largest allowed upload may come.
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
        """Store and decode a local file.

        Raises:
            RequestError: the file is too large, no audio, or damaged.
            OSError: the file can't be read or copied.
        """
        size = path.stat().st_size
        if size > self._limits.upload_bytes:
            most = self._limits.upload_bytes / (1 << 20)
            raise too_large(f"{path} is too large. Use a file of at most {most:g} MiB.")
        with self._storage.partial_folder() as folder:
            shutil.copyfile(path, folder / ORIGINAL)
            digest = file_digest(folder / ORIGINAL)
            return self._keep(folder, Upload(clean_name(path.name), digest, size))

    async def audio(self, row: RecordingRow, kind: str) -> Path:
        """The decoded sound of a recording in a format.

        Raises:
            RequestError: see `copy`.
        """
        source = self._file(row.id, AUDIO)
        return await self.copy(source, kind, f"{row.id}", row.name, None)

    def video(self, row: RecordingRow) -> Path:
        """The uploaded video.

        Raises:
            RequestError: the recording has no picture.
        """
        if not row.has_video:
            raise unusable(f"{row.name} has no picture. Use a video.")
        return self._file(row.id, ORIGINAL)

    def peaks(self, row: RecordingRow, points: int) -> dict[str, Any]:
        """Peaks of a recording, as `soundsift.studio.schemas.Peaks`."""
        found = read_peaks(self._file(row.id, PEAKS), points)
        return found | {"seconds": row.seconds}

    async def copy(
        self, source: Path, kind: str, key: str, name: str, picture: RecordingRow | None
    ) -> Path:
        """A sound in a format; encoded on first use.

        Args:
            source: WAV file of a recording or stem.
            kind: name of the format.
            key: unique name of the sound, of letters, digits and dots.
            name: name of the recording, for messages.
            picture: recording whose picture is combined with the sound.

        Raises:
            RequestError: the format can't hold the sound, or there is no room.
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
        """Peaks of a stem; `key` as for `copy`."""
        place = self._storage.copies / f"{key}.npy"
        await self._once(place, lambda into: self._decoders.draw(source, into))
        return await run_in_threadpool(read_peaks, place, points)

    def remove(self, identity: str) -> None:
        """Delete a recording and its copies.

        Raises:
            RequestError: there is no such recording, or an unfinished job needs it.
        """
        if not self._database.has_recording(identity):
            raise not_found("recording", identity)
        with self._lock(identity):
            if not self._database.remove_recording(identity):
                if not self._database.has_recording(identity):
                    return
                raise in_use("An unfinished job needs the recording. Cancel the job first.")
            self._forget(identity)

    def sweep(self, before: float) -> None:
        """Delete recordings without jobs that were last used before a time of `Database.now`."""
        for row in self._database.old_recordings(before):
            with self._lock(row.id):
                if self._database.remove_recording(row.id):
                    self._forget(row.id)

    def forget_copies(self, key: str) -> None:
        """Delete the copies of a sound in other formats."""
        for path in self._storage.copies_of(key):
            self._storage.remove(path)

    def _forget(self, identity: str) -> None:
        self._storage.remove(self._storage.recording(identity))
        self.forget_copies(identity)

    def _keep(self, folder: Path, upload: Upload) -> RecordingRow:
        """Decode an upload and move it to its place."""
        identity = upload.sha256
        place = self._storage.recording(identity)
        with self._lock(identity), self._storage.writing(place):
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

    def _lock(self, key: str) -> threading.Lock:
        """A lock per key, which exists while it is held or waited for."""
        with self._locks_lock:
            return self._locks.setdefault(key, threading.Lock())

    async def _decoding(self, function: Callable[[], _T]) -> _T:
        """Call a function that decodes or encodes, in its turn."""
        return await to_thread.run_sync(function, limiter=self._threads)

    async def _once(self, place: Path, write: Callable[[Path], None]) -> Path:
        """A copy that is written on first use."""
        if not await run_in_threadpool(place.exists):
            await self._decoding(lambda: self._write_once(place, write))
        await run_in_threadpool(self._storage.use, place)
        return place

    def _write_once(self, place: Path, write: Callable[[Path], None]) -> None:
        with self._lock(place.name):
            if place.exists():
                return
            with self._storage.partial_folder() as folder:
                into = folder / place.name
                write(into)
                self._storage.move(into, place)
