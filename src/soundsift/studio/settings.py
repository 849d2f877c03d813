"""How a server was started."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from soundsift.studio.limits import Limits


@dataclass(frozen=True)
class Settings:
    """Of a server.

    Attributes:
        data: its folder, made if missing.
        host: address that it listens at.
        names: by which it may be asked for, besides `localhost` and addresses in numbers.
        token: secret that requests must show; None if none is asked for.
        proxies: addresses or networks of proxies whose `X-Forwarded-*` headers are trusted.
        models: that may be asked for: the name, and what to load.
        devices: to compute on, a process each; None is the best that is there.
        precision: as of `soundsift.load`.
        limits: what it takes.
    """

    data: Path
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str | None = None
    proxies: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=lambda: {"default": "default"})
    devices: tuple[str | None, ...] = (None,)
    precision: str = "auto"
    limits: Limits = field(default_factory=Limits)

    @property
    def public(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine as only it can see itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether a host is given in numbers, which no name server can answer for."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def usual_folder() -> Path:
    """Where the data is unless told otherwise: the user's own folder for it."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "soundsift" / "studio"
