"""Connections of an HTTP server: how many, how many of one client, and how long they are silent."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connections:
    """Connections of a server. A new one takes the place of the one that has waited longest.

    A connection waits while no request of it is being answered. One that sends nothing, or only a
    part of a request's headers, is closed after a while, and earlier where there are too many.

    Args:
        most: connections at once.
        most_of_client: connections of one client at once.
        seconds: that a connection may wait.
        is_proxy: whether an address is that of a proxy, which stands for many clients.
    """

    def __init__(
        self,
        most: int,
        most_of_client: int,
        seconds: float,
        is_proxy: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._most, self._most_of_client, self._seconds = most, most_of_client, seconds
        self._is_proxy = is_proxy
        self._clients: Counter[str] = Counter()
        self._waiting: OrderedDict[LimitedProtocol, asyncio.TimerHandle] = OrderedDict()
        self._busy: set[LimitedProtocol] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def add(self, connection: LimitedProtocol) -> bool:
        """Add a new connection; False if all others, or all of its client, are being answered."""
        host = connection.host
        of_client = self._clients[host] >= self._most_of_client and not self._is_proxy(host)
        if of_client or len(self) >= self._most:
            waiting = (one for one in self._waiting if not of_client or one.host == host)
            oldest = next(waiting, None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.transport.abort()
        self.wait(connection)
        return True

    def wait(self, connection: LimitedProtocol) -> None:
        """Note that a connection waits for a request."""
        self.remove(connection)
        self._clients[connection.host] += 1
        loop = asyncio.get_running_loop()
        self._waiting[connection] = loop.call_later(self._seconds, self._end, connection)

    def begin(self, connection: LimitedProtocol) -> None:
        """Note that a request of a connection is being answered."""
        self.remove(connection)
        self._clients[connection.host] += 1
        self._busy.add(connection)

    def remove(self, connection: LimitedProtocol) -> None:
        """Forget a connection."""
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()
        elif connection in self._busy:
            self._busy.remove(connection)
        else:
            return
        self._clients[connection.host] -= 1
        if not self._clients[connection.host]:
            del self._clients[connection.host]

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
        #: Address of the client, or of the proxy before it.
        self.host = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
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
