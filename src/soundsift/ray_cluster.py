"""A Ray cluster for the time of a run: one that runs anyway, or one of this machine alone."""

from __future__ import annotations

import io
import logging
import math
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from soundsift.devices import pick_device
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library
from soundsift.processors import processors
from soundsift.signals import ended_like_interrupted

#: Without usage statistics over the network.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Its default of 15 starves workers beside any other work of the machine.
    "RAY_worker_niceness": "0",
}
_FOLDER = "soundsift-ray-"
_OWNER = "owner"
#: Ray's sockets lie below its folder, and their paths have 107 characters at most.
_ROOT_LENGTH = 18
_STORE_BYTES = 2**31
_STORE_SHARE = 0.3
_REACH_SECONDS = 10.0
_CLEAN_SECONDS = 5.0


@dataclass(frozen=True)
class Cluster:
    """What a run uses of a cluster.

    Attributes:
        ray: the library, connected.
        workers: number of workers.
        gpus: share of a GPU that each has; 0 if they compute on processors.
        threads: processor threads of each.
    """

    ray: Any
    workers: int
    gpus: float
    threads: int


@contextmanager
def ray_cluster(
    address: str | None = None, workers: int | None = None, *, processors_only: bool = False
) -> Iterator[Cluster]:
    """Connect to a cluster, or start one of this machine alone, and leave it at the end.

    A cluster that is started here ends with this process, even by `kill -9`. A program that is
    connected already stays so, and its cluster is used.

    Args:
        address: HOST:PORT of a cluster, or "auto" for the one that this machine is part of; None
            starts one.
        workers: number of workers; None: one for each GPU of the cluster, else for each processor.
        processors_only: whether GPUs are left alone.

    Raises:
        SoundsiftError: Ray is not installed, the cluster can't be reached, or Ray can't be started.
    """
    with ExitStack() as stack:
        # Ray handles SIGTERM itself from its start on, with a traceback.
        stack.enter_context(ended_like_interrupted())
        stack.enter_context(_environment(_SETTINGS))
        ray = library("ray", "several workers", "ray")
        if not ray.is_initialized():
            options = {} if address is None else _existing(address)
            if address is None:
                folder = stack.enter_context(_folder())
                options = _own(folder, workers or processors())
            stack.enter_context(redirect_stdout(_WithoutRay(sys.stdout)))
            # Before Ray starts anything: what it has started by then ends, too.
            stack.callback(ray.shutdown)
            try:
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
            except (OSError, RuntimeError, ValueError, ImportError) as error:
                raise SoundsiftError(_refusal(address, error)) from error
            stack.enter_context(ended_like_interrupted())
        yield _measured(ray, workers, address is None, processors_only)


def accelerated(cluster: Cluster, address: str | None, device: str | None) -> bool:
    """Whether workers compute on accelerators, while processors are free for other work.

    Args:
        cluster: the cluster.
        address: as for `ray_cluster`.
        device: as for `soundsift.load`, in a worker.
    """
    return cluster.gpus > 0 or (address is None and pick_device(device).type != "cpu")


def _measured(ray: Any, workers: int | None, local: bool, processors_only: bool) -> Cluster:
    resources = ray.cluster_resources()
    gpus = 0 if processors_only else int(resources.get("GPU", 0))
    count = workers or gpus or max(1, int(resources.get("CPU", 1)))
    share = 0.0 if not gpus else 1 / math.ceil(count / gpus)
    return Cluster(ray, count, share, max(1, processors() // count) if local else 1)


def _own(folder: Path, workers: int) -> dict[str, Any]:
    return {
        "address": "local",
        # Logical ones, by which Ray counts: several workers may share a processor.
        "num_cpus": max(workers, processors()),
        "include_dashboard": False,
        "object_store_memory": _store_bytes(),
        "_temp_dir": str(folder),
    }


def _store_bytes() -> int:
    """Memory for what waits between workers, which is taken only as it is used."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    wanted = min(_STORE_BYTES, round(_STORE_SHARE * pages))
    shared = Path("/dev/shm")
    if not shared.is_dir():
        return wanted
    # Where the shared memory is too small for anything, Ray uses its folder instead.
    free = round(0.9 * shutil.disk_usage(shared).free)
    least = 100 * 2**20
    return min(wanted, free) if free >= least else least


def _existing(address: str) -> dict[str, Any]:
    """Arguments that connect to a cluster; an address that nothing listens at is refused early."""
    if address != "auto" and "://" not in address:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise SoundsiftError(
                f"--ray {address}: no address. Use HOST:PORT of a Ray cluster, or auto on a "
                "machine of it."
            )
        try:
            socket.create_connection((host, int(port)), _REACH_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise SoundsiftError(_refusal(address, error)) from error
    return {"address": address}


def _refusal(address: str | None, error: BaseException) -> str:
    if address is None:
        return f"Ray can't be started: {one_line(error)}. Use --workers 1."
    return (
        f"--ray {address}: no Ray cluster answers: {one_line(error)}. Check the address, start one "
        "with `ray start --head`, or leave --ray out."
    )


class _WithoutRay(io.TextIOBase):
    """Standard output without what a thread of Ray prints of every worker that died.

    Args:
        stream: standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name.startswith("ray_"):
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        # Ray asks at the very end, too.
        return not self._stream.closed and self._stream.isatty()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for Ray's logs and sockets, and what it spills; removed at the end.

    One that a killed process left is removed by the next run.
    """
    root = Path(tempfile.gettempdir())
    if len(str(root)) > _ROOT_LENGTH:
        root = Path("/tmp")
    for left in root.glob(f"{_FOLDER}*"):
        if _abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=root))
    (folder / _OWNER).write_text(str(os.getpid()))
    try:
        yield folder
    finally:
        # Ray's processes may write their last lines a moment after they were ended.
        until = time.monotonic() + _CLEAN_SECONDS
        while folder.exists() and time.monotonic() < until:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                time.sleep(0.1)


def _abandoned(folder: Path) -> bool:
    """Whether the process that made a folder is gone."""
    with suppress(OSError, ValueError):
        owner = int((folder / _OWNER).read_text())
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            return True
    return False
