"""What was heard of a sound, in words: "Found at 0:41, 2:10 (sure), 3:02 (unsure)"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundsift.separation.verdicts import absent_in_words

if TYPE_CHECKING:
    from soundsift.separation.occurrences import Finding, Occurrence

#: Occurrences that are told one by one.
_MOST = 12
#: From this length in seconds on, an occurrence is told with its end.
_LONG = 2.0


def found_in_words(finding: Finding) -> str:
    """A sentence that says when a sound was heard, or that it probably was not."""
    if finding.presence == "absent":
        return absent_in_words(finding.confidence)
    return f"Found at {times_in_words(finding.found)}."


def times_in_words(found: Sequence[Occurrence], with_words: bool = True) -> str:
    """Times of occurrences, the sure ones first: "0:41, 2:10 (sure), 3:02 (unsure)".

    Args:
        found: in order of time.
        with_words: whether to say how sure they are; if not, all are in order of time.
    """
    shown = sorted(sorted(found, key=lambda one: -one.probability)[:_MOST], key=_start)
    parts = [] if with_words else _times(shown)
    for sure, word in ((True, "sure"), (False, "unsure")) if with_words else ():
        if times := _times([one for one in shown if one.sure is sure]):
            parts.append(f"{', '.join(times)} ({word})")
    more = len(found) - len(shown)
    return ", ".join(parts) + (f" and {more} more" if more else "")


def clock(seconds: float) -> str:
    """A time as on a clock: 0:41, 1:02:10."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _times(found: Sequence[Occurrence]) -> list[str]:
    """Times of occurrences; of several that begin in one second, one with an end if any has one."""
    times: dict[str, str] = {}
    for one in found:
        start = clock(one.start)
        times[start] = max(times.get(start, ""), _time(one), key=len)
    return list(times.values())


def _time(one: Occurrence) -> str:
    first = clock(one.start)
    return f"{first}-{clock(one.end)}" if one.end - one.start >= _LONG else first


def _start(one: Occurrence) -> float:
    return one.start
