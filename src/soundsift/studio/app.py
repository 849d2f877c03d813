"""The ASGI application: routes of a `Studio`, behind a `Guard`."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp

from soundsift.presets import PRESET_NAMES, describe_preset
from soundsift.studio.access import cookie_name
from soundsift.studio.docs_page import docs_page
from soundsift.studio.errors import ALWAYS, RequestError, refusals
from soundsift.studio.job_routes import job_routes
from soundsift.studio.recording_routes import recording_routes
from soundsift.studio.schemas import Health, Info, Refusal, StemFormat
from soundsift.studio.security import Guard, as_request_error
from soundsift.studio.server import Studio
from soundsift.version import __version__

_TEXT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".map": "application/json",
}


def make_app(studio: Studio, page: Path | None = None) -> ASGIApp:
    """Build the ASGI application of a studio.

    Args:
        studio: parts of the server; started and stopped with the application.
        page: folder of the page's files; those of the package by default.
    """
    folder = Path(str(resources.files("soundsift.studio") / "static")) if page is None else page

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(studio.start)
        yield
        await run_in_threadpool(studio.stop)

    app = FastAPI(
        title="soundsift",
        description="Lift any sound out of any recording.",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        # FastAPI's own pages load scripts from other servers.
        docs_url=None,
        redoc_url=None,
        responses=refusals(*ALWAYS),
    )
    app.include_router(recording_routes(studio))
    app.include_router(job_routes(studio))
    _add_facts(app, studio)
    _add_page(app, studio, folder)
    _add_refusals(app)
    return Guard(studio.metrics.counting(app), studio.settings, studio.access)


def _add_facts(app: FastAPI, studio: Studio) -> None:
    limits = studio.settings.limits

    @app.get("/api/info", response_model=Info, tags=["server"])
    def info() -> dict[str, Any]:
        """Models, presets, formats and limits of this server."""
        return {
            "version": __version__,
            "models": list(studio.settings.models),
            "presets": {name: describe_preset(name) for name in PRESET_NAMES},
            "formats": list(get_args(StemFormat)),
            "limits": {
                "upload_bytes": limits.upload_bytes,
                "seconds": limits.seconds,
                "channels": limits.channels,
                "queue": limits.queue,
                "keep_seconds": limits.keep_seconds,
            },
            "opened": studio.opened,
        }

    @app.get(
        "/health",
        response_model=Health,
        responses={503: {"model": Health | Refusal, "description": "A device takes no jobs."}},
        tags=["server"],
    )
    def health(response: Response) -> dict[str, Any]:
        """State of this server; 503 if a device takes no jobs."""
        working = studio.jobs.working
        if not working:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return {
            "status": "ok" if working else "failing",
            "version": __version__,
            "waiting": studio.database.count("queued"),
            "running": studio.database.count("running"),
        }

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        tags=["server"],
    )
    def metrics() -> Response:
        """Metrics in Prometheus's text format."""
        return Response(studio.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/api/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs() -> str:
        return docs_page(app.openapi())


def _add_page(app: FastAPI, studio: Studio, folder: Path) -> None:
    # Looked up, not joined: no path of a client reaches the file system.
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    files["palette.css"] = Path(str(resources.files("soundsift") / "assets" / "palette.css"))

    @app.get("/open/{secret}", include_in_schema=False)
    def enter(secret: str, request: Request) -> Response:
        """Exchange the secret of a link for a session cookie."""
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        if not studio.access.required:
            return response
        session = studio.access.new_session(secret)
        if session is None:
            raise RequestError(
                HTTPStatus.FORBIDDEN,
                "This link was used before or is wrong. Open the link that the server printed at "
                "its start.",
            )
        name = cookie_name(request.headers.get("host", ""))
        secure = request.url.scheme == "https"
        response.set_cookie(name, session, httponly=True, samesite="lax", secure=secure)
        return response

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        page = files.get("index.html")
        if page is None:
            text = "<!doctype html><title>soundsift</title><p>The page is not installed. The "
            return HTMLResponse(text + '<a href="/api/docs">API</a> works without it.</p>')
        return HTMLResponse(page.read_text(encoding="utf-8"))

    @app.get("/{name:path}", include_in_schema=False)
    def static(name: str) -> Response:
        path = files.get(name)
        if path is None or name == "index.html":
            if _methods(app, f"/{name}"):
                raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no such page.")
        kind = _TEXT_TYPES.get(path.suffix, "application/octet-stream")
        return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def on_refusal(_: Request, error: RequestError) -> JSONResponse:
        return JSONResponse({"detail": error.sentence}, error.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": _sentence(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, RequestError):
            # Raised while the body was read.
            return await on_refusal(request, error.__cause__)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = _methods(app, request.url.path) or "GET"
            sentence = f"{request.method[:20]} is not supported here. Use {allowed}."
            return JSONResponse({"detail": sentence}, error.status_code, {"allow": allowed})
        if error.status_code == HTTPStatus.BAD_REQUEST:
            sentence = "The body is not valid JSON. Send a JSON object."
            return JSONResponse({"detail": sentence}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.Error)
    @app.exception_handler(Exception)
    async def on_error(_: Request, error: Exception) -> JSONResponse:
        refusal = as_request_error(error)
        return JSONResponse({"detail": refusal.sentence}, refusal.status, refusal.headers)


def _methods(app: FastAPI, path: str) -> str:
    """Methods of a path of the API: "GET, DELETE"; empty for an unknown path."""
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            return ", ".join(method.upper() for method in operations)
    return ""


def _sentence(error: RequestValidationError) -> str:
    """The first validation error of a request, as a sentence."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{'.'.join(where) or 'the request'}: {message[:1].lower()}{message[1:]}."
