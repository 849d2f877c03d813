"""Numbers for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JOB_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)


class Metrics:
    """Counts; one per server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "soundsift_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "soundsift_request_seconds",
            "From a request to the first of its answer.",
            ("route",),
            registry=registry,
        )
        self._jobs = Histogram(
            "soundsift_job_seconds",
            "Work on jobs that have ended.",
            ("status",),
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self._restarts = Counter(
            "soundsift_worker_restarts", "Workers that ended by themselves.", registry=registry
        )
        self._uploaded = Counter("soundsift_uploaded_bytes", "Uploads taken.", registry=registry)

    def job_ended(self, status: str, seconds: float) -> None:
        """See `soundsift.studio.jobs.Watcher`."""
        self._jobs.labels(status).observe(seconds)

    def worker_restarted(self) -> None:
        """See `soundsift.studio.jobs.Watcher`."""
        self._restarts.inc()

    def uploaded(self, size: int) -> None:
        """Bytes of a recording that was taken."""
        self._uploaded.inc(size)

    def watch(self, name: str, meaning: str, look: Callable[[], float]) -> None:
        """Have a number looked up whenever somebody asks."""
        Gauge(name, meaning, registry=self._registry).set_function(look)

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self._registry)

    def counting(self, app: ASGIApp) -> ASGIApp:
        """An application whose requests are counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            start = time.perf_counter()

            async def reply(message: Message) -> None:
                if message["type"] == "http.response.start":
                    # The pattern of the path, not the path: ids would make a series each.
                    route = getattr(scope.get("route"), "path", "other")
                    method = scope["method"] if route != "other" else "other"
                    self._requests.labels(method, route, str(message["status"])).inc()
                    self._request_seconds.labels(route).observe(time.perf_counter() - start)
                await send(message)

            await app(scope, receive, reply)

        return counted
