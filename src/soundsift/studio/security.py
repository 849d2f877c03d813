"""Who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import sqlite3
import time
from html import escape
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soundsift.studio.access import Access, cookie_name
from soundsift.studio.disk import disk_is_full
from soundsift.studio.errors import RequestError, busy, no_room, too_large
from soundsift.studio.limits import Rate
from soundsift.studio.settings import Settings, is_address, is_loopback

#: Put into the page in place of this word, so that a script may add its own style sheet.
NONCE = "__CSP_NONCE__"

_log = logging.getLogger(__name__)

_MOST_JSON = 1 << 20
_OPEN_TO_ALL = ("/health",)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), payment=(), usb=(), microphone=(self)",
    "cache-control": "no-store",
}


def content_policy(nonce: str) -> str:
    """The Content-Security-Policy: nothing from anywhere but here.

    Args:
        nonce: of this answer, for style sheets that a script of ours adds.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "connect-src 'self' blob:",
            "font-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Guard:
    """Refuses whom it must, and adds what every answer has.

    - `Host` must be an address in numbers or a known name, against DNS rebinding.
    - `Origin` and `Sec-Fetch-Site`, which browsers send, must say that the request is our page's.
    - The token, if there is one, must be in `Authorization`, or a session in the cookie.
    - A client may ask so often, and send so much.
    - An exception becomes one sentence, and its traceback stays here.

    Args:
        app: what is guarded.
        settings: how the server was started.
        access: knows the token and the sessions.
    """

    def __init__(self, app: ASGIApp, settings: Settings, access: Access) -> None:
        self._app, self._settings, self._access = app, settings, access
        limits = settings.limits
        self._rate = Rate(limits.requests_per_second, limits.burst)
        self._wrong = Rate(0.1, limits.wrong_tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There are no web sockets here.
            await send({"type": "websocket.close", "code": 1008})
            return
        nonce = secrets.token_urlsafe(16)
        scope["nonce"] = nonce
        begun = ended = False

        async def reply(message: Message) -> None:
            nonlocal begun, ended
            if message["type"] == "http.response.body":
                ended = not message.get("more_body", False)
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = content_policy(nonce)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, self._measured(scope, receive), reply)
        except Exception as error:
            if ended:
                # Starlette raises what it has answered.
                return
            problem = as_problem(error)
            if begun:
                # Too late for another answer: a connection that breaks is what is left.
                raise
            await _refuse(problem, reply, as_page=_is_visit(scope))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        try:
            self._check_host(headers)
            self._check_origin(scope, headers)
            self._check_access(scope["path"], client, headers)
        except RequestError:
            self._count(f"stranger {client}")
            raise
        # Strangers at the same address, say other users of this machine, have their own count.
        self._count(client)

    def _count(self, client: str) -> None:
        if wait := self._rate.wait(client):
            raise RequestError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many requests; try again later.",
                {"Retry-After": str(max(1, round(wait)))},
            )

    def _check_access(self, path: str, client: str, headers: Headers) -> None:
        if not self._access.required or path in _OPEN_TO_ALL or path.startswith("/open/"):
            return
        token = _bearer(headers)
        cookie = cookie_parser(headers.get("cookie", "")).get(cookie_name(headers.get("host", "")))
        # First: wrong tokens, of the same address perhaps, must not lock out the right one.
        if token is not None and self._access.is_token(token):
            return
        if cookie is not None and self._access.is_session(cookie):
            return
        if token is not None and self._wrong.wait(client):
            raise RequestError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many wrong tokens; try again later.",
                {"Retry-After": "10"},
            )
        raise RequestError(
            HTTPStatus.UNAUTHORIZED,
            "Access needs a token. Open the link that the server printed at its start, or send "
            "'Authorization: Bearer TOKEN'.",
            {"WWW-Authenticate": "Bearer"},
        )

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = _host_name(host)
        settings = self._settings
        known = name in settings.names or is_loopback(name)
        # A name server can make any name mean this machine, but nothing makes a name a number.
        if not (known or (settings.public and is_address(name))):
            raise RequestError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"This server is not known as {host[:100]!r}; its address was expected.",
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        refused = RequestError(HTTPStatus.FORBIDDEN, "Requests of other sites' pages are refused.")
        origin = headers.get("origin")
        if origin is not None:
            try:
                parts = urlsplit(origin)
            except ValueError as error:
                raise refused from error
            if parts.scheme not in ("http", "https") or parts.netloc != headers.get("host"):
                raise refused
        # Coming from a link elsewhere is no harm where only the page is fetched.
        visit = _is_visit(scope)
        site = headers.get("sec-fetch-site", "none")
        is_api = scope["path"].startswith("/api")
        if site not in ("same-origin", "none") and (is_api or not visit):
            raise refused

    def _measured(self, scope: Scope, receive: Receive) -> Receive:
        """The body of a request, which may not be too large or too slow."""
        limits = self._settings.limits
        kind = Headers(scope=scope).get("content-type", "")
        is_upload = kind.startswith("multipart/form-data")
        most = limits.upload_bytes + (1 << 17) if is_upload else _MOST_JSON
        size, ended, start = 0, False, time.monotonic()

        async def measured() -> Message:
            nonlocal size, ended
            if ended:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), limits.silence_seconds)
            except TimeoutError as error:
                raise RequestError(
                    HTTPStatus.REQUEST_TIMEOUT, "The rest of the request did not come."
                ) from error
            if message["type"] != "http.request":
                ended = True
                return message
            size += len(message.get("body", b""))
            late = time.monotonic() - start - limits.silence_seconds
            if late * limits.body_bytes_per_second > size:
                raise RequestError(HTTPStatus.REQUEST_TIMEOUT, "The request came too slowly.")
            ended = not message.get("more_body", False)
            if size > most:
                raise too_large(f"The request is too large; at most {most} bytes were expected.")
            return message

        return measured


def as_problem(error: Exception) -> RequestError:
    """What a client is told of an exception; one that nobody expected is printed."""
    if isinstance(error, RequestError):
        return error
    if disk_is_full(error):
        return no_room()
    if isinstance(error, sqlite3.OperationalError) and re.search("locked|busy", str(error)):
        return busy("The server is busy.", 1)
    _log.error("a request failed", exc_info=error)
    if isinstance(error, OSError | sqlite3.OperationalError):
        return busy("The server can't use its disk; its log says more.", 10)
    return RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; the server's log says more."
    )


async def _refuse(problem: RequestError, send: Send, *, as_page: bool) -> None:
    if as_page:
        kind = "text/html; charset=utf-8"
        body = f"<!doctype html><title>soundsift</title><p>{escape(problem.sentence)}</p>".encode()
    else:
        kind = "application/json"
        body = json.dumps({"detail": problem.sentence}).encode()
    headers = {"content-type": kind, "content-length": str(len(body))}
    raw = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in (headers | problem.headers).items()
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _is_visit(scope: Scope) -> bool:
    """Whether a browser goes to a page, rather than a page fetching something."""
    mode = Headers(scope=scope).get("sec-fetch-mode")
    return bool(scope["method"] == "GET" and mode == "navigate")


def _bearer(headers: Headers) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if kind.lower() == "bearer" else None


def _host_name(host: str) -> str:
    """The name in a `Host` header, without the port."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0].lower()
