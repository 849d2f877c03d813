"""Run the HTTP server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from soundsift.errors import SoundsiftError
from soundsift.studio.connections import Connections, LimitedProtocol
from soundsift.studio.logs import set_up_logging
from soundsift.studio.settings import Settings

_BACKLOG = 128
_GRACE_SECONDS = 3


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Args:
        host: name or address of an interface.
        port: port; 0 picks a free one.

    Raises:
        SoundsiftError: the address can't be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise SoundsiftError(
            f"Can't listen on {host}:{port} ({error.strerror or error}). Choose a free port and an "
            "address of this machine."
        ) from error
    return listener


def address(listener: socket.socket, host: str) -> str:
    """URL of the server."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def serve(
    app: ASGIApp, settings: Settings, listener: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve until interrupted.

    Args:
        app: the ASGI application.
        settings: settings of the server.
        listener: socket from `listen`.
        ready: called when requests are answered.
    """
    set_up_logging()
    limits = settings.limits
    connections = Connections(
        limits.connections,
        limits.client_connections,
        limits.header_seconds,
        settings.is_proxy,
    )
    config = uvicorn.Config(
        app,
        http=cast(Any, partial(LimitedProtocol, connections=connections)),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Uvicorn's default trusts every program of this machine.
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        # Connections are accepted in batches of this size, before they are counted.
        backlog=_BACKLOG,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws="none",
    )
    _Server(config, ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
