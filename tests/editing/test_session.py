from __future__ import annotations

import json

import pytest

from soundsift.editing.session import (
    EditSession,
    make_turn,
    read_session,
    start_session,
    write_session,
)
from soundsift.errors import SoundsiftError

REMOVE = make_turn("remove", "dog barking")
LOUDER = make_turn("louder", "man speaking", db=6.0)
UNDO = make_turn("undo")


def session(*turns) -> EditSession:
    made = EditSession(source="street.wav", sha256="0" * 64)
    for turn in turns:
        made = made.added(turn)
    return made


def test_turns_in_force() -> None:
    made = session(REMOVE, LOUDER, UNDO, UNDO, LOUDER)
    assert [made.in_force(n) for n in range(6)] == [
        (),
        (REMOVE,),
        (REMOVE, LOUDER),
        (REMOVE,),
        (),
        (LOUDER,),
    ]
    assert made.in_force() == (LOUDER,)
    assert made.numbers_in_force() == (5,)
    with pytest.raises(SoundsiftError, match="no turn 6: the session has 5"):
        made.in_force(6)
    with pytest.raises(SoundsiftError, match="nothing to undo"):
        session(REMOVE, UNDO).added(UNDO)


def test_a_file_comes_back(tmp_path) -> None:
    folder = tmp_path / "edits"
    folder.mkdir()
    (folder / "street.wav").write_bytes(b"sound")
    made = start_session(folder / "street.wav", folder, "default", "draft", 7)
    # Beside its recording, a session can be moved with it.
    assert str(made.source) == "street.wav"
    spans = make_turn("isolate", None, ((1.5, 2.0),), ((3.0, 4.0),))
    made = made.added(spans).added(make_turn("keep", "dog barking, man speaking")).added(UNDO)
    write_session(folder / "edit.json", made)
    assert read_session(folder / "edit.json") == made
    assert [str(turn) for turn in made.turns] == [
        "isolate +1.5-2 -3-4",
        "keep dog barking, man speaking",
        "undo",
    ]
    assert str(LOUDER) == "louder man speaking by 6 dB"
    elsewhere = start_session(folder / "street.wav", tmp_path / "other", "default", "draft", 7)
    assert elsewhere.source == (folder / "street.wav").resolve()


@pytest.mark.parametrize(
    ("turn", "culprit"),
    [
        ({"action": "isolate"}, "empty"),
        ({"action": "louder", "text": "dog"}, "db"),
        ({"action": "remove", "text": "dog", "db": 3.0}, "db"),
        ({"action": "louder", "text": "dog", "db": 41.0}, "40"),
        ({"action": "louder", "text": "dog", "db": float("nan")}, "db"),
        ({"action": "undo", "text": "dog"}, "undo"),
        ({"action": "isolate", "text": "?!"}, "?!"),
        ({"action": "isolate", "spans": ((2.0, 1.0),)}, "ends before it starts"),
        ({"action": "remove", "text": "only the voice"}, "voice"),
        ({"action": "shout", "text": "dog"}, "action"),
    ],
)
def test_impossible_turns_are_refused(turn, culprit) -> None:
    with pytest.raises(SoundsiftError) as refusal:
        make_turn(**turn)
    assert culprit in str(refusal.value)


def test_damaged_files_are_refused(tmp_path) -> None:
    path = tmp_path / "edit.json"
    with pytest.raises(SoundsiftError, match="edit start"):
        read_session(path)
    good = json.loads(session(REMOVE).model_dump_json())
    for change in ({"format": 2}, {"turns": [{"action": "remove"}]}, {"more": 1}, {"seed": -1}):
        path.write_text(json.dumps(good | change))
        with pytest.raises(SoundsiftError, match="no edit session"):
            read_session(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SoundsiftError, match="no edit session"):
        read_session(path)
