from collections.abc import Iterator
from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.studio.data_folder import DataFolder
from soundsift.studio.database import Database
from soundsift.studio.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    folder = DataFolder(tmp_path / "data")
    database = Database(folder.database)
    yield Storage(folder, database)
    database.close()
    folder.close()


def names(storage: Storage) -> set[str]:
    folders = (storage.recordings, storage.jobs, storage.copies, storage.partial)
    return {f"{f.name}/{path.name}" for f in folders for path in f.iterdir()}


def test_only_what_is_listed_is_deleted(storage: Storage) -> None:
    for place in (storage.recordings, storage.jobs, storage.copies, storage.partial):
        (place / ("a" * 64)).mkdir()
        (place / ("a" * 64) / "song.wav").write_text("mine")
        (place / "song.wav").write_text("mine")
        storage.remove(place / ("a" * 64))
        storage.remove(place / "song.wav")
    before = names(storage)
    storage.clean()
    storage.clean_copies(storage._database.now() + 1e9)
    assert names(storage) == before
    assert len(before) == 8


def test_leftovers_of_a_killed_server_are_deleted(storage: Storage) -> None:
    database = storage._database
    # Half written, moved but without a row, and removed from the tables only.
    database.list_file("partial/p", temporary=True)
    for name in ("partial/p", "recordings/r", "jobs/j"):
        if not name.startswith("partial"):
            database.list_file(name)
        (storage.path / name).mkdir()
        (storage.path / name / "audio.wav").touch()
    (storage.partial / "mine").mkdir()
    storage.clean()
    assert names(storage) == {"partial/mine"}
    assert not database.leftovers()


def test_what_is_being_written_is_no_leftover(storage: Storage) -> None:
    with storage.partial_folder() as partial, storage.writing(storage.recording("r")):
        (partial / "original").touch()
        storage.clean()
        storage.move(partial, storage.recording("r"))
        storage.clean()
        assert names(storage) == {"recordings/r"}
    assert names(storage) == {"recordings/r"}


def test_unlisted_folders_are_moved_aside(storage: Storage) -> None:
    storage.recording("r").mkdir()
    (storage.recording("r") / "song.wav").write_text("mine")
    with storage.partial_folder() as partial:
        (partial / "original").write_text("new")
        storage.move(partial, storage.recording("r"))
    assert (storage.recording("r") / "original").read_text() == "new"
    (aside,) = storage.recordings.glob("r.unlisted-*")
    assert (aside / "song.wav").read_text() == "mine"


def test_links_are_not_followed(storage: Storage, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "song.wav").write_text("mine")
    for name in ("recordings/r", "copies/c.flac"):
        storage._database.list_file(name)
        (storage.path / name).symlink_to(music)
        storage.remove(storage.path / name)
        assert not (storage.path / name).is_symlink()
    storage._database.list_file("jobs/j")
    storage.job("j").mkdir()
    (storage.job("j") / "link").symlink_to(music)
    storage.remove(storage.job("j"))
    assert not storage.job("j").exists()
    assert (music / "song.wav").read_text() == "mine"


@pytest.mark.parametrize("name", ["recordings", "jobs", "copies", "partial"])
def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = DataFolder(tmp_path / "data")
    (tmp_path / "music").mkdir()
    (tmp_path / "data" / name).symlink_to(tmp_path / "music")
    database = Database(folder.database)
    with pytest.raises(SoundsiftError, match="is a link"):
        Storage(folder, database)
    database.close()
    folder.close()


def test_a_missing_database_removes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        folder = DataFolder(tmp_path / "data")
        database = Database(folder.database)
        storage = Storage(folder, database)
        for place in (storage.recording("r"), storage.job("j")):
            if not place.exists():
                storage.reserve(place)
                place.mkdir()
        database.close()
        folder.close()
        for path in (tmp_path / "data").glob("studio.db*"):
            path.unlink()
    folder = DataFolder(tmp_path / "data")
    database = Database(folder.database)
    storage = Storage(folder, database)
    storage.clean()
    assert names(storage) == {"recordings/r", "jobs/j"}
    database.close()
    folder.close()
