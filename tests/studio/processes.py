"""A server in processes of its own, which is asked over loopback and may write nowhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
from clients import Client

HERE = Path(__file__).parent


def watched(may: Path, notes: Path) -> dict[str, str]:
    """Variables for a process and its children: what they change beside `may` is noted."""
    return {
        "PYTHONPATH": os.pathsep.join(
            [str(HERE / "watched"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        "WATCHED_MAY": str(may.resolve()),
        "WATCHED_NOTES": str(notes),
    }


@contextmanager
def server(folder: Path, **limits: float) -> Iterator[tuple[Client, "subprocess.Popen[str]"]]:
    """`serving.py`, whose data is in `folder / "data"`, and its log in `folder / "log"`.

    Afterwards, that none of its processes wrote anywhere else.
    """
    elsewhere, notes = folder / "elsewhere", folder / "notes"
    elsewhere.mkdir(exist_ok=True)
    own = watched(folder / "data", notes) | {"HOME": str(elsewhere), "TMPDIR": str(elsewhere)}
    log = (folder / "log").open("a")
    process = subprocess.Popen(
        [sys.executable, "-B", str(HERE / "serving.py"), str(folder), json.dumps(limits)],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=elsewhere,
        env=os.environ | own,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        with httpx.Client(base_url=address, timeout=120) as http:
            yield Client(http, None), process
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
        log.close()
    assert notes.read_text() == ""
    assert not list(elsewhere.iterdir())
    assert {path.name for path in folder.iterdir()} <= {"data", "elsewhere", "log", "notes"}


def memory(process: int, line: str = "VmRSS") -> float:
    """In MiB: now, or "VmHWM", at most since its program began."""
    for said in Path(f"/proc/{process}/status").read_text().splitlines():
        if said.startswith(line):
            return int(said.split()[1]) / 1024
    raise AssertionError("no such line")


def tree(process: int) -> list[int]:
    """It and its descendants."""
    children = Path(f"/proc/{process}/task/{process}/children")
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / children.name).read_text().split():
            found += tree(int(child))
    return found
