from pathlib import Path

import pytest

from soundsift.errors import SoundsiftError
from soundsift.evaluation.ledger import add_results, claimed, read_claims, write_page
from soundsift.evaluation.results import describe_run, open_writer, read_results

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


def make(folder: Path, name: str, items: int = 2, value: float = 1.0) -> Path:
    ids = [f"{n}" for n in range(items)]
    about = {"name": name, "title": name, "prompted": True, "version": {"settings": {}}}
    run = describe_run("pairs", {}, ids, [], about, {}, "1.0")
    with open_writer(folder / name, run, ids) as writer:
        for item in ids:
            row = {"id": item, "status": "ok", "scores": {"si_sdr_i": value}, "group": ""}
            writer.add(row | {"mixture": "/home/me/secret.wav", "prompt": "dog"})
    return folder / name


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "results").mkdir(parents=True)
    (folder / "ledger.md").write_text(PAGE.read_text(encoding="utf-8"))
    claims = "- {system: X, test: T, figures: {SDR: 3.5}, source: somewhere}\n"
    (folder / "results" / "claimed.yaml").write_text(claims)
    return folder


def test_results_become_files_and_a_table(tmp_path: Path, docs: Path) -> None:
    for name, value in (("first", 4.25), ("second", 2.0)):
        folder = add_results(read_results(make(tmp_path, name, value=value)), docs)
        assert folder == docs / "results" / "ledger" / "pairs" / name
        assert "secret" not in (folder / "results.jsonl").read_text()
    text = write_page(docs).read_text()
    assert "4.25 [4.25, 4.25]" in text
    assert "(results/ledger/pairs/second/results.jsonl)" in text
    assert text.index("4.25 [4.25") < text.index("| X | T | 3.5 | somewhere |")
    # Written again, the page stays as it is.
    assert write_page(docs).read_text() == text
    with pytest.raises(SoundsiftError, match="exists"):
        add_results(read_results(tmp_path / "first"), docs)


def test_runs_of_other_items_have_their_own_table(tmp_path: Path, docs: Path) -> None:
    add_results(read_results(make(tmp_path, "first")), docs)
    add_results(read_results(make(tmp_path, "second", items=3)), docs)
    text = write_page(docs).read_text()
    assert "### pairs, 3 items" in text
    assert "### pairs, 2 items" in text


def test_results_without_scores_and_pages_without_marks_are_refused(
    tmp_path: Path, docs: Path
) -> None:
    with pytest.raises(SoundsiftError, match="no item has scores"):
        add_results(read_results(make(tmp_path, "none", items=0)), docs)
    (docs / "ledger.md").write_text("# Ledger\n")
    with pytest.raises(SoundsiftError, match="lacks the line"):
        write_page(docs)


def test_our_claims_are_readable_and_stand_in_our_page() -> None:
    claims = read_claims(PAGE.parent)
    assert len({claim.system for claim in claims}) > 5
    assert claimed(claims) in PAGE.read_text(encoding="utf-8")
