"""`/api/jobs`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from soundsift.studio.downloads import RANGE, SOUND_ANSWERS, sound_response
from soundsift.studio.errors import RequestError, in_use, refusals, unusable
from soundsift.studio.recording_routes import Download, Points
from soundsift.studio.records import JobRow, RecordingRow
from soundsift.studio.schemas import (
    JobAccepted,
    JobId,
    JobList,
    JobOut,
    JobRequest,
    Peaks,
    Stem,
    StemFormat,
)
from soundsift.studio.server import Studio

_TICK_SECONDS = 0.1
#: A connection on which nothing comes for long is taken for dead on the way.
_COMMENT_SECONDS = 15.0


def job_routes(studio: Studio) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = studio.jobs

    @router.post(
        "",
        status_code=HTTPStatus.ACCEPTED,
        response_model=JobAccepted,
        responses=refusals(404, 408, 409, 413, 507),
    )
    def add(request: JobRequest) -> dict[str, str]:
        """Separate a recording, or a stem of a job that is done."""
        return {"id": jobs.add(request)}

    @router.get("", response_model=JobList)
    def history(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> dict[str, Any]:
        """Jobs, the newest first."""
        return {"jobs": jobs.history(limit, offset)}

    @router.get("/{job_id}", response_model=JobOut, responses=refusals(404))
    def describe(job_id: JobId) -> dict[str, Any]:
        """Describe a job and how far it is."""
        return jobs.describe(jobs.find(job_id))

    @router.get(
        "/{job_id}/events",
        response_class=StreamingResponse,
        responses=refusals(404) | {200: {"content": {"text/event-stream": {}}}},
    )
    async def events(job_id: JobId, request: Request) -> StreamingResponse:
        """Follow a job: `progress`, and at the end `done`, `failed` or `cancelled`.

        The data of every event is the job, as `GET /api/jobs/{id}` has it. If the job is removed
        meanwhile, the stream ends.
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
        """Stop a job; one that has ended stays as it is."""
        return jobs.describe(jobs.cancel(job_id))

    @router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=refusals(404, 409))
    def remove(job_id: JobId) -> Response:
        """Remove a job that has ended, with its stems."""
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
        """A stem of a job that is done; parts of it by `Range`.

        `format=video` is the recording's picture with this stem for its sound.
        """
        row = await run_in_threadpool(jobs.find, job_id)
        source = await run_in_threadpool(jobs.stem, row, stem)
        recording = await run_in_threadpool(studio.database.recording, row.recording)
        picture = _picture(recording) if format == "video" else None
        name = "recording" if recording is None else recording.name
        path = await studio.recordings.copy(source, format, f"{row.id}.{stem}", name, picture)
        return sound_response(path, name, _called(row, stem), download)

    @router.get(
        "/{job_id}/stems/{stem}/peaks",
        response_model=Peaks,
        responses=refusals(404, 409, 507),
    )
    async def peaks(job_id: JobId, stem: Stem, points: Points = 1000) -> dict[str, Any]:
        """Least and greatest samples of a stem, for drawing."""
        row = await run_in_threadpool(jobs.find, job_id)
        source = await run_in_threadpool(jobs.stem, row, stem)
        found = await studio.recordings.drawn(source, f"{row.id}.{stem}", points)
        recording = await run_in_threadpool(studio.database.recording, row.recording)
        return found | {"seconds": 0.0 if recording is None else recording.seconds}

    @router.get("/{job_id}/settings", response_class=JSONResponse, responses=refusals(404, 409))
    def settings(job_id: JobId, download: Download = False) -> JSONResponse:
        """Everything needed to make the result of a job again."""
        row = jobs.find(job_id)
        if row.settings is None:
            raise in_use(f"Job {row.id} is {row.status}; settings come from jobs that are done.")
        described = jobs.describe(row)
        headers = {}
        if download:
            headers["content-disposition"] = 'attachment; filename="settings.json"'
        facts = row.settings | {"request": row.request, "command": described["command"]}
        return JSONResponse(facts, headers=headers)

    return router


def _picture(recording: RecordingRow | None) -> RecordingRow:
    if recording is None:
        raise in_use("The recording has been removed, and its picture with it.")
    if not recording.has_video:
        raise unusable(f"{recording.name} has no picture; a video was expected.")
    return recording


def _called(row: JobRow, stem: Stem) -> str:
    """A stem's part of a file's name, as the command line has it."""
    return "without" if row.request["mode"] == "remove" and stem == "residual" else stem
