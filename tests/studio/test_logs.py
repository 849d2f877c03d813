import logging

from soundsift.studio.logs import RateLimit


def test_messages_beyond_a_rate_are_dropped_and_counted() -> None:
    now = 0.0
    limit = RateLimit(1.0, 3, clock=lambda: now)
    records = [logging.makeLogRecord({"msg": "number %d", "args": (n,)}) for n in range(10)]
    assert [limit.filter(record) for record in records[:8]] == [True] * 3 + [False] * 5
    now = 1.0
    assert limit.filter(records[8])
    assert records[8].getMessage() == "number 8 (5 messages were dropped before)"
    now = 2.0
    assert limit.filter(records[9])
    assert records[9].getMessage() == "number 9"
