import time
from pathlib import Path

import pytest

from soundsift.studio.database import Database
from soundsift.studio.records import RecordingRow

REQUEST = {"text": "dog"}


def recording(identity: str = "r", name: str = "a.wav", used: float = 1.0) -> RecordingRow:
    return RecordingRow(identity, name, 1.5, 16_000, 2, False, ".wav", 100, used)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "studio.db")
    made.add_recording(recording())
    return made


def add(
    database: Database, identity: str, most: int = 10, source: tuple[str, str] | None = None
) -> bool:
    return database.add_job(identity, "r", source, REQUEST, most)


def test_rows_persist_across_servers(database: Database, tmp_path: Path) -> None:
    add(database, "a")
    database.begin_next()
    database.finish("a", "done", settings={"seed": 3}, target_level_db=-2.5)
    database.close()
    again = Database(tmp_path / "studio.db")
    row = again.job("a")
    assert row is not None
    assert (row.status, row.settings, row.target_level_db) == ("done", {"seed": 3}, -2.5)
    assert (row.request, row.attempts, row.recording) == (REQUEST, 1, "r")
    assert again.recording("r") == recording()


def test_jobs_start_in_order_and_are_listed_newest_first(database: Database) -> None:
    for name in "abc":
        add(database, name)
    assert [row.id for row in database.jobs()] == ["c", "b", "a"]
    assert [row.id for row in database.jobs(1, 1)] == ["b"]
    assert database.waiting_before(3) == 2
    begun = [database.begin_next() for _ in range(4)]
    assert [row and row.id for row in begun] == ["a", "b", "c", None]
    # What is put back is begun before what came later.
    database.wait_again("b")
    add(database, "d")
    again = database.begin_next()
    assert again is not None
    assert (again.id, again.attempts) == ("b", 2)


def test_interrupted_attempts_need_not_count(database: Database) -> None:
    add(database, "a")
    database.begin_next()
    database.wait_again("a", counted=False)
    again = database.begin_next()
    assert again is not None
    assert again.attempts == 1


def test_a_full_queue_refuses_jobs(database: Database) -> None:
    assert add(database, "a", most=2)
    assert add(database, "b", most=2)
    assert not add(database, "c", most=2)
    database.begin_next()
    assert add(database, "c", most=2)


def test_a_job_ends_once(database: Database) -> None:
    add(database, "a")
    assert database.cancel_waiting("a")
    assert not database.cancel_waiting("a")
    assert not database.finish("a", "done")
    assert database.job("a").status == "cancelled"  # type: ignore[union-attr]


def test_rows_in_use_are_not_deleted(database: Database) -> None:
    add(database, "a")
    assert not database.remove_recording("r")
    assert not database.remove_job("a")
    database.begin_next()
    database.finish("a", "done")
    add(database, "b", source=("a", "target"))
    assert not database.remove_job("a")
    assert [row.id for row in database.jobs_on("a")] == ["b"]
    database.cancel_waiting("b")
    assert database.remove_job("a")
    assert database.remove_recording("r")


def test_recordings_with_jobs_are_not_old(database: Database) -> None:
    database.add_recording(recording("s"))
    add(database, "a")
    assert [row.id for row in database.old_recordings(2.0)] == ["s"]
    assert database.old_recordings(1.0) == []


def test_a_known_file_takes_the_new_name(database: Database) -> None:
    database.add_recording(recording(name="b.wav", used=5.0))
    assert [(row.name, row.used) for row in database.recordings()] == [("b.wav", 5.0)]


def test_a_wall_clock_that_jumps_expires_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3600.0
    made = Database(tmp_path / "d.db", most_away=day)
    made.add_recording(recording(used=made.now()))
    before = made.now()
    wall = time.time()
    # While a server runs.
    monkeypatch.setattr("soundsift.studio.database.time.time", lambda: wall + 8 * day)
    assert made.now() - before < 60
    made.close()
    # At a start, in either direction, there and back.
    for jump in (8 * day, 400 * day, -8 * day, 0.0):
        monkeypatch.setattr("soundsift.studio.database.time.time", lambda jump=jump: wall + jump)
        again = Database(tmp_path / "d.db", most_away=day)
        assert again.old_recordings(again.now() - 7 * day) == []
        again.close()


def test_time_without_a_server_counts_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Database(tmp_path / "d.db", most_away=100.0)
    before = first.now()
    first.close()
    wall = time.time()
    for passed, counted in ((50.0, 50.0), (50.0, 50.0), (5000.0, 150.0)):
        monkeypatch.setattr("soundsift.studio.database.time.time", lambda p=passed: wall + p)
        again = Database(tmp_path / "d.db", most_away=100.0)
        assert again.now() - before == pytest.approx(counted, abs=5)
        again.close()


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("jobs", "request", "{"),
        ("jobs", "request", "[" * 10_000),
        ("jobs", "request", "[]"),
        ("jobs", "settings", "nothing"),
        ("jobs", "status", "lost"),
        ("jobs", "created", "yesterday"),
        ("jobs", "source_job", b"\xff"),
        ("jobs", "target_level_db", "loud"),
        ("recordings", "seconds", "many"),
        ("recordings", "name", b"\xff"),
        ("recordings", "sample_rate", 1.5),
        ("recordings", "has_video", 7),
    ],
)
def test_an_odd_row_is_skipped(database: Database, table: str, column: str, value: object) -> None:
    for name in "ab":
        add(database, name)
    database.add_recording(recording("s"))
    odd = {"jobs": "a", "recordings": "r"}[table]
    database._run(f"UPDATE {table} SET {column} = ? WHERE id = ?", value, odd)
    if table == "jobs":
        assert [row.id for row in database.jobs()] == ["b"]
        assert database.job("a") is None
        begun = database.begin_next()
        assert begun is not None
        assert begun.id == "b"
        assert database.begin_next() is None
        assert database.count("queued") == 0
        assert database.remove_job("a")
    else:
        assert [row.id for row in database.recordings()] == ["s"]
        assert database.has_recording("r")
        database.cancel_waiting("a")
        database.cancel_waiting("b")
        assert database.remove_recording("r")
