"""Which of several equal sounds is kept, and what the manifest says of them."""

import json
import re
from pathlib import Path

import pytest

from soundsift.data import manifest as manifest_module
from soundsift.data.bank import Bank
from soundsift.data.captions import Concept, Rules
from soundsift.data.manifest import write_manifest
from soundsift.data.sources import git_files

REPOSITORY = "runsy/petz"
PATH = next(iter(git_files()[REPOSITORY]))
CAPTION = git_files()[REPOSITORY][PATH].caption
#: Package of the first bank, one for training that came later, strangers for validation and test.
OLD, LATER, VALIDATION, TEST = "stk", "flare-game", "freecol", "gcompris-qt-data"
RULES = Rules(
    concepts={
        "dog": Concept("dog", "effect", ("animal",), ("a dog",), ("fox", "wolf")),
        "fox": Concept("fox", "effect", ("animal",)),
    },
    packages={
        name: [(re.compile("fox"), "fox"), (re.compile("."), "dog")]
        for name in (OLD, LATER, VALIDATION, TEST)
    },
    recordings={CAPTION: "dog"},
)


def write(bank: Path, **sounds: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Indexes of (path, digest) per source; the splits of what the manifest keeps."""
    (bank / "clips").mkdir()
    for source, files in sounds.items():
        entries = [
            {"path": path, "shard": f"{source}.i16", "offset": 0, "samples": 9, "seconds": 0.1,
             "level_db": -20.0, "digest": digest}
            for path, digest in files
        ]  # fmt: skip
        (bank / "clips" / f"{source}.json").write_text(json.dumps(entries))
    write_manifest(bank, RULES)
    lines = map(json.loads, (bank / "manifest.jsonl").read_text().splitlines())
    return {(line["source"], line["path"]): line["split"] for line in lines}


def of_split(split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put all files of the first bank into one split."""
    real = manifest_module.split_of

    def split_of(source: str, path: str, kind: str) -> tuple[str, str]:
        found, speaker = real(source, path, kind)
        return (split if source == OLD else found), speaker

    monkeypatch.setattr(manifest_module, "split_of", split_of)


@pytest.mark.parametrize("other", [VALIDATION, TEST])
def test_training_gives_way_to_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    of_split("train", monkeypatch)
    kept = write(tmp_path, **{OLD: [("a", "x")], LATER: [("b", "x")], other: [("c", "x")]})
    assert list(kept) == [(other, "c")]


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_familiar_splits_stay_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    of_split(split, monkeypatch)
    kept = write(tmp_path, **{LATER: [("a", "x")], OLD: [("b", "x")], TEST: [("c", "x")]})
    assert kept == {(OLD, "b"): split}


def test_the_first_bank_comes_before_later_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_split("test", monkeypatch)
    kept = write(tmp_path, **{LATER: [("a", "x"), ("own", "y")], OLD: [("b", "x"), ("c", "x")]})
    assert kept == {(LATER, "own"): "train", (OLD, "b"): "test"}


def test_of_strangers_the_test_keeps_its_copy(tmp_path: Path) -> None:
    kept = write(tmp_path, **{VALIDATION: [("a", "x")], TEST: [("b", "x")]})
    assert kept == {(TEST, "b"): "stranger-test"}


def test_recordings_carry_author_licence_and_their_own_caption(tmp_path: Path) -> None:
    write(tmp_path, **{REPOSITORY.replace("/", "+"): [(PATH, "x")]})
    [clip] = Bank(tmp_path, ("stranger-validation",)).clips
    listed = git_files()[REPOSITORY][PATH]
    assert (clip.source, clip.licence, clip.author) == (REPOSITORY, listed.licence, listed.author)
    assert clip.captions == ("dog", CAPTION, "a dog")


def test_only_what_the_bank_holds_is_confusable(tmp_path: Path) -> None:
    write(tmp_path, **{TEST: [("dog", "x"), ("fox", "y")]})
    confusable = {c.concept: c.confusable for c in Bank(tmp_path, ("stranger-test",)).clips}
    assert confusable == {"dog": ("fox",), "fox": ()}
