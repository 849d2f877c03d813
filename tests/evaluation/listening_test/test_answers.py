from __future__ import annotations

import sqlite3
import stat

import pytest

from soundsift.errors import SoundsiftError
from soundsift.evaluation.listening_test.answers import Answer, Answers
from soundsift.evaluation.listening_test.design import Trial

PLAN = [Trial("comparison", "i", "ours", "theirs"), Trial("repeat", "i", "theirs", "ours")]
FAIR = {"overall": 3, "recall": 3, "precision": 3, "faithfulness": 3}
GOOD = {"overall": 5, "recall": 4, "precision": 3, "faithfulness": 2}


@pytest.fixture
def database(tmp_path):
    answers = Answers(tmp_path / "answers.sqlite")
    yield answers
    answers.close()


def test_what_is_stored_comes_back(database, tmp_path) -> None:
    one = database.add_listener(database.next_number(), PLAN)
    other = database.add_listener(database.next_number(), PLAN)
    assert one != other and len(one) == 14
    listener = database.listener(one)
    assert (listener.number, listener.plan, listener.finished) == (0, tuple(PLAN), False)
    first = Answer(one, PLAN[0], GOOD, FAIR, "a", 12.5, 0)
    assert database.add(first)
    # The acknowledgement may get lost: the same answer again is fine, another one is not.
    assert database.add(first)
    assert not database.add(Answer(one, PLAN[0], GOOD, FAIR, "b", 1.0, 0))
    assert not database.add(Answer(other, PLAN[1], GOOD, FAIR, "b", 1.0, 1))
    assert database.answers() == [first]
    assert (first.winner, first.rated[1]) == ("ours", ("theirs", FAIR))
    # Another connection sees it: it was committed.
    again = Answers(tmp_path / "answers.sqlite")
    assert again.answers() == [first]
    again.close()


def test_every_answer_is_written_through(database, tmp_path) -> None:
    assert database._one("PRAGMA journal_mode")[0] == "wal"
    # 2 is FULL: the log is synchronised at each commit.
    assert database._one("PRAGMA synchronous")[0] == 2
    assert stat.S_IMODE((tmp_path / "answers.sqlite").stat().st_mode) == 0o600


def test_open_sessions_reserve_their_comparisons(database) -> None:
    cell = ("i", frozenset(("ours", "theirs")))
    listener = database.add_listener(0, PLAN)
    assert database.taken() == {cell: 1}
    database.add(Answer(listener, PLAN[0], GOOD, FAIR, "a"))
    assert database.taken() == {cell: 1}
    # A session that was given up does not.
    database.add_listener(1, PLAN)
    assert database.taken() == {cell: 2}
    database._run("UPDATE listeners SET seen = seen - 100000 WHERE number = 1")
    assert database.taken() == {cell: 1}


def test_a_deleted_listener_leaves_nothing(database, tmp_path) -> None:
    identity = database.add_listener(0, PLAN)
    database.add(Answer(identity, PLAN[0], GOOD, FAIR, "a"))
    database.remove_listener(identity)
    assert database.listener(identity) is None
    assert database.answers() == []
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert identity.encode() not in stored


def test_wrong_ratings_and_files_are_refused(database, tmp_path) -> None:
    listener = database.add_listener(0, PLAN)
    with pytest.raises(sqlite3.IntegrityError):
        database.add(Answer(listener, PLAN[0], GOOD | {"recall": 6}, FAIR, "a"))
    assert database.answers() == []
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(SoundsiftError, match="can't be used as the database"):
        Answers(tmp_path / "text")
    database._run("PRAGMA user_version = 99")
    with pytest.raises(SoundsiftError, match="schema version 99"):
        Answers(tmp_path / "answers.sqlite")
