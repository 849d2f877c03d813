"""The parts of a running server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from soundsift.studio.access import Access
from soundsift.studio.data_folder import DataFolder
from soundsift.studio.database import Database
from soundsift.studio.decoders import Decoders
from soundsift.studio.disk import DiskSpace
from soundsift.studio.engine import Engine, Separators
from soundsift.studio.jobs import Jobs
from soundsift.studio.metrics import Metrics
from soundsift.studio.object_outlines import ObjectOutlines
from soundsift.studio.recordings import Recordings
from soundsift.studio.settings import Settings
from soundsift.studio.storage import Storage

_log = logging.getLogger(__name__)

_SWEEP_SECONDS = 600.0


class Studio:
    """The parts of a server, without its routes.

    Args:
        settings: settings of the server.
        engines: run the jobs, one per device; those of the settings by default.

    Attributes:
        access: checks tokens and sessions.
        opened: id of the recording that the page shows first.

    Raises:
        SoundsiftError: the data folder can't be used.
    """

    def __init__(self, settings: Settings, engines: Sequence[Engine] | None = None) -> None:
        self.settings = settings
        self._folder = DataFolder(settings.data)
        # While no server runs, at most a seventh of the time to expiry passes.
        away = settings.limits.keep_seconds / 7
        self.database = Database(self._folder.database, away)
        self.storage = Storage(self._folder, self.database)
        self.space = DiskSpace(self.storage.path, settings.limits.reserve_bytes)
        self.decoders = Decoders(settings.limits)
        self.recordings = Recordings(
            self.storage, self.database, self.decoders, self.space, settings.limits
        )
        self.outlines = ObjectOutlines(
            self.storage, self.recordings, self.decoders, self.space, settings.limits
        )
        self.metrics = Metrics()
        self.access = Access(settings.token)
        self.opened: str | None = None
        if engines is None:
            engines = [
                Separators(
                    dict(settings.models), device, settings.precision, dict(settings.adapters)
                )
                for device in settings.devices
            ]
        self.jobs = Jobs(
            self.storage,
            self.database,
            self.recordings,
            self.space,
            settings.limits,
            engines,
            list(settings.models),
            self.metrics,
        )
        self._watch()
        self._ending = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_often, name="sweeper", daemon=True)

    def start(self) -> None:
        """Delete leftovers of a killed server, and start the processes."""
        self.storage.clean()
        self.storage.report_unlisted()
        self.decoders.start()
        self.jobs.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Stop the processes. The next server continues unfinished jobs."""
        self._ending.set()
        self.jobs.stop()
        if self._sweeper.ident is not None:
            self._sweeper.join()
        self.decoders.close()
        self.close()

    def close(self) -> None:
        """Close the database and unlock the data folder."""
        self.database.close()
        self._folder.close()

    def sweep(self, now: float | None = None) -> None:
        """Delete expired recordings, jobs and copies.

        Args:
            now: time by `Database.now`; the present unless given.
        """
        now = self.database.now() if now is None else now
        limits = self.settings.limits
        self.database.save_clock()
        self.storage.clean()
        self.storage.clean_copies(now - limits.keep_copies_seconds)
        self.jobs.sweep(now - limits.keep_seconds)
        self.recordings.sweep(now - limits.keep_seconds)

    def _sweep_often(self) -> None:
        while not self._ending.wait(_SWEEP_SECONDS):
            try:
                self.sweep()
            except Exception:
                _log.exception("expired recordings and jobs can't be deleted now")

    def _watch(self) -> None:
        watch, database = self.metrics.watch, self.database
        watch("soundsift_jobs_waiting", "Waiting jobs.", lambda: database.count("queued"))
        watch("soundsift_jobs_running", "Running jobs.", lambda: database.count("running"))
        watch(
            "soundsift_workers",
            "Devices that take jobs.",
            lambda: sum(worker.alive for worker in self.jobs.device_workers),
        )
