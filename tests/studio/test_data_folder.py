import json
import sqlite3
from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.studio.data_folder import MARKER, DataFolder
from soundsift.studio.migrations import open_database


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_is_claimed(tmp_path: Path, exists: bool) -> None:
    place = tmp_path / "a" / "data"
    if exists:
        place.mkdir(parents=True)
    DataFolder(place).close()
    assert json.loads((place / MARKER).read_text())["version"] == 1
    if not exists:
        assert place.stat().st_mode & 0o777 == 0o700
    # A claimed folder may hold other files.
    (place / "notes.txt").write_text("mine")
    DataFolder(place).close()
    assert (place / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["notes.txt", "recordings", "jobs", "studio.db", ".hidden", MARKER]
)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_folder_of_the_user_is_refused_and_unchanged(
    tmp_path: Path, name: str, kind: str
) -> None:
    place = tmp_path / "music"
    place.mkdir()
    if kind == "file":
        (place / name).write_text("mine")
    elif kind == "folder":
        (place / name).mkdir()
        (place / name / "song.wav").write_text("mine")
    else:
        (place / name).symlink_to(tmp_path)
    before = sorted(place.rglob("*"))
    with pytest.raises(SoundsiftError, match=r"holds files that are not the studio's .*\(--data\)"):
        DataFolder(place)
    assert sorted(place.rglob("*")) == before


def test_a_folder_serves_one_server(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with pytest.raises(SoundsiftError, match="in use by another studio"):
        DataFolder(tmp_path / "data")
    folder.close()
    DataFolder(tmp_path / "data").close()


def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data").close()
    marker = tmp_path / "data" / MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"version": 2}))
    with pytest.raises(SoundsiftError, match=r"newer version of soundsift\. Update"):
        DataFolder(tmp_path / "data")


@pytest.mark.parametrize("length", [0, 1, 20])
def test_an_interrupted_claim_is_finished(tmp_path: Path, length: int) -> None:
    place = tmp_path / "data"
    DataFolder(place).close()
    text = (place / MARKER).read_text()
    (place / MARKER).write_text(text[:length])
    DataFolder(place).close()
    assert (place / MARKER).read_text() == text


def test_a_folder_from_before_markers_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    open_database(tmp_path / "studio.db").close()
    DataFolder(tmp_path).close()
    assert (tmp_path / MARKER).exists()


def test_a_database_of_another_program_claims_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "studio.db")
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(SoundsiftError, match="not the studio's"):
        DataFolder(tmp_path)


def test_a_file_is_refused_as_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(SoundsiftError, match="Choose a writable folder"):
        DataFolder(tmp_path / "data")
