"""Run a separator as a program: JSON lines to its stdin, replies from its stdout, within limits."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

#: What came of a request. `failed`: the program says so; `crashed`: it ended; `late`: no reply in
#: time.
Status = Literal["ok", "failed", "crashed", "late"]
_READ = 65_536


@dataclass(frozen=True)
class Reply:
    """What a program made of a request.

    Attributes:
        status: see `Status`.
        reason: of a failure, in one line.
        seconds: from the request to the reply; the first one includes loading.
        content: the reply itself.
    """

    status: Status
    reason: str
    seconds: float
    content: Mapping[str, Any]


class Program:
    """A program that is started when needed and replaced when it ends or is late.

    Args:
        command: the program and its arguments.
        log: file to which its stderr is appended.
        first_seconds: time for the first reply, loading included.
        seconds: time for every other reply.
        environment: variables added to this process's.
        folder: where it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        first_seconds: float = 900.0,
        seconds: float = 300.0,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._command, self._log, self._folder = list(command), log, folder
        self._limits = (first_seconds, seconds)
        self._environment = os.environ | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, request: Mapping[str, Any]) -> Reply:
        """Send a request with an `id` and wait for the reply that has it."""
        begun = time.monotonic()
        process = self._running()
        limit = begun + self._limits[self._answered]
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            return self._ended(begun)
        while True:
            line = self._line(process.stdout, limit)
            if line is None:
                self.close()
                seconds = time.monotonic() - begun
                return Reply("late", f"no reply within {seconds:.0f} s", seconds, {})
            if not line:
                return self._ended(begun)
            with suppress(ValueError):
                content = json.loads(line)
                # Anything else on stdout is a message of some library.
                if isinstance(content, dict) and content.get("id") == request["id"]:
                    self._answered = True
                    seconds = time.monotonic() - begun
                    if error := content.get("error"):
                        return Reply("failed", _one_line(str(error)), seconds, content)
                    return Reply("ok", "", seconds, content)

    def close(self) -> None:
        """End the program and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            # The group: wrappers such as `sh -c` must not leave the real program behind.
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._answered, self._buffer = False, b""
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,
                )
        return self._process

    def _line(self, stream: IO[bytes], limit: float) -> bytes | None:
        """The next line; empty at the end, None if the time is up."""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = limit - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                part = os.read(stream.fileno(), _READ)
                if not part:
                    return b""
                self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def _ended(self, begun: float) -> Reply:
        process = self._process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        code = process.returncode
        self.close()
        last = _last_line(self._log)
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Reply("crashed", f"{how}: {last}" if last else how, time.monotonic() - begun, {})


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_bytes()[-4000:].decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
