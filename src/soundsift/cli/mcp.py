"""`soundsift mcp`: let agents listen to recordings and edit them."""

from __future__ import annotations

import secrets
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli import options
from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift mcp --allow ~/recordings
soundsift mcp --allow ~/recordings --allow ~/podcast --out ~/edited --preset best
soundsift mcp --allow ~/recordings --http --port 8600
"""


def mcp(
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder whose files may be read; repeatable.",
            show_default="the present folder",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for results.", show_default="soundsift in the first DIR"
        ),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve HTTP on this machine instead of stdin and stdout.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for --http; 0 picks a free one.")
    ] = 8600,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SOUNDSIFT_TOKEN",
            help="Access token for --http, at least 16 characters. Prefer the SOUNDSIFT_TOKEN "
            "variable: other users of this machine can read command lines.",
            show_default="random",
        ),
    ] = None,
    preset: options.Preset = "standard",
    model: options.Model = "default",
    device: options.Device = None,
    precision: options.Precision = "auto",
) -> None:
    """Serve the Model Context Protocol: tools for agents.

    Agents can listen for named sounds, separate, remove and change them step by step, and undo.
    They read files of allowed folders only, and write only to the folder for results. An agent's
    program starts the command itself and talks to it by stdin and stdout, unless --http is given.
    """
    need("mcp", "mcp", "uvicorn")

    from soundsift.checkpoints.store import find_model
    from soundsift.mcp_server.edits import Edits
    from soundsift.mcp_server.folders import Folders
    from soundsift.mcp_server.server import make_server

    find_model(model)
    allowed = [path.expanduser() for path in allow or [Path()]]
    folders = Folders(allowed, out.expanduser() if out else allowed[0] / "soundsift")

    from soundsift import load
    from soundsift.checkpoints.hearing import default_folder
    from soundsift.checkpoints.store import WEIGHTS
    from soundsift.listening import SoundDetector

    detector = None
    if (default_folder() / WEIGHTS).is_file():
        detector = cache(partial(SoundDetector.load, device))
    edits = Edits(
        folders, cache(partial(load, device=device, precision=precision)), model, preset, detector
    )
    server = make_server(edits)
    if not http:
        server.run("stdio")
        return

    from soundsift.mcp_server.http import serve_http

    if token is not None and len(token) < 16:
        raise SoundsiftError(
            f"The token has {len(token)} characters and could be guessed. Use at least 16."
        )

    def ready(address: str) -> None:
        typer.echo(f"MCP server: {address}")
        if token is None:
            typer.echo(f"Header: Authorization: Bearer {made}")

    made = token or secrets.token_urlsafe(24)
    serve_http(server, folders.out, port, made, ready)
