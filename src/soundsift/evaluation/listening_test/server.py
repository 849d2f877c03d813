"""The ASGI application of a listening test.

(Annotations are not postponed here: FastAPI resolves those of the routes when they are defined.)

Host, origin, access and rate are checked, and security headers set, by the studio's `Guard`. Sounds
are asked for by the place of a trial in the listener's own session: no name of a system or of a
file reaches the browser.
"""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import soundfile
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from soundsift.evaluation.listening_test import headphones
from soundsift.evaluation.listening_test.answers import Answers, Listener, Ratings
from soundsift.evaluation.listening_test.design import AXES
from soundsift.evaluation.listening_test.folder import TestFolder
from soundsift.evaluation.listening_test.sessions import Part, Sessions
from soundsift.studio.access import Access, cookie_name
from soundsift.studio.errors import RequestError
from soundsift.studio.security import Guard
from soundsift.studio.settings import Settings

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".flac": "audio/flac",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
_COOKIE_SECONDS = 180 * 24 * 3600


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Rating = Annotated[int, Field(ge=1, le=5)]


class _Rated(_Strict):
    overall: _Rating
    recall: _Rating
    precision: _Rating
    faithfulness: _Rating

    @property
    def ratings(self) -> Ratings:
        return {axis: getattr(self, axis) for axis in AXES}


class _Consent(_Strict):
    consent: Literal[True]


class _Code(_Strict):
    code: str = Field(min_length=1, max_length=100)


class _Heard(_Strict):
    answers: list[Annotated[int, Field(ge=1, le=headphones.TONES)]] = Field(
        min_length=headphones.QUESTIONS, max_length=headphones.QUESTIONS
    )


class _Given(_Strict):
    a: _Rated
    b: _Rated
    choice: Literal["a", "b"]
    seconds: float = Field(ge=0, le=1e7, allow_inf_nan=False)


def make_app(folder: TestFolder, settings: Settings) -> ASGIApp:
    """Build the ASGI application of a listening test.

    Args:
        folder: the test; its database is opened now and closed with the application.
        settings: host, names, token, proxies and limits of the server.

    Raises:
        SoundsiftError: the database of answers can't be used.
    """
    answers = Answers(folder.answers)
    access = Access(settings.token)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        answers.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    _add_session(app, Sessions(folder, answers))
    _add_page(app, access)
    _add_refusals(app)
    return Guard(app, settings, access)


def _add_session(app: FastAPI, sessions: Sessions) -> None:
    def known(request: Request) -> Listener | None:
        return sessions.listener(request.cookies.get(_listener_cookie(request), ""))

    def present(request: Request) -> Listener:
        listener = known(request)
        if listener is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no session yet. Agree to begin one.")
        return listener

    Present = Annotated[Listener, Depends(present)]  # noqa: N806

    def enter(identity: str, request: Request, response: Response) -> dict[str, Any]:
        response.set_cookie(
            _listener_cookie(request),
            identity,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        listener = sessions.listener(identity)
        assert listener is not None
        return sessions.state(listener)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/test")
    def test() -> dict[str, Any]:
        return sessions.wording()

    @app.get("/api/session")
    def session(request: Request) -> dict[str, Any]:
        listener = known(request)
        return {"stage": "consent"} if listener is None else sessions.state(listener)

    @app.post("/api/session")
    def begin(_: _Consent, request: Request, response: Response) -> dict[str, Any]:
        listener = known(request)
        return enter(listener.id if listener else sessions.begin(), request, response)

    @app.post("/api/session/resume")
    def resume(given: _Code, request: Request, response: Response) -> dict[str, Any]:
        listener = sessions.listener(given.code.strip().lower().replace("-", ""))
        if listener is None:
            raise RequestError(
                HTTPStatus.NOT_FOUND, "There is no session with this code. Check every letter."
            )
        return enter(listener.id, request, response)

    @app.delete("/api/session")
    def withdraw(listener: Present, request: Request, response: Response) -> dict[str, bool]:
        sessions.withdraw(listener)
        response.delete_cookie(_listener_cookie(request))
        return {"deleted": True}

    @app.get("/api/sample")
    def sample(_: Present) -> FileResponse:
        return _file(sessions.sample())

    @app.get("/api/headphones/{question}")
    def question(question: int, listener: Present) -> Response:
        if sessions.stage(listener) != "headphones" or not 0 <= question < headphones.QUESTIONS:
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no such question.")
        sound = headphones.question_sound(listener.id, listener.attempts, question)
        buffer = io.BytesIO()
        soundfile.write(buffer, sound.T, headphones.SAMPLE_RATE, "PCM_16", format="FLAC")
        return Response(buffer.getvalue(), media_type="audio/flac")

    @app.post("/api/headphones")
    def heard(given: _Heard, listener: Present) -> dict[str, Any]:
        if sessions.stage(listener) != "headphones":
            raise RequestError(HTTPStatus.CONFLICT, "The headphone check is over. Load the page.")
        passed = sessions.answer_headphones(listener, given.answers)
        return {"passed": passed}

    @app.get("/api/trials/{position}/{part}")
    def media(position: int, part: Part, listener: Present) -> FileResponse:
        path = sessions.media(listener, position, part)
        if path is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no such sound in this session.")
        return _file(path)

    @app.post("/api/trials/{position}")
    def answer(position: int, given: _Given, listener: Present) -> dict[str, Any]:
        if sessions.stage(listener) in ("headphones", "refused") or not (
            0 <= position < len(listener.plan)
        ):
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no such comparison. Load the page.")
        feedback = sessions.answer(
            listener, position, given.a.ratings, given.b.ratings, given.choice, given.seconds
        )
        if feedback is None:
            raise RequestError(
                HTTPStatus.CONFLICT,
                "This comparison was answered before, or is not the next one. Load the page.",
            )
        return feedback


def _add_page(app: FastAPI, access: Access) -> None:
    folder = Path(str(resources.files("soundsift.evaluation.listening_test") / "static"))
    # Looked up, not joined: no path of a client reaches the file system.
    files = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}
    files["palette.css"] = Path(str(resources.files("soundsift") / "assets" / "palette.css"))

    @app.get("/open/{secret}")
    def enter(secret: str, request: Request) -> Response:
        """Exchange the token of the listeners' link for a session cookie."""
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        if not access.required:
            return response
        session = access.new_session(secret)
        if session is None:
            raise RequestError(
                HTTPStatus.FORBIDDEN, "This link is wrong. Ask for the link of the test."
            )
        name = cookie_name(request.headers.get("host", ""))
        secure = request.url.scheme == "https"
        response.set_cookie(
            name, session, _COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure
        )
        return response

    @app.get("/")
    def index() -> HTMLResponse:
        return HTMLResponse(files["index.html"].read_text(encoding="utf-8"))

    @app.get("/{name}")
    def static(name: str) -> FileResponse:
        if name not in files:
            raise RequestError(HTTPStatus.NOT_FOUND, "There is no such page.")
        return _file(files[name])


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def on_refusal(_: Request, error: RequestError) -> JSONResponse:
        return JSONResponse({"detail": error.sentence}, error.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the request"
        sentence = f"{where}: {first['msg']}."
        return JSONResponse({"detail": sentence}, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, RequestError):
            # Raised while the body was read.
            return await on_refusal(_, error.__cause__)
        return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)


def _listener_cookie(request: Request) -> str:
    # Browsers share cookies between the ports of a host.
    return f"{cookie_name(request.headers.get('host', ''))}_listener"


def _file(path: Path) -> FileResponse:
    return FileResponse(path, media_type=_TYPES[path.suffix])
