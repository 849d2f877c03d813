"""Recordings: upload, peaks, copies in other formats, deletion."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import soundfile
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from soundsift.fingerprint import file_digest
from soundsift.studio.database import Database
from soundsift.studio.decoders import Decoders
from soundsift.studio.disk import DiskSpace, disk_is_full
from soundsift.studio.errors import (
    RequestError,
    busy,
    in_use,
    no_room,
    not_found,
    too_large,
    unusable,
)
from soundsift.studio.limits import Limits
from soundsift.studio.peaks import read_peaks
from soundsift.studio.records import AUDIO, ORIGINAL, PEAKS, RecordingRow
from soundsift.studio.spectrogram import Spectrograms
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
        self._spectrograms = Spectrograms()
        self._drawing = CapacityLimiter(limits.decoders)
        # Copies that are being encoded: their tasks, and files that hold the fraction done.
        self._encoding: dict[str, asyncio.Task[Path]] = {}
        self._fractions: dict[str, Path] = {}

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
            return await self.decoding(lambda: self._keep(folder, upload))

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

    def measure(self, row: RecordingRow) -> tuple[int, int, float]:
        """Height and width of a video's pictures, and its seconds, 0 if the file doesn't say.

        Raises:
            RequestError: the recording has no picture, or a damaged one.
        """
        return self._decoders.measure(self.video(row), row.name)

    def peaks(
        self, row: RecordingRow, points: int, start: float, end: float | None
    ) -> dict[str, Any]:
        """Peaks of a part of a recording, as `soundsift.studio.schemas.Peaks`."""
        found = read_peaks(self._file(row.id, PEAKS), points, row.sample_rate, start, end)
        return found | {"seconds": row.seconds}

    async def spectrogram(self, row: RecordingRow, level: int, tile: int) -> bytes:
        """A tile of a recording's spectrogram; see `tile`."""
        return await self.tile(self._file(row.id, AUDIO), row.id, level, tile)

    async def tile(self, source: Path, key: str, level: int, index: int) -> bytes:
        """A tile of a sound's spectrogram; see `soundsift.studio.spectrogram`.

        Raises:
            RequestError: the tile lies beyond the end, or the file is damaged.
        """
        try:
            found = await to_thread.run_sync(
                self._spectrograms.tile, source, key, level, index, limiter=self._drawing
            )
        except (soundfile.LibsndfileError, FileNotFoundError) as error:
            raise unusable("The decoded sound is damaged. Upload the file again.") from error
        if found is None:
            raise unusable(f"Tile {index} of level {level} is beyond the end. Use a smaller one.")
        return found

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
        place = self._copy_place(kind, key, picture)

        def write(into: Path) -> None:
            video = None if picture is None else self._file(picture.id, ORIGINAL)
            fraction = into.with_name("fraction")
            self._fractions[place.name] = fraction
            try:
                size = source.stat().st_size + (0 if video is None else video.stat().st_size)
                with self._space.promise(size):
                    self._decoders.copy(source, into, kind, video, name, fraction)
            except (RequestError, OSError) as error:
                if not source.exists():
                    raise not_found("sound of", name) from error
                raise
            finally:
                self._fractions.pop(place.name, None)

        return await self._once(place, write)

    async def copy_state(
        self, source: Path, kind: str, key: str, name: str, picture: RecordingRow | None
    ) -> dict[str, Any]:
        """Start `copy` if there is none yet; as `soundsift.studio.schemas.CopyState`.

        Raises:
            RequestError: the copy failed; see `copy`.
        """
        place = self._copy_place(kind, key, picture)
        if kind == "wav" or await run_in_threadpool(place.exists):
            self._encoding.pop(place.name, None)
            return {"ready": True, "progress": 1.0}
        task = self._encoding.get(place.name)
        if task is None:
            copying = self.copy(source, kind, key, name, picture)
            self._encoding[place.name] = asyncio.create_task(copying)
        elif task.done():
            del self._encoding[place.name]
            # Raises the error of a failed copy; one that was deleted since is made again.
            task.result()
        return {"ready": False, "progress": await run_in_threadpool(self._fraction, place.name)}

    async def drawn(
        self, source: Path, key: str, points: int, rate: int, start: float, end: float | None
    ) -> dict[str, Any]:
        """Peaks of a part of a stem; `key` as for `copy`, the rest as for `read_peaks`."""
        place = self._storage.copies / f"{key}.npy"
        await self._once(place, lambda into: self._decoders.draw(source, into))
        return await run_in_threadpool(read_peaks, place, points, rate, start, end)

    def listed(self) -> list[dict[str, Any]]:
        """All recordings, last used first: `row`, number of `results` and `stored_bytes`."""
        found = []
        for row in self._database.recordings():
            jobs = self._database.jobs_of(row.id)
            folders = [self._storage.recording(row.id), *map(self._storage.job, jobs)]
            size = sum(map(self._storage.size, folders))
            found.append({"row": row, "results": len(jobs), "stored_bytes": size})
        return found

    def rename(self, identity: str, name: str) -> RecordingRow:
        """Give a recording another name.

        Raises:
            RequestError: there is no such recording.
        """
        self._database.rename_recording(identity, clean_name(name))
        return self.find(identity)

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

    def _copy_place(self, kind: str, key: str, picture: RecordingRow | None) -> Path:
        suffix = f".{kind}" if picture is None else picture.suffix
        return self._storage.copies / f"{key}{suffix}"

    def _fraction(self, name: str) -> float:
        """The fraction of a copy that is encoded."""
        path = self._fractions.get(name)
        try:
            return 0.0 if path is None else min(1.0, float(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            # Not begun, just finished, or just being written.
            return 0.0

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

    async def decoding(self, function: Callable[[], _T]) -> _T:
        """Call a function that decodes or encodes, in its turn."""
        return await to_thread.run_sync(function, limiter=self._threads)

    async def _once(self, place: Path, write: Callable[[Path], None]) -> Path:
        """A copy that is written on first use."""
        if not await run_in_threadpool(place.exists):
            await self.decoding(lambda: self._write_once(place, write))
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
