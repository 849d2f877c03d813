"""Clients that connect and send nothing, or little, to a server in a process of its own."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import Client, sound
from processes import server

from soundsift.studio.settings import Settings

HEAD = b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(
    client: Client, count: int = 1, source: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    place = urlsplit(str(client.http.base_url))
    assert place.hostname is not None
    assert place.port is not None
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                socket.create_connection((place.hostname, place.port), 30, (source, 0))
            )
            for _ in range(count)
        ]


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that waits a second for headers."""
    with server(tmp_path_factory.mktemp("impatient"), header_seconds=1.0) as (client, _):
        yield client


def seconds_until_closed(connection: socket.socket) -> float:
    start = time.monotonic()
    connection.settimeout(30)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - start


def test_silent_connections_do_not_block_others(tmp_path: Path) -> None:
    with (
        server(tmp_path, connections=8, header_seconds=60.0) as (client, _),
        connected(client, 40) as silent,
    ):
        for _ in range(5):
            assert client.http.get("/health").status_code == 200
        assert client.upload(sound(0.3)).status_code == 201
        # The oldest had to go.
        assert seconds_until_closed(silent[0]) < 10


def test_one_client_cannot_take_all_connections(tmp_path: Path) -> None:
    """Even with requests that are being answered: each sends its body slowly."""
    limits = {"connections": 12, "client_connections": 6, "body_bytes_per_second": 0.0}
    with server(tmp_path, **limits) as (client, _):
        with connected(client, 40, "127.0.0.2") as greedy:
            for one in greedy:
                with suppress(OSError):
                    one.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
            for _ in range(5):
                assert client.http.get("/health").status_code == 200
            assert client.upload(sound(0.3)).status_code == 201
        with connected(client, 1, "127.0.0.2") as (one,):
            one.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert one.recv(100).startswith(b"HTTP/1.1 200")


def test_a_proxy_stands_for_many_clients(tmp_path: Path) -> None:
    settings = Settings(tmp_path, proxies=("10.0.0.0/8", "127.0.0.2"))
    known = ("10.1.2.3", "127.0.0.2", "127.0.0.1", "2001:db8::1", "")
    assert [settings.is_proxy(host) for host in known] == [True, True, False, False, False]


@pytest.mark.parametrize("begun", [b"", b"GET / HT", HEAD])
def test_a_connection_that_sends_no_request_is_closed(impatient: Client, begun: bytes) -> None:
    with connected(impatient) as (one,):
        one.sendall(begun)
        assert 0.3 < seconds_until_closed(one) < 20


def test_headers_that_come_too_slowly_end_the_connection(impatient: Client) -> None:
    with connected(impatient) as (one,):
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 30:
                one.sendall(b"G" if start == 0 else HEAD[:1])
                time.sleep(0.1)
        assert time.monotonic() - start < 20


def test_a_second_request_may_wait_longer_than_headers(tmp_path: Path) -> None:
    with server(tmp_path, header_seconds=3.0) as (client, _):
        for _ in range(3):
            assert client.http.get("/health").status_code == 200
            time.sleep(1.2)


@pytest.mark.parametrize("limits", [{"silence_seconds": 0.5}, {"body_bytes_per_second": 1e5}])
def test_a_body_that_comes_too_slowly_is_refused(tmp_path: Path, limits: dict[str, float]) -> None:
    own = {"silence_seconds": 1.5, "body_bytes_per_second": 0.0} | limits
    with server(tmp_path, **own) as (client, _), connected(client) as (one,):
        one.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        start = time.monotonic()
        one.settimeout(1.0)
        answer = b""
        while not answer and time.monotonic() - start < 30:
            try:
                answer = one.recv(1 << 16)
            except TimeoutError:
                if "body_bytes_per_second" in limits:
                    one.sendall(b" ")
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
@pytest.mark.hostile
def test_a_flood_of_silent_connections(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with server(tmp_path) as (client, process):
        # The server has the usual number of files, this test more.
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        try:
            with connected(client, 2000):
                for _ in range(20):
                    assert client.http.get("/health").status_code == 200
                assert client.upload(sound(0.3)).status_code == 201
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert client.http.get("/health").status_code == 200
    assert (tmp_path / "log").stat().st_size < 50_000


@pytest.mark.slow
@pytest.mark.hostile
def test_malformed_requests_do_not_flood_the_log(tmp_path: Path) -> None:
    with server(tmp_path) as (client, _):
        for _ in range(20):
            with connected(client, 50) as all_:
                for one in all_:
                    one.sendall(b"\x16\x03nonsense\r\n\r\n")
        assert client.http.get("/health").status_code == 200
    assert (tmp_path / "log").stat().st_size < 50_000
