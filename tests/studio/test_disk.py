"""Full and failing disks: the job fails with a reason, the next one runs, deleting works."""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import Client, Opens, sound

from soundsift.studio.database import Database
from soundsift.studio.disk import DiskSpace, disk_is_full
from soundsift.studio.errors import RequestError

Record = Callable[[str, object], None]
FULL, BROKEN = "database or disk is full", "disk I/O error"
SAID = "The server's disk is full"


@pytest.fixture(scope="module")
def own(opens: Opens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with opens(tmp_path_factory.mktemp("disk")) as client:
        yield client


def test_a_reserve_stays_free_whatever_runs_at_once(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    space = DiskSpace(tmp_path, free - (100 << 20))
    with space.promise(60 << 20):
        with pytest.raises(RequestError, match=SAID), space.promise(60 << 20):
            pass
        with space.promise(10 << 20):
            pass
    with space.promise(60 << 20):
        pass


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (OSError(errno.EIO, ""), False),
        (sqlite3.OperationalError(FULL), True),
        (sqlite3.OperationalError(BROKEN), False),
        (ValueError(), False),
        (None, False),
    ],
)
def test_a_full_disk_is_known_by_its_errors(error: BaseException | None, full: bool) -> None:
    assert disk_is_full(error) == full
    wrapped = RuntimeError()
    wrapped.__cause__ = error
    assert disk_is_full(wrapped) == full


