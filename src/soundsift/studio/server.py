"""Everything that a running server consists of."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from soundsift.studio.database import Database
from soundsift.studio.decoders import Decoders
from soundsift.studio.engine import Engine, Separators
from soundsift.studio.jobs import Jobs
from soundsift.studio.metrics import Metrics
from soundsift.studio.recordings import Recordings
from soundsift.studio.security import OneTimeLinks
from soundsift.studio.settings import Settings
from soundsift.studio.storage import Storage

_SWEEP_SECONDS = 600.0
#: Nobody writes for so long; what is older was left by a killed server.
_PARTIAL_SECONDS = 6 * 3600.0


class Studio:
    """A server without its routes.

    Args:
        settings: how it was started.
        engines: what does the jobs, one for each device; those of the settings unless given.

    Attributes:
        opened: id of the recording that the page is to show first.

    Raises:
        SoundsiftError: the data folder can't be used.
    """

    def __init__(self, settings: Settings, engines: Sequence[Engine] | None = None) -> None:
        self.settings = settings
        self.storage = Storage(settings.data)
        self.database = Database(self.storage.database_file)
        self.decoders = Decoders(settings.limits)
        self.recordings = Recordings(self.storage, self.database, self.decoders, settings.limits)
        self.metrics = Metrics()
        self.links = OneTimeLinks()
        self.opened: str | None = None
        if engines is None:
            engines = [
                Separators(dict(settings.models), device, settings.precision)
                for device in settings.devices
            ]
        self.jobs = Jobs(
            self.storage,
            self.database,
            self.recordings,
            settings.limits,
            engines,
            list(settings.models),
            self.metrics,
        )
        self._watch()
        self._ending = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_often, name="sweeper", daemon=True)

    def start(self) -> None:
        """Clear what a killed server left, and begin to work."""
        self.storage.sweep(self.storage.partial, 0, time.time() + 1)
        self.storage.keep_only(self.storage.recordings, {r.id for r in self.database.recordings()})
        self.storage.keep_only(self.storage.jobs, {j.id for j in self.database.jobs()})
        self.decoders.start()
        self.jobs.start()
        self._sweeper.start()

    def stop(self) -> None:
        """End. What is not done is taken up by the next server."""
        self._ending.set()
        self.jobs.stop()
        if self._sweeper.ident is not None:
            self._sweeper.join()
        self.decoders.close()
        self.database.close()
        self.storage.close()

    def sweep(self, now: float | None = None) -> None:
        """Remove what has not been used for long."""
        now = time.time() if now is None else now
        limits = self.settings.limits
        self.storage.sweep(self.storage.copies, limits.keep_copies_seconds, now)
        self.storage.sweep(self.storage.partial, _PARTIAL_SECONDS, now)
        self.jobs.sweep(now - limits.keep_seconds)
        self.recordings.sweep(now - limits.keep_seconds)

    def _sweep_often(self) -> None:
        while not self._ending.wait(_SWEEP_SECONDS):
            self.sweep()

    def _watch(self) -> None:
        watch, database = self.metrics.watch, self.database
        watch("soundsift_jobs_waiting", "Jobs in the queue.", lambda: database.count("queued"))
        watch("soundsift_jobs_running", "Jobs at work.", lambda: database.count("running"))
        watch(
            "soundsift_workers",
            "Devices that take jobs.",
            lambda: sum(worker.alive for worker in self.jobs.device_workers),
        )
