from pathlib import Path

import pytest

from soundsift.studio.store import RecordingRow, Store

REQUEST = {"text": "dog"}


def recording(identity: str = "r", name: str = "a.wav", used: float = 1.0) -> RecordingRow:
    return RecordingRow(identity, name, 1.5, 16_000, 2, False, ".wav", 100, used)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "studio.db")
    made.add_recording(recording())
    return made


def add(store: Store, identity: str, most: int = 10, source: tuple[str, str] | None = None) -> bool:
    return store.add_job(identity, "r", source, REQUEST, most)


def test_what_was_written_is_there_for_the_next_server(store: Store, tmp_path: Path) -> None:
    add(store, "a")
    store.begin_next()
    store.finish("a", "done", settings={"seed": 3}, target_level_db=-2.5)
    store.close()
    again = Store(tmp_path / "studio.db")
    row = again.job("a")
    assert row is not None
    assert (row.status, row.settings, row.target_level_db) == ("done", {"seed": 3}, -2.5)
    assert (row.request, row.attempts, row.recording) == (REQUEST, 1, "r")
    assert again.recording("r") == recording()


def test_jobs_are_begun_in_their_order_and_listed_backwards(store: Store) -> None:
    for name in "abc":
        add(store, name)
    assert [row.id for row in store.jobs()] == ["c", "b", "a"]
    assert [row.id for row in store.jobs(1, 1)] == ["b"]
    assert store.waiting_before(3) == 2
    begun = [store.begin_next() for _ in range(4)]
    assert [row and row.id for row in begun] == ["a", "b", "c", None]
    # What is put back is begun before what came later.
    store.wait_again("b")
    add(store, "d")
    again = store.begin_next()
    assert again is not None
    assert (again.id, again.attempts) == ("b", 2)


def test_an_attempt_that_is_nobodys_fault_does_not_count(store: Store) -> None:
    add(store, "a")
    store.begin_next()
    store.wait_again("a", counted=False)
    again = store.begin_next()
    assert again is not None
    assert again.attempts == 1


def test_a_full_queue_takes_no_more(store: Store) -> None:
    assert add(store, "a", most=2)
    assert add(store, "b", most=2)
    assert not add(store, "c", most=2)
    store.begin_next()
    assert add(store, "c", most=2)


def test_a_job_ends_once(store: Store) -> None:
    add(store, "a")
    assert store.cancel_waiting("a")
    assert not store.cancel_waiting("a")
    assert not store.finish("a", "done")
    assert store.job("a").status == "cancelled"  # type: ignore[union-attr]


def test_what_is_needed_stays(store: Store) -> None:
    add(store, "a")
    assert not store.remove_recording("r")
    assert not store.remove_job("a")
    store.begin_next()
    store.finish("a", "done")
    add(store, "b", source=("a", "target"))
    assert not store.remove_job("a")
    assert [row.id for row in store.jobs_on("a")] == ["b"]
    store.cancel_waiting("b")
    assert store.remove_job("a")
    assert store.remove_recording("r")


def test_old_recordings_are_those_that_no_job_is_left_of(store: Store) -> None:
    store.add_recording(recording("s"))
    add(store, "a")
    assert [row.id for row in store.old_recordings(2.0)] == ["s"]
    assert store.old_recordings(1.0) == []


def test_the_same_file_under_another_name_takes_the_new_one(store: Store) -> None:
    store.add_recording(recording(name="b.wav", used=5.0))
    assert [(row.name, row.used) for row in store.recordings()] == [("b.wav", 5.0)]
