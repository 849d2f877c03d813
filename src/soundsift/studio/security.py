"""Checks of every request, and security headers of every response."""

from __future__ import annotations

import asyncio
import json
import logging
import re
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


#: Everything comes from this server.
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
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
    """ASGI middleware that checks requests and adds security headers.

    - `Host` must be a loopback address, a numeric address of a public server, or a configured name,
      against DNS rebinding. (Starlette's `TrustedHostMiddleware` knows no numeric addresses.)
    - `Origin` and `Sec-Fetch-Site`, which browsers send, must name this server's page.
    - `Authorization` must hold the token, or the cookie a session, unless the server has no token.
    - The rate of a client's requests, and the size and rate of their bodies, are limited.
    - An exception becomes a response of one sentence; its traceback goes to the log.

    Args:
        app: the guarded application.
        settings: settings of the server.
        access: checks tokens and sessions.
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
            # There are no web sockets.
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = ended = False

        async def reply(message: Message) -> None:
            nonlocal begun, ended
            if message["type"] == "http.response.body":
                ended = not message.get("more_body", False)
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = _CONTENT_POLICY
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, self._measured(scope, receive), reply)
        except Exception as error:
            if ended:
                # Starlette re-raises an exception that it has answered.
                return
            refusal = as_request_error(error)
            if begun:
                # Too late for another response: the connection is closed.
                raise
            await _refuse(refusal, reply, as_page=_is_visit(scope))

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
        # Strangers at the same address, such as other users of this machine, are counted apart.
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
        # First: wrong tokens, perhaps from the same address, must not lock out the right one.
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
        # A name server can resolve any name to this machine; a numeric address needs none.
        if not (known or (settings.public and is_address(name))):
            raise RequestError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"The host {host[:100]!r} is not accepted. Use the server's address, or name the "
                "host with --name.",
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        refused = RequestError(
            HTTPStatus.FORBIDDEN,
            "Requests from other sites' pages are refused.",
        )
        origin = headers.get("origin")
        if origin is not None:
            try:
                parts = urlsplit(origin)
            except ValueError as error:
                raise refused from error
            if parts.scheme not in ("http", "https") or parts.netloc != headers.get("host"):
                raise refused
        # Following a link of another site is harmless if only the page is fetched.
        visit = _is_visit(scope)
        site = headers.get("sec-fetch-site", "none")
        is_api = scope["path"].startswith("/api")
        if site not in ("same-origin", "none") and (is_api or not visit):
            raise refused

    def _measured(self, scope: Scope, receive: Receive) -> Receive:
        """Receive a body of limited size, pauses and rate."""
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
                    HTTPStatus.REQUEST_TIMEOUT, "The rest of the request is missing. Send it again."
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
                raise too_large(f"The request is too large. Send at most {most} bytes.")
            return message

        return measured


def as_request_error(error: Exception) -> RequestError:
    """Response to an exception; an unexpected one is logged."""
    if isinstance(error, RequestError):
        return error
    if disk_is_full(error):
        return no_room()
    if isinstance(error, sqlite3.OperationalError) and re.search("locked|busy", str(error)):
        return busy("The server is busy. Try again later.", 1)
    _log.error("a request failed", exc_info=error)
    if isinstance(error, OSError | sqlite3.OperationalError):
        return busy("The server can't use its disk; its log says more.", 10)
    return RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed unexpectedly; its log says more."
    )


async def _refuse(refusal: RequestError, send: Send, *, as_page: bool) -> None:
    if as_page:
        kind = "text/html; charset=utf-8"
        body = f"<!doctype html><title>soundsift</title><p>{escape(refusal.sentence)}</p>".encode()
    else:
        kind = "application/json"
        body = json.dumps({"detail": refusal.sentence}).encode()
    headers = {"content-type": kind, "content-length": str(len(body))}
    raw = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in (headers | refusal.headers).items()
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _is_visit(scope: Scope) -> bool:
    """Whether a browser navigates to a page."""
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
