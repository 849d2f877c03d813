"""Metrics for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JOB_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)


class Metrics:
    """Metrics of a server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "soundsift_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "soundsift_request_seconds",
            "Time from a request to the start of its response.",
            ("route",),
            registry=registry,
        )
        self._jobs = Histogram(
            "soundsift_job_seconds",
            "Duration of ended jobs.",
            ("status",),
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self._restarts = Counter(
            "soundsift_worker_restarts", "Restarted workers.", registry=registry
        )
        self._uploaded = Counter(
            "soundsift_uploaded_bytes", "Size of accepted uploads.", registry=registry
        )

    def job_ended(self, status: str, seconds: float) -> None:
        """See `soundsift.studio.job_queue.Watcher`."""
        self._jobs.labels(status).observe(seconds)

    def worker_restarted(self) -> None:
        """See `soundsift.studio.job_queue.Watcher`."""
        self._restarts.inc()

    def uploaded(self, size: int) -> None:
        """Count an accepted upload of so many bytes."""
        self._uploaded.inc(size)

    def watch(self, name: str, meaning: str, look: Callable[[], float]) -> None:
        """Add a gauge whose value is looked up at every request."""
        Gauge(name, meaning, registry=self._registry).set_function(look)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def counting(self, app: ASGIApp) -> ASGIApp:
        """ASGI middleware that counts requests."""

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
