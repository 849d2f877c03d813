"""Connections of an HTTP server: how many, and how long they may be silent."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """Connections of a server. A new one takes the place of the one that has waited longest.

    A connection waits while no request of it is being answered. One that sends nothing, or only a
    part of a request's headers, is closed after a while, and earlier where there are too many.

    Args:
        most: connections at once.
        seconds: that a connection may wait.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._waiting: OrderedDict[LimitedProtocol, asyncio.TimerHandle] = OrderedDict()
        self._busy: set[LimitedProtocol] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def add(self, connection: LimitedProtocol) -> bool:
        """Add a new connection; False if all others are being answered."""
        if len(self) >= self._most:
            if not self._waiting:
                return False
            oldest, _ = next(iter(self._waiting.items()))
            self.remove(oldest)
            oldest.transport.abort()
        self.wait(connection)
        return True

    def wait(self, connection: LimitedProtocol) -> None:
        """Note that a connection waits for a request."""
        self.remove(connection)
        loop = asyncio.get_running_loop()
        self._waiting[connection] = loop.call_later(self._seconds, self._end, connection)

    def begin(self, connection: LimitedProtocol) -> None:
        """Note that a request of a connection is being answered."""
        self.remove(connection)
        self._busy.add(connection)

    def remove(self, connection: LimitedProtocol) -> None:
        """Forget a connection."""
        self._busy.discard(connection)
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _end(self, connection: LimitedProtocol) -> None:
        self.remove(connection)
        connection.transport.close()


class LimitedProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, with connections counted and timed.

    Args:
        connections: all connections of the server.
    """

    def __init__(self, *arguments: Any, connections: Connections, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._counted, self._open = connections, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._open = self._counted.add(self)
        if not self._open:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._open = False
        self._counted.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        if self._open and self._is_answering():
            self._counted.begin(self)

    def on_response_complete(self) -> None:
        """See `H11Protocol`."""
        super().on_response_complete()
        if self._open and not self._is_answering():
            self._counted.wait(self)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete
