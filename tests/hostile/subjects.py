"""What the hostile tests attack, and the summary of a run: how much was tried, and what failed.

A test counts once, or as often as its property `tried` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

#: Files whose tests are all hostile, by what they attack. Other files mark single tests.
SUBJECTS: dict[str, tuple[str, ...]] = {
    "full and failing disks": ("studio/test_disk.py", "audio/test_full_disk.py"),
    "connections, uploads, log": (
        *("studio/test_connections.py", "studio/test_limits.py", "studio/test_logs.py"),
        *("studio/test_uploads.py", "studio/test_schema.py", "studio/test_jobs.py"),
    ),
    "databases": (
        *("studio/test_migrations.py", "studio/test_database.py", "studio/test_storage.py"),
        "studio/test_data_folder.py",
    ),
    "login": ("studio/test_security.py", "studio/test_access.py"),
    "decoding and its limits": (
        *("studio/test_decoder.py", "audio/test_containers.py", "audio/test_decoding.py"),
        "hostile/test_command_line.py",
    ),
    "confinement of decoders": ("studio/test_confinement.py",),
    "models": (
        *("checkpoints/test_hostile_models.py", "checkpoints/test_manifest.py"),
        *("checkpoints/test_state_dict.py", "checkpoints/test_t5.py"),
    ),
    "compiled kernels": ("test_native.py", "test_cache.py"),
    "checkpoints of training": ("training/test_checkpoint.py", "training/test_trainer.py"),
    "streams": (
        *("audio/test_wav_stream.py", "cli/test_stream_command.py", "cli/test_console.py"),
    ),
    "packages": ("test_pins.py", "checkpoints/test_minilm.py"),
    "damaged files": ("hostile/test_mutated_files.py", "studio/test_damage.py"),
    "kill -9": ("hostile/test_kills.py", "studio/test_server.py"),
    "prepared output folders": ("audio/test_leftovers.py",),
}
_TESTS = Path(__file__).parents[1]
_SUBJECT = {file: subject for subject, files in SUBJECTS.items() for file in files}


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark the tests of these files as hostile."""
    for item in items:
        if item.path.is_relative_to(_TESTS) and _name(item.path) in _SUBJECT:
            item.add_marker(pytest.mark.hostile)


def summary(stats: dict[str, list[Any]]) -> list[str]:
    """A line per subject: how much was tried, and what failed.

    Args:
        stats: the terminal reporter's reports by outcome.
    """
    tried, failed, skipped = Counter[str](), Counter[str](), Counter[str]()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, []):
            subject = _SUBJECT.get(_name(_TESTS.parent / report.nodeid.split("::")[0]), "others")
            if outcome == "skipped":
                skipped[subject] += 1
                continue
            tried[subject] += int(dict(report.user_properties).get("tried", 1))
            failed[subject] += outcome != "passed"
    return [
        f"{subject}: {tried[subject]:,} tried, {failed[subject]} failed"
        + (f", {skipped[subject]} not tried here" if skipped[subject] else "")
        for subject in (*SUBJECTS, "others")
        if tried[subject] or skipped[subject]
    ]


def _name(path: Path) -> str:
    return path.relative_to(_TESTS).as_posix()
