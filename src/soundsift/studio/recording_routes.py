"""`/api/recordings`."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from soundsift.studio.downloads import RANGE, SOUND_ANSWERS, sound_response
from soundsift.studio.errors import refusals
from soundsift.studio.records import RecordingRow
from soundsift.studio.schemas import Heard, Peaks, RecordingId, RecordingOut, SoundFormat
from soundsift.studio.server import Studio

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
Download = Annotated[bool, Query(description="Send it as a file to save.")]
Points = Annotated[int, Query(ge=1, le=20_000)]


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
        return sound_response(await recordings.audio(row, format), row.name, "", download)

    @router.get(
        "/{recording_id}/video",
        response_class=FileResponse,
        responses=refusals(404) | SOUND_ANSWERS,
        openapi_extra=RANGE,
    )
    def video(recording_id: RecordingId, download: Download = False) -> FileResponse:
        """Get the uploaded video. Supports `Range`."""
        row = recordings.find(recording_id)
        return sound_response(recordings.video(row), row.name, "", download, row.suffix)

    @router.get("/{recording_id}/peaks", response_model=Peaks, responses=refusals(404))
    def peaks(recording_id: RecordingId, points: Points = 1000) -> dict[str, Any]:
        """Get the waveform's peaks."""
        return recordings.peaks(recordings.find(recording_id), points)

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
    def remove(recording_id: RecordingId) -> Response:
        """Delete a recording. Results of jobs stay."""
        recordings.remove(recording_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router
