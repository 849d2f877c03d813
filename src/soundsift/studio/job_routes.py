"""`/api/jobs`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import soundfile
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from soundsift.studio.command import file_name, first_name
from soundsift.studio.downloads import RANGE, SOUND_ANSWERS, sound_response
from soundsift.studio.errors import RequestError, in_use, refusals, unusable
from soundsift.studio.recording_routes import (
    TILE_ANSWERS,
    Download,
    End,
    Level,
    Points,
    Start,
    Tile,
    tile_response,
)
from soundsift.studio.records import JobRow, RecordingRow
from soundsift.studio.schemas import (
    CopyState,
    JobAccepted,
    JobId,
    JobList,
    JobOut,
    JobsRequest,
    Peaks,
    Stem,
    StemFormat,
)
from soundsift.studio.server import Studio

_TICK_SECONDS = 0.1
#: Proxies close connections on which nothing is sent for long.
_COMMENT_SECONDS = 15.0


def job_routes(studio: Studio) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = studio.jobs

    def copied(
        row: JobRow, stem: str, kind: str
    ) -> tuple[Path, str, str, str, RecordingRow | None]:
        """Arguments of `Recordings.copy`."""
        source = jobs.stem(row, stem)
        recording = studio.database.recording(row.recording)
        picture = _picture(recording) if kind == "video" else None
        name = "recording" if recording is None else recording.name
        return source, kind, f"{row.id}.{stem}", name, picture

    @router.post(
        "",
        status_code=HTTPStatus.ACCEPTED,
        response_model=JobAccepted,
        responses=refusals(404, 408, 409, 413, 507),
    )
    def add(request: JobsRequest) -> dict[str, Any]:
        """Separate a recording, or a stem of a finished job; with `prompts` several sounds."""
        identities = jobs.add(request.jobs())
        return {"id": identities[0], "ids": identities}

    @router.get("", response_model=JobList)
    def history(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> dict[str, Any]:
        """List jobs, newest first."""
        return {"jobs": jobs.history(limit, offset)}

    @router.get("/{job_id}", response_model=JobOut, responses=refusals(404))
    def describe(job_id: JobId) -> dict[str, Any]:
        """Describe a job and its progress."""
        return jobs.describe(jobs.find(job_id))

    @router.get(
        "/{job_id}/events",
        response_class=StreamingResponse,
        responses=refusals(404) | {200: {"content": {"text/event-stream": {}}}},
    )
    async def events(job_id: JobId, request: Request) -> StreamingResponse:
        """Follow a job by events: `progress`, and at the end `done`, `failed` or `cancelled`.

        The data of an event is the job, as from `GET /api/jobs/{id}`. The stream ends if the job is
        deleted.
        """
        await run_in_threadpool(jobs.find, job_id)

        async def stream() -> AsyncIterator[str]:
            last, since = "", time.monotonic()
            while not jobs.stopping and not await request.is_disconnected():
                try:
                    row = await run_in_threadpool(jobs.find, job_id)
                except RequestError:
                    return
                job = jobs.describe(row)
                running = row.status in ("queued", "running")
                event = f"event: {'progress' if running else row.status}\ndata: {json.dumps(job)}"
                if event != last:
                    yield event + "\n\n"
                    last, since = event, time.monotonic()
                elif time.monotonic() - since > _COMMENT_SECONDS:
                    yield ": still here\n\n"
                    since = time.monotonic()
                if not running:
                    return
                await asyncio.sleep(_TICK_SECONDS)

        return StreamingResponse(stream(), media_type="text/event-stream")

    @router.post("/{job_id}/cancel", response_model=JobOut, responses=refusals(404))
    def cancel(job_id: JobId) -> dict[str, Any]:
        """Cancel a job. An ended job stays unchanged."""
        return jobs.describe(jobs.cancel(job_id))

    @router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=refusals(404, 409))
    def remove(job_id: JobId) -> Response:
        """Delete an ended job with its stems."""
        jobs.remove(job_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.get(
        "/{job_id}/stems/{stem}",
        response_class=FileResponse,
        responses=refusals(404, 409, 507) | SOUND_ANSWERS,
        openapi_extra=RANGE,
    )
    async def stem_file(
        job_id: JobId,
        stem: Stem,
        format: StemFormat = "wav",  # noqa: A002
        download: Download = False,
    ) -> FileResponse:
        """Get a stem of a finished job. Supports `Range`.

        `format=video` combines the recording's picture with the stem.
        """
        row = await run_in_threadpool(jobs.find, job_id)
        of_copy = await run_in_threadpool(copied, row, stem, format)
        path = await studio.recordings.copy(*of_copy)
        return sound_response(path, file_name(row.request, of_copy[3], stem), download)

    @router.post(
        "/{job_id}/stems/{stem}/copy",
        response_model=CopyState,
        responses=refusals(404, 409, 507),
    )
    async def copy_state(
        job_id: JobId,
        stem: Stem,
        format: StemFormat = "wav",  # noqa: A002
    ) -> dict[str, Any]:
        """Encode a stem in a format, in the background. Ask again until it is ready."""
        row = await run_in_threadpool(jobs.find, job_id)
        of_copy = await run_in_threadpool(copied, row, stem, format)
        return await studio.recordings.copy_state(*of_copy)

    @router.get(
        "/{job_id}/stems/{stem}/peaks",
        response_model=Peaks,
        responses=refusals(404, 409, 507),
    )
    async def peaks(
        job_id: JobId, stem: Stem, points: Points = 1000, start: Start = 0.0, end: End = None
    ) -> dict[str, Any]:
        """Get the waveform's peaks of a stem, or of a part of it."""
        row = await run_in_threadpool(jobs.find, job_id)
        source = await run_in_threadpool(jobs.stem, row, stem)
        facts = await run_in_threadpool(soundfile.info, source)
        found = await studio.recordings.drawn(
            source, f"{row.id}.{stem}", points, facts.samplerate, start, end
        )
        return found | {"seconds": facts.duration}

    @router.get(
        "/{job_id}/stems/{stem}/spectrogram/{level}/{tile}",
        response_class=Response,
        responses=refusals(404, 409) | TILE_ANSWERS,
    )
    async def spectrogram(job_id: JobId, stem: Stem, level: Level, tile: Tile) -> Response:
        """Get a tile of a stem's spectrogram."""
        row = await run_in_threadpool(jobs.find, job_id)
        source = await run_in_threadpool(jobs.stem, row, stem)
        key = f"{row.id}.{stem}"
        return tile_response(await studio.recordings.tile(source, key, level, tile))

    @router.get("/{job_id}/settings", response_class=JSONResponse, responses=refusals(404, 409))
    def settings(job_id: JobId, download: Download = False) -> JSONResponse:
        """Get everything needed to reproduce the result of a job."""
        row = jobs.find(job_id)
        if row.settings is None:
            raise in_use(
                f"Job {row.id} is {row.status} and has no settings. Wait until it is done."
            )
        described = jobs.describe(row)
        headers = {}
        if download:
            name = first_name(row.request, described["name"])
            headers["content-disposition"] = f"attachment; filename*=utf-8''{quote(name)}.json"
        facts = row.settings | {"request": row.request, "command": described["command"]}
        return JSONResponse(facts, headers=headers)

    return router


def _picture(recording: RecordingRow | None) -> RecordingRow:
    if recording is None:
        raise in_use("The recording and its picture have been deleted. Choose another format.")
    if not recording.has_video:
        raise unusable(f"{recording.name} has no picture. Choose another format.")
    return recording
