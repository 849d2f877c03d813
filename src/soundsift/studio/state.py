"""Everything that a running server consists of."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from soundsift.studio.decoders import Decoders
from soundsift.studio.engine import Engine, Separators
from soundsift.studio.folder import DataFolder
from soundsift.studio.jobs import Jobs
from soundsift.studio.metrics import Metrics
from soundsift.studio.recordings import Recordings
from soundsift.studio.security import OneTimeLinks
from soundsift.studio.settings import Settings
from soundsift.studio.store import Store

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
        self.folder = DataFolder(settings.data)
        self.store = Store(self.folder.database)
        self.decoders = Decoders(settings.limits)
        self.recordings = Recordings(self.folder, self.store, self.decoders, settings.limits)
        self.metrics = Metrics()
        self.links = OneTimeLinks()
        self.opened: str | None = None
        if engines is None:
            engines = [
                Separators(dict(settings.models), device, settings.precision)
                for device in settings.devices
            ]
        self.jobs = Jobs(
            self.folder,
            self.store,
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
        self.folder.sweep(self.folder.partial, 0, time.time() + 1)
        self.folder.keep_only(self.folder.recordings, {r.id for r in self.store.recordings()})
        self.folder.keep_only(self.folder.jobs, {j.id for j in self.store.jobs()})
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
        self.store.close()
        self.folder.close()

    def sweep(self, now: float | None = None) -> None:
        """Remove what has not been used for long."""
        now = time.time() if now is None else now
        limits = self.settings.limits
        self.folder.sweep(self.folder.copies, limits.keep_copies_seconds, now)
        self.folder.sweep(self.folder.partial, _PARTIAL_SECONDS, now)
        self.jobs.sweep(now - limits.keep_seconds)
        self.recordings.sweep(now - limits.keep_seconds)

    def _sweep_often(self) -> None:
        while not self._ending.wait(_SWEEP_SECONDS):
            self.sweep()

    def _watch(self) -> None:
        watch, store = self.metrics.watch, self.store
        watch("soundsift_jobs_waiting", "Jobs in the queue.", lambda: store.count("queued"))
        watch("soundsift_jobs_running", "Jobs at work.", lambda: store.count("running"))
        watch(
            "soundsift_workers",
            "Devices that take jobs.",
            lambda: sum(lane.alive for lane in self.jobs.lanes),
        )
