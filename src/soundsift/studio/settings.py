"""Settings of a server."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.studio.limits import Limits


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    Attributes:
        data: data folder, created if missing.
        host: address to listen on.
        names: accepted host names, besides `localhost` and numeric addresses.
        token: secret that requests must show; None if none is asked for.
        proxies: addresses or networks of proxies whose `X-Forwarded-*` headers are trusted.
        models: names of the offered models, and what `soundsift.load` loads for them.
        adapters: adapters of some of the offered models, by their names.
        devices: devices with a process each; None is the best available.
        precision: see `soundsift.load`.
        limits: limits of requests, jobs and files.
    """

    data: Path
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str | None = None
    proxies: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=lambda: {"default": "default"})
    adapters: Mapping[str, Path] = field(default_factory=dict)
    devices: tuple[str | None, ...] = (None,)
    precision: str = "auto"
    limits: Limits = field(default_factory=Limits)

    def is_proxy(self, host: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        if not self.proxies or not is_address(host):
            return False
        address = ipaddress.ip_address(host)
        networks = (ipaddress.ip_network(proxy, strict=False) for proxy in self.proxies)
        return any(address in network for network in networks)

    @property
    def public(self) -> bool:
        """Whether other machines can reach the server."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is a loopback one."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether a host is a numeric address."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def check_proxies(proxies: Sequence[str]) -> None:
    """Refuse a proxy that is neither an address nor a network.

    Raises:
        SoundsiftError: one is neither.
    """
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise SoundsiftError(
                f"--proxy {proxy} is neither an address nor a network. Use 10.0.0.5 or 10.0.0.0/24."
            ) from error


def usual_folder() -> Path:
    """The user's data folder for the studio, as the platform has it."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "soundsift" / "studio"
