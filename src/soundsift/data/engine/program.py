"""Programs that caption recordings or answer for filters: a line of JSON in, a line of JSON out.

The program is started once. It reads requests from its standard input and answers each with one
line on its standard output; what it writes to standard error is shown.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from soundsift.errors import SoundsiftError


class LineProgram:
    """A program that stays up; after an error it is started anew for the next request.

    Args:
        command: the program and its arguments.
        seconds: time for an answer, loading included.
    """

    def __init__(self, command: Sequence[str], seconds: float = 600.0) -> None:
        self.command, self._seconds = list(command), seconds
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            SoundsiftError: the program cannot be started, ends, is late, or answers something that
                is no JSON object.
        """
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request, ensure_ascii=False) + "\n")
            process.stdin.flush()
            line = self._lines.get(timeout=self._seconds)
        except OSError as error:
            self.close()
            raise SoundsiftError(f"{self._name} ended ({error.strerror}). Run it alone.") from error
        except queue.Empty:
            self.close()
            raise SoundsiftError(
                f"{self._name} gave no answer within {self._seconds:.0f} s. Run it alone."
            ) from None
        if not line:
            self.close()
            raise SoundsiftError(f"{self._name} ended without an answer. Run it alone.")
        with suppress(ValueError):
            answer = json.loads(line)
            if isinstance(answer, dict):
                return answer
        raise SoundsiftError(
            f"{self._name} answered {line.strip()[:80]!r}. It must print one JSON object a line."
        )

    def close(self) -> None:
        """End the program."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @property
    def _name(self) -> str:
        return f"The program {' '.join(self.command)}"

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                raise SoundsiftError(
                    f"{self._name} can't be started ({error.strerror}). Check its path."
                ) from error
            self._lines = queue.Queue()
            assert self._process.stdout is not None
            threading.Thread(
                target=_read, args=(self._process.stdout, self._lines), daemon=True
            ).start()
        return self._process


def _read(stream: IO[str], lines: queue.Queue[str]) -> None:
    """Pass lines on; an empty one says that the program ended."""
    with suppress(ValueError, OSError):
        for line in stream:
            lines.put(line)
    lines.put("")
