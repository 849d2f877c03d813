"""`soundsift studio` and `soundsift serve`."""

from __future__ import annotations

import secrets
import threading
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from soundsift.cli.options import HostNames, Proxies
from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.studio.server import Studio

STUDIO_EXAMPLES = """Examples:

\b
soundsift studio
soundsift studio street.wav
soundsift studio film.mp4 --model facebook/sam-audio-small --no-open
"""
SERVE_EXAMPLES = """Examples:

\b
soundsift serve
soundsift serve --port 8400 --data /srv/soundsift
SOUNDSIFT_TOKEN=... soundsift serve --host 0.0.0.0 --name sound.example.org
"""

_MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Data folder: new, empty, or made by the studio.",
        show_default="the user's own",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="SOUNDSIFT_TOKEN",
        help="Access token, at least 16 characters. Prefer the SOUNDSIFT_TOKEN variable: other "
        "users of this machine can read command lines.",
        show_default="random",
    ),
]
NoToken = Annotated[
    bool, typer.Option("--no-token", help="Let every user and program of this machine in.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME_OR_FOLDER",
        help="Offer this model, too; repeatable.",
        show_default="default only",
    ),
]
Adapters = Annotated[
    list[Path] | None,
    typer.Option(
        "--adapter",
        metavar="FILE",
        help="Offer the model that this adapter was made for with it, too, by the phrase it was "
        "tuned for: the default model, or one given by --model; repeatable.",
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="cuda, mps or cpu; repeatable, one process per device.",
        show_default="the best available",
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    typer.Option(help="Matmul precision; auto picks bfloat16 where the hardware supports it."),
]
MaxMinutes = Annotated[float, typer.Option(min=0.1, help="Longest accepted recording.")]
JobMinutes = Annotated[
    float,
    typer.Option(
        min=0.1, help="Time limit of a job; 20 times the recording's length if that is longer."
    ),
]
KeepDays = Annotated[
    float, typer.Option(min=0.01, help="Days after which unused recordings and jobs are deleted.")
]


def studio(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A recording to begin with.", show_default=False),
    ] = None,
    open_: Open = True,
    port: Port = 0,
    data: Data = None,
    token: Token = None,
    no_token: NoToken = False,
    model: Models = None,
    adapter: Adapters = None,
    device: Devices = None,
    precision: Precision = "auto",
    max_minutes: MaxMinutes = 120.0,
    job_minutes: JobMinutes = 10.0,
    keep_days: KeepDays = 7.0,
) -> None:
    """Open the studio, a page in the browser.

    Only this machine can reach it, and it needs no network. Everything stays in the data folder.
    """
    limits = _Limits(max_minutes, job_minutes, keep_days)
    reach = _Reach("127.0.0.1", port, token, no_token)
    _run(
        reach,
        data,
        model or [],
        adapter or [],
        device or [],
        precision,
        limits,
        file=file,
        open_page=open_,
    )


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8400,
    open_: Open = False,
    data: Data = None,
    token: Token = None,
    no_token: NoToken = False,
    name: HostNames = None,
    proxy: Proxies = None,
    model: Models = None,
    adapter: Adapters = None,
    device: Devices = None,
    precision: Precision = "auto",
    max_minutes: MaxMinutes = 120.0,
    job_minutes: JobMinutes = 10.0,
    keep_days: KeepDays = 7.0,
) -> None:
    """Serve the studio and its HTTP API."""
    limits = _Limits(max_minutes, job_minutes, keep_days)
    reach = _Reach(host, port, token, no_token, name or [], proxy or [])
    _run(reach, data, model or [], adapter or [], device or [], precision, limits, open_page=open_)


