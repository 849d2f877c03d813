"""The server by HTTP on this machine, behind the studio's checks of host, origin and token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from soundsift.studio.access import Access
from soundsift.studio.http_server import address, listen, serve
from soundsift.studio.security import Guard
from soundsift.studio.settings import Settings

#: Only this machine reaches the server: the files are those of this user.
HOST, PATH = "127.0.0.1", "/mcp"


def make_app(server: MCPServer[Any], settings: Settings) -> ASGIApp:
    """The ASGI application of a server.

    Args:
        server: the server.
        settings: token and limits.
    """
    # The guard checks host and origin.
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=checked)
    return Guard(app, settings, Access(settings.token))


def serve_http(
    server: MCPServer[Any], data: Path, port: int, token: str, ready: Callable[[str], None]
) -> None:
    """Serve until interrupted.

    Args:
        server: the server.
        data: folder for results.
        port: port; 0 picks a free one.
        token: secret that requests must show.
        ready: called with the URL when requests are answered.
    """
    settings = Settings(data=data, host=HOST, token=token)
    listener = listen(HOST, port)
    url = f"{address(listener, HOST)}{PATH}"
    serve(make_app(server, settings), settings, listener, lambda: ready(url))
