"""`/api/recordings`."""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from soundsift.studio.downloads import RANGE, SOUND_ANSWERS, sound_response
from soundsift.studio.errors import refusals
from soundsift.studio.marks import Marks
from soundsift.studio.records import RecordingRow
from soundsift.studio.schemas import (
    Heard,
    NewName,
    Outlines,
    OutlinesRequest,
    Peaks,
    RecordingId,
    RecordingList,
    RecordingOut,
    SoundFormat,
)
from soundsift.studio.server import Studio
from soundsift.studio.spectrogram import BANDS, COLUMNS, FLOOR_DB, HOP, LEVELS

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
Results = Annotated[bool, Query(description="Delete the results of its jobs, too.")]
Download = Annotated[bool, Query(description="Send it as a file to save.")]
Points = Annotated[int, Query(ge=1, le=20_000)]
Start = Annotated[float, Query(ge=0, le=1e6, description="Start of the part in seconds.")]
End = Annotated[
    float | None, Query(ge=0, le=1e6, description="Its end; that of the sound if left out.")
]
Level = Annotated[int, Path(ge=0, lt=LEVELS, description=f"A column has {HOP} · 2^level samples.")]
Tile = Annotated[
    int, Path(ge=0, le=10**7, description=f"Number of the tile, of {COLUMNS} columns.")
]

#: OpenAPI description of `tile_response`.
TILE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": f"{COLUMNS} columns of {BANDS} mel bands up to 16 kHz, lowest first, a byte "
        f"each: 0 is {FLOOR_DB:g} dB and 255 full scale.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _base(row: RecordingRow) -> str:
    """The recording's name without its suffix."""
    return PurePosixPath(row.name).stem or "recording"


def tile_response(tile: bytes) -> Response:
    """A tile of a spectrogram, which browsers keep for an hour: the content of an id stays."""
    headers = {"cache-control": "private, max-age=3600"}
    return Response(tile, media_type="application/octet-stream", headers=headers)


#: OpenAPI description of `line_response`.
FOLLOWED_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines of JSON. The first: `width` and `height` of the pictures in pixels, "
        "number of `pictures`, `start` and `end` of their part of the video in seconds, the end "
        "null if the video ends there. The others, of one picture each: when it is shown, `start` "
        "and `end`; `score`, its agreement with the click, 0 to 1; `state`, one of clicked, "
        "followed, lost, cut and found; `polygons` of corners in pixels, none where it is lost.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def line_response(first: bytes, rest: AsyncIterator[bytes], zipped: bool) -> StreamingResponse:
    """Lines of JSON, sent as they come.

    Args:
        first: the first lines.
        rest: further lines.
        zipped: whether to compress them.
    """

    async def lines() -> AsyncIterator[bytes]:
        yield first
        async for chunk in rest:
            yield chunk

    async def packed() -> AsyncIterator[bytes]:
        packer = zlib.compressobj(wbits=31)
        async for chunk in lines():
            yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield packer.flush()

    headers = {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if zipped else {})
    body = packed() if zipped else lines()
    return StreamingResponse(body, media_type="application/x-ndjson", headers=headers)