def test_without_room_nothing_is_begun(own: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = own.recording()
    monkeypatch.setattr(own.studio.space, "_reserve", 1 << 60)
    for answer in (own.upload(sound(0.5)), own.ask(recording)):
        assert answer.status_code == 507
        assert SAID in answer.json()["detail"]
    assert own.http.get("/health").status_code == 200
    assert own.http.get(f"/api/recordings/{recording}/audio").status_code == 200


def test_room_that_is_gone_when_a_job_begins_fails_the_job(
    own: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = own.recording()
    first, second = own.start(recording, "slow"), own.start(recording)
    monkeypatch.setattr(own.studio.space, "_reserve", 1 << 60)
    own.until(first, "running")
    own.http.post(f"/api/jobs/{first}/cancel")
    failed = own.until(second, "failed")
    assert failed["error"].startswith(SAID)
    monkeypatch.undo()
    assert own.do(recording)["status"] == "done"
    # Every promise was ended.
    assert own.studio.space._promised == 0


@pytest.mark.parametrize("text", ["full", "wrapped full"])
def test_a_disk_that_fills_up_during_a_job_fails_the_job(own: Client, text: str) -> None:
    recording = own.recording()
    job = own.do(recording, text)
    assert (job["status"], job["error"][: len(SAID)]) == ("failed", SAID)
    assert str(own.studio.storage.path) not in job["error"]
    assert not own.studio.storage.job(job["id"]).exists()
    assert own.do(recording)["status"] == "done"


def test_a_level_that_is_no_number_is_left_out(own: Client) -> None:
    job = own.do(own.recording(), "nan")
    assert (job["status"], job["target_level_db"]) == ("done", None)


class Faults:
    """Makes writes of a database fail: those numbered from `first`, so many of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first, self.count, self.reason, self.seen = 0, 0, FULL, 0
        run = Database._run

        def failing(database: Database, sql: str, *values: Any) -> int:
            at, self.seen = self.seen, self.seen + 1
            if self.first <= at < self.first + self.count:
                raise sqlite3.OperationalError(self.reason)
            return run(database, sql, *values)

        monkeypatch.setattr(Database, "_run", failing)

    def arm(self, first: int, count: int, reason: str) -> None:
        self.first, self.count, self.reason, self.seen = first, count, reason, 0

    def heal(self) -> None:
        self.count = 0


def use(client: Client, seconds: float, mend: Callable[[], None] = lambda: None) -> list[int]:
    """What a page does, as far as it gets; the statuses of the answers.

    A job that can't be begun while the disk fails waits until that is mended.
    """
    statuses = []
    uploaded = client.upload(sound(seconds))
    statuses.append(uploaded.status_code)
    if uploaded.status_code != 201:
        return statuses
    recording = uploaded.json()["id"]
    asked = client.ask(recording)
    statuses.append(asked.status_code)
    if asked.status_code == 202:
        job = asked.json()["id"]
        try:
            ended = client.until(job, "done", "failed", seconds=5)
        except AssertionError:
            assert client.job(job)["status"] == "queued"
            mend()
            ended = client.until(job, "done", "failed", seconds=20)
        if ended["status"] == "failed":
            reasons = ("The server's disk", "The result could not", "The job could not")
            assert ended["error"].startswith(reasons)
        for path in (f"{job}/stems/target?format=flac", job):
            statuses.append(client.http.get(f"/api/jobs/{path}").status_code)
        statuses.append(client.http.delete(f"/api/jobs/{job}").status_code)
    statuses.append(client.http.delete(f"/api/recordings/{recording}").status_code)
    return statuses


def check_fault(client: Client, faults: Faults, seconds: float) -> None:
    statuses = use(client, seconds, faults.heal)
    assert set(statuses) <= {200, 201, 202, 204, 404, 409, 503, 507}
    faults.heal()
    # The same again, with nothing in the way.
    assert use(client, seconds) == [201, 202, 200, 200, 204, 204]
    assert client.http.get("/health").json()["status"] == "ok"
    assert client.studio.space._promised == 0


#: Every fifth, or all of them.
STEPS = [5, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("reason", [FULL, BROKEN])
@pytest.mark.parametrize("count", [1, 1000])
def test_any_write_of_the_database_may_fail(
    own: Client,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
    reason: str,
    count: int,
    step: int,
) -> None:
    faults = Faults(monkeypatch)
    use(own, 0.2)
    writes = faults.seen
    assert writes > 15
    for first in range(0, writes, step):
        faults.arm(first, count, reason)
        check_fault(own, faults, 0.3 + step / 10 + first / 1000)
    record_property("tried", len(range(0, writes, step)))


@pytest.mark.parametrize("most", [3, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", ["mkdir", "rename", "unlink", "open"])
def test_any_change_of_a_folder_may_fail(
    own: Client,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
    name: str,
    code: int,
    most: int,
) -> None:
    data = own.studio.storage.path
    for first in range(most):
        record_property("tried", first + 1)
        real, seen = getattr(Path, name), 0

        def failing(
            path: Path, *arguments: Any, real: Any = real, first: int = first, **named: Any
        ) -> Any:
            nonlocal seen
            if path.is_relative_to(data):
                seen += 1
                if seen == first + 1:
                    raise OSError(code, os.strerror(code), str(path))
            return real(path, *arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Path, name, failing)
            statuses = use(own, 0.4 + first / 1000)
        assert set(statuses) <= {200, 201, 202, 204, 404, 409, 503, 507}
        assert use(own, 0.4 + first / 1000) == [201, 202, 200, 200, 204, 204]
        if seen <= first:  # there are no more
            break


@pytest.mark.slow
@pytest.mark.hostile
def test_a_disk_that_is_really_full(opens: Opens, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "soundsift-test", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes the rights of root")
    try:
        with opens(disk) as client:
            recording = client.recording(2.0)
            done = client.do(recording)["id"]
            with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
                while True:
                    filler.write(bytes(1 << 16))
            for _ in range(50):
                assert client.upload(sound(3.0)).status_code == 507
                assert client.ask(recording).status_code == 507
            assert client.http.get(f"/api/jobs/{done}/stems/target").status_code == 200
            assert client.http.get("/api/jobs").status_code == 200
            assert client.http.delete(f"/api/jobs/{done}").status_code == 204
            assert client.http.delete(f"/api/recordings/{recording}").status_code == 204
            (disk / "filler").unlink()
            assert client.do(client.recording(2.0))["status"] == "done"
    finally:
        subprocess.run(["umount", str(disk)], check=False)