@dataclass
class _Reach:
    """Where a server listens, and who may use it."""

    host: str
    port: int
    token: str | None
    no_token: bool
    names: Sequence[str] = ()
    proxies: Sequence[str] = ()

    def check(self) -> None:
        from soundsift.studio.settings import check_proxies, is_loopback

        if self.no_token and self.token is not None:
            raise SoundsiftError("--token and --no-token exclude each other. Leave one out.")
        if self.no_token and not is_loopback(self.host):
            raise SoundsiftError(
                f"--no-token would let every machine that reaches {self.host} in. Leave it out, or "
                "listen on 127.0.0.1."
            )
        if self.token is not None and len(self.token) < 16:
            raise SoundsiftError(
                f"The token has {len(self.token)} characters and could be guessed. Use at least 16."
            )
        check_proxies(self.proxies)


@dataclass
class _Limits:
    max_minutes: float
    job_minutes: float
    keep_days: float


def _run(
    reach: _Reach,
    data: Path | None,
    models: list[str],
    adapters: list[Path],
    devices: list[str],
    precision: str,
    limits: _Limits,
    *,
    file: Path | None = None,
    open_page: bool,
) -> None:
    need("studio", *_MODULES)

    from soundsift.studio.app import make_app
    from soundsift.studio.http_server import address, listen
    from soundsift.studio.http_server import serve as answer
    from soundsift.studio.limits import Limits
    from soundsift.studio.server import Studio
    from soundsift.studio.settings import Settings, usual_folder

    reach.check()
    tuned = offered(adapters, models)
    token = None if reach.no_token else reach.token or secrets.token_urlsafe(24)
    settings = Settings(
        data=data or usual_folder(),
        host=reach.host,
        names=tuple(name.lower() for name in reach.names),
        token=token,
        proxies=tuple(reach.proxies),
        models={"default": "default"}
        | {name: model for name, (model, _) in tuned.items()}
        | {name: name for name in models},
        adapters={name: adapter for name, (_, adapter) in tuned.items()},
        devices=tuple(devices) or (None,),
        precision=precision,
        limits=Limits(
            seconds=60 * limits.max_minutes,
            job_seconds=60 * limits.job_minutes,
            keep_seconds=24 * 3600 * limits.keep_days,
        ),
    )
    listener = listen(reach.host, reach.port)
    made = Studio(settings)
    if file is not None:
        _take(made, file)
    place = address(listener, reach.host)

    def ready() -> None:
        if token is None:
            typer.echo(f"Studio: {place}/")
        elif reach.token is None:
            typer.echo(f"Studio: {place}/open/{token}")
            typer.echo(f"Token for programs: {token}")
        else:
            # A token of the user's own stays out of logs.
            typer.echo(f"Studio: {place}/open/{made.access.new_link()} (for one visit)")
        if open_page:
            # For one visit: other users of this machine can read command lines.
            link = f"{place}/open/{made.access.new_link()}" if token else f"{place}/"
            # Some browsers come back only when they are closed.
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    answer(make_app(made), settings, listener, ready)


def offered(adapters: list[Path], models: list[str]) -> dict[str, tuple[str, Path]]:
    """Models with adapters, by the names under which the page offers them.

    Args:
        adapters: the adapters.
        models: offered beside the default model.

    Raises:
        SoundsiftError: an adapter was made for none of the models.
    """
    if not adapters:
        return {}
    from soundsift.checkpoints.adapter import load_adapter
    from soundsift.checkpoints.load import open_model
    from soundsift.checkpoints.store import find_model

    found = {}
    for path in adapters:
        adapter = load_adapter(path)
        refusals = []
        for model in ("default", *models):
            try:
                open_model(find_model(model), adapter=adapter)
            except SoundsiftError as error:
                refusals.append(error)
                continue
            found[f"{model} for {adapter.facts.phrase or path.stem}"] = (model, path)
            break
        else:
            raise SoundsiftError(f"{refusals[-1]} Offer it with --model.")
    return found


def _take(studio: Studio, file: Path) -> None:
    """Add a file to the recordings before the server starts."""
    from soundsift.studio.errors import RequestError

    try:
        studio.opened = studio.recordings.take(file).id
    except RequestError as error:
        studio.stop()
        raise SoundsiftError(error.sentence) from error
    except OSError as error:
        studio.stop()
        raise SoundsiftError(
            f"{file} can't be read ({error.strerror}). Name an audio or video file."
        ) from error