def recording_routes(studio: Studio) -> APIRouter:
    """The routes of recordings."""
    router = APIRouter(prefix="/api/recordings", tags=["recordings"])
    recordings = studio.recordings

    def described(row: RecordingRow) -> dict[str, Any]:
        facts = {
            name: getattr(row, name) for name in RecordingOut.model_fields if name != "expires"
        }
        left = row.used - studio.database.now() + studio.settings.limits.keep_seconds
        return facts | {"expires": time.time() + left}

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        response_model=RecordingOut,
        openapi_extra=_FORM,
        responses=refusals(400, 408, 413, 415, 507),
    )
    async def upload(request: Request) -> dict[str, Any]:
        """Upload an audio or video file. The same file has the same id."""
        announced = request.headers.get("content-length", "")
        row = await recordings.receive(
            request.stream(),
            request.headers.get("content-type", ""),
            int(announced) if announced.isdecimal() else None,
            request.client.host if request.client else "",
        )
        studio.metrics.uploaded(row.bytes)
        return described(row)

    @router.get("", response_model=RecordingList)
    def list_all() -> dict[str, Any]:
        """List recordings, last used first."""
        found = []
        for listed in recordings.listed():
            row: RecordingRow = listed.pop("row")
            used = time.time() - (studio.database.now() - row.used)
            found.append(described(row) | listed | {"used": used})
        return {"recordings": found}

    @router.get("/{recording_id}", response_model=RecordingOut, responses=refusals(404))
    def describe(recording_id: RecordingId) -> dict[str, Any]:
        """Describe a recording."""
        return described(recordings.find(recording_id))

    @router.get(
        "/{recording_id}/audio",
        response_class=FileResponse,
        responses=refusals(404, 507) | SOUND_ANSWERS,
        openapi_extra=RANGE,
    )
    async def audio(
        recording_id: RecordingId,
        format: SoundFormat = "wav",  # noqa: A002
        download: Download = False,
    ) -> FileResponse:
        """Get the recording's sound. Supports `Range`."""
        row = await run_in_threadpool(recordings.find, recording_id)
        return sound_response(await recordings.audio(row, format), _base(row), download)

    @router.get(
        "/{recording_id}/video",
        response_class=FileResponse,
        responses=refusals(404) | SOUND_ANSWERS,
        openapi_extra=RANGE,
    )
    def video(recording_id: RecordingId, download: Download = False) -> FileResponse:
        """Get the uploaded video. Supports `Range`."""
        row = recordings.find(recording_id)
        return sound_response(recordings.video(row), _base(row), download, row.suffix)

    @router.post(
        "/{recording_id}/outlines",
        response_model=Outlines,
        responses=refusals(404, 408, 413, 507),
    )
    async def outlines(recording_id: RecordingId, asked: OutlinesRequest) -> dict[str, Any]:
        """Outline an object in the pictures with points or a box, as a job would.

        Nothing is stored.
        """
        row = await run_in_threadpool(recordings.find, recording_id)
        return {"outlines": await studio.outlines.marked(row, Marks.of(asked.model_dump()))}

    @router.post(
        "/{recording_id}/outlines/followed",
        response_class=StreamingResponse,
        responses=refusals(404, 408, 413, 507) | FOLLOWED_ANSWERS,
    )
    async def followed(
        recording_id: RecordingId, asked: OutlinesRequest, request: Request
    ) -> StreamingResponse:
        """Follow an object around the pictures with points or a box, as a job would.

        Nothing is stored.

        The response is a line of JSON about the pictures, and then one for each of them as soon as
        the object is found there. A picture between two of them may come twice; the later line
        counts. If following can't go on, the last line has an `error`. Closing the connection ends
        it.
        """
        row = await run_in_threadpool(recordings.find, recording_id)
        marks = Marks.of(asked.model_dump())
        lines = studio.outlines.followed(row, marks, request.is_disconnected)
        # Refusals come before the first line.
        first = await anext(lines, b"")
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        return line_response(first, lines, zipped)

    @router.get("/{recording_id}/peaks", response_model=Peaks, responses=refusals(404))
    def peaks(
        recording_id: RecordingId, points: Points = 1000, start: Start = 0.0, end: End = None
    ) -> dict[str, Any]:
        """Get the waveform's peaks, of the whole recording or of a part."""
        return recordings.peaks(recordings.find(recording_id), points, start, end)

    @router.get(
        "/{recording_id}/spectrogram/{level}/{tile}",
        response_class=Response,
        responses=refusals(404) | TILE_ANSWERS,
    )
    async def spectrogram(recording_id: RecordingId, level: Level, tile: Tile) -> Response:
        """Get a tile of the spectrogram."""
        row = await run_in_threadpool(recordings.find, recording_id)
        return tile_response(await recordings.spectrogram(row, level, tile))

    @router.patch("/{recording_id}", response_model=RecordingOut, responses=refusals(404, 408, 413))
    def rename(recording_id: RecordingId, change: NewName) -> dict[str, Any]:
        """Rename a recording."""
        return described(recordings.rename(recording_id, change.name))

    @router.get("/{recording_id}/heard", response_model=Heard, responses=refusals(404))
    def heard(recording_id: RecordingId) -> dict[str, Any]:
        """Get the sounds that are heard in a recording, to suggest as prompts.

        The first request begins to listen, once no job is waiting; ask again until the status is
        not `listening`.
        """
        return studio.jobs.suggestions.of(recordings.find(recording_id))

    @router.delete(
        "/{recording_id}", status_code=HTTPStatus.NO_CONTENT, responses=refusals(404, 409)
    )
    def remove(recording_id: RecordingId, results: Results = False) -> Response:
        """Delete a recording. Results of jobs stay unless `results` is true."""
        recordings.remove(recording_id)
        if results:
            studio.jobs.remove_all(recording_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router
