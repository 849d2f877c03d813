import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.studio.database import Database
from soundsift.studio.migrations import _VERSION_1, is_studio_database, open_database

RECORDING, JOB = "a" * 64, "b" * 32


def version_1(path: Path, used: float = 1e9) -> None:
    """A data folder as the first servers left it: no versions, no list of files."""
    with closing(sqlite3.connect(path / "studio.db")) as connection, connection:
        connection.executescript(_VERSION_1)
        connection.execute(
            "INSERT INTO recordings VALUES (?, 'a.wav', 1.5, 16000, 2, 0, '.wav', 100, ?)",
            (RECORDING, used),
        )
        connection.execute(
            "INSERT INTO jobs (id, recording, request, status, created, used) "
            "VALUES (?, ?, '{}', 'done', 1e9, ?)",
            (JOB, RECORDING, used),
        )
    for name in (RECORDING, "c" * 64, "Holiday"):
        (path / "recordings" / name).mkdir(parents=True)
    for name in (JOB, "mine"):
        (path / "jobs" / name).mkdir(parents=True)
    for name in ("d" * 32, "draft"):
        (path / "partial" / name).mkdir(parents=True)
    (path / "copies").mkdir()
    for name in (f"{RECORDING}.flac", f"{JOB}.target.mp3", "song.flac", "dddd.flac"):
        (path / "copies" / name).touch()


def test_an_old_database_is_backed_up_and_migrated(tmp_path: Path) -> None:
    version_1(tmp_path)
    database = Database(tmp_path / "studio.db", most_away=100.0)
    assert [row.id for row in database.recordings()] == [RECORDING]
    assert [row.id for row in database.jobs()] == [JOB]
    listed = [row["path"] for row in database._select("SELECT path FROM files ORDER BY path")]
    assert listed == [
        f"copies/{RECORDING}.flac",
        f"copies/{JOB}.target.mp3",
        f"jobs/{JOB}",
        f"partial/{'d' * 32}",
        f"recordings/{RECORDING}",
    ]
    assert database.leftovers() == [f"partial/{'d' * 32}"]
    # Much time has passed since 2001, but nothing expires by that.
    assert database.now() == pytest.approx(1e9 + 100, abs=10)
    database.close()
    backup = tmp_path / "studio.db.v1.backup"
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert connection.execute("SELECT id FROM recordings").fetchall() == [(RECORDING,)]
    # Once is enough.
    Database(tmp_path / "studio.db").close()
    assert len(list(tmp_path.glob("*.backup*"))) == 1


def test_a_newer_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    open_database(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(SoundsiftError, match=r"schema version 99; .* Update soundsift"):
        open_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_database_is_refused_and_unchanged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "studio.db").write_bytes(data)
    with pytest.raises(SoundsiftError, match=r"is damaged .* Restore it from a backup"):
        open_database(tmp_path / "studio.db")
    assert (tmp_path / "studio.db").read_bytes() == data
    assert not is_studio_database(tmp_path / "studio.db")


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "studio.db")) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    with pytest.raises(SoundsiftError, match="other tables"):
        open_database(tmp_path / "studio.db")


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1(tmp_path)

    def fail(connection: sqlite3.Connection, _: Path) -> None:
        connection.execute("DELETE FROM recordings")
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("soundsift.studio.migrations._MIGRATIONS", (fail, fail))
        with pytest.raises(SoundsiftError, match=r"can't be opened .disk I/O error"):
            open_database(tmp_path / "studio.db")
    database = Database(tmp_path / "studio.db")
    assert [row.id for row in database.recordings()] == [RECORDING]
    database.close()


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    open_database(tmp_path / "studio.db").close()
    assert (tmp_path / "studio.db").stat().st_mode & 0o777 == 0o600
