"""Thousands of damaged files through reading and through the command line.

Uploads have theirs in tests/studio/test_damage.py. No file may crash or hang the process, cost a
gigabyte, or end in anything but a result or one sentence.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hostile.opening import MOST_MEGABYTES, Worker
from tests.tiny_model import write_tiny_model

sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))
from damage import damaged, media

pytestmark = [pytest.mark.slow, pytest.mark.hostile]


def open_many(
    worker: Worker,
    folder: Path,
    seed: int,
    count: int,
    record: Callable[[str, object], None],
) -> None:
    whole = media(folder)
    results: Counter[str] = Counter()
    wrong, peak = [], 0
    try:
        for number, (what, name, data) in enumerate(damaged(whole, seed, count)):
            path = folder / f"{number}-{name}"
            path.write_bytes(data)
            found = worker.open(path)
            path.unlink()
            peak = max(peak, found.get("megabytes", 0))
            words = found.get("words", "")
            # Of several problems the command prints a line each.
            sentence = found["result"] != "refused" or ("Traceback" not in words and words)
            if found["result"] not in ("taken", "refused") or not sentence:
                wrong.append((what, found["result"], words[-600:]))
            results[found["result"]] += 1
    finally:
        worker.close()
    record("tried", count)
    print(f"{count} files: {dict(results)}; {peak} MB")
    assert not wrong
    assert peak < MOST_MEGABYTES
    assert results["taken"] > count / 20, "the files are damaged beyond all reading"
    assert results["refused"] > count / 20, "the files are hardly damaged"


@pytest.mark.parametrize("seed", range(4))
def test_reading(tmp_path: Path, seed: int, record_property: Callable[[str, object], None]) -> None:
    open_many(Worker(), tmp_path, 100 + seed, 500, record_property)


@pytest.mark.parametrize("seed", range(2))
def test_the_command_line(
    tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    model, out = write_tiny_model(tmp_path / "model"), tmp_path / "out"
    (tmp_path / "files").mkdir()
    open_many(Worker(str(model), str(out)), tmp_path / "files", 200 + seed, 500, record_property)
