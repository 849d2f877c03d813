"""`soundsift studio` and `soundsift serve`: the page, and the server behind it."""

from __future__ import annotations

import secrets
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.studio.server import Studio

STUDIO_EXAMPLES = """Examples:

\b
soundsift studio
soundsift studio street.wav
soundsift studio film.mp4 --model facebook/sam-audio-small --no-browser
"""
SERVE_EXAMPLES = """Examples:

\b
soundsift serve
soundsift serve --port 8400 --data /srv/soundsift
SOUNDSIFT_TOKEN=... soundsift serve --host 0.0.0.0 --name sound.example.org
"""

_MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for recordings and results.", show_default="the user's own"
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME_OR_FOLDER",
        help="Also offer this model; may be repeated.",
        show_default="default only",
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="cuda, mps or cpu; may be repeated, for a process on each.",
        show_default="the best that is there",
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"], typer.Option(help="Of the network's products.")
]
Minutes = Annotated[float, typer.Option(min=0.1, help="Longest recording that is taken.")]
JobMinutes = Annotated[
    float,
    typer.Option(
        min=0.1, help="How long a job may take; 20 times its recording's length if that is longer."
    ),
]
KeepDays = Annotated[
    float, typer.Option(min=0.01, help="How long what nobody uses is kept, in days.")
]


def studio(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A recording to begin with.", show_default=False),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="To listen at.", show_default="any free one")
    ] = 0,
    data: Data = None,
    model: Models = None,
    device: Devices = None,
    precision: Precision = "auto",
    max_minutes: Minutes = 120.0,
    job_minutes: JobMinutes = 10.0,
    keep_days: KeepDays = 7.0,
) -> None:
    """Open the studio, a page in the browser.

    Only this machine can reach it, and it needs no network. Everything stays in the data folder.
    """
    _run(
        "127.0.0.1",
        port,
        data,
        model or [],
        device or [],
        precision,
        max_minutes,
        job_minutes,
        keep_days,
        file=file,
        browser=browser,
    )


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than this machine's ask for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8400,
    data: Data = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SOUNDSIFT_TOKEN",
            help="That requests must show; better set as SOUNDSIFT_TOKEN, which others don't see.",
            show_default="made up where one is needed",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A name under which it is asked for; may be repeated."),
    ] = None,
    model: Models = None,
    device: Devices = None,
    precision: Precision = "auto",
    max_minutes: Minutes = 120.0,
    job_minutes: JobMinutes = 10.0,
    keep_days: KeepDays = 7.0,
) -> None:
    """Serve the studio and its HTTP API."""
    _run(
        host,
        port,
        data,
        model or [],
        device or [],
        precision,
        max_minutes,
        job_minutes,
        keep_days,
        token=token,
        names=name or [],
    )


def _run(
    host: str,
    port: int,
    data: Path | None,
    models: list[str],
    devices: list[str],
    precision: str,
    max_minutes: float,
    job_minutes: float,
    keep_days: float,
    *,
    token: str | None = None,
    names: list[str] | None = None,
    file: Path | None = None,
    browser: bool = False,
) -> None:
    need("studio", *_MODULES)

    from soundsift.studio.http_server import address, listen
    from soundsift.studio.http_server import serve as answer
    from soundsift.studio.limits import Limits
    from soundsift.studio.server import Studio
    from soundsift.studio.settings import Settings, is_loopback, usual_folder

    if token is not None and len(token) < 16:
        raise SoundsiftError(
            f"the token has {len(token)} characters; at least 16 were expected, which is too many "
            "to guess."
        )
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    settings = Settings(
        data=data or usual_folder(),
        host=host,
        names=tuple(name.lower() for name in names or ()),
        token=token,
        models={"default": "default"} | {name: name for name in models},
        devices=tuple(devices) or (None,),
        precision=precision,
        limits=Limits(
            seconds=60 * max_minutes,
            job_seconds=60 * job_minutes,
            keep_seconds=24 * 3600 * keep_days,
        ),
    )
    listener = listen(host, port)
    made = Studio(settings)
    if file is not None:
        _take(made, file)
    link = address(listener, host)
    if token is not None:
        link += f"/open/{made.links.make()}"
    elif made.opened is not None:
        link += f"/?recording={made.opened}"

    def ready() -> None:
        if token is not None:
            typer.echo(f"The token is {token}")
            typer.echo(f"This link lets one browser in: {link}")
        else:
            typer.echo(f"The studio is at {link}")
        if browser:
            # Some browsers come back only when they are closed.
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    answer(made, listener, ready)


def _take(studio: Studio, file: Path) -> None:
    """Have a file among the recordings before anybody asks."""
    from soundsift.studio.errors import RequestError

    try:
        studio.opened = studio.recordings.take(file).id
    except RequestError as error:
        studio.stop()
        raise SoundsiftError(error.sentence) from error
    except OSError as error:
        studio.stop()
        raise SoundsiftError(
            f"{file} can't be read ({error.strerror}); an audio or video file was expected."
        ) from error
