from soundsift.studio.limits import Limits, Rate


def test_job_time_limit_scales_with_the_duration() -> None:
    limits = Limits()
    assert limits.of_job(1.0) == limits.of_job(30.0) == 600.0
    assert limits.of_job(3600.0) == 72_000.0


def test_a_burst_is_allowed_then_limited() -> None:
    now = 0.0
    rate = Rate(2.0, 3, clock=lambda: now)
    assert [rate.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now = 0.5
    assert rate.wait("a") == 0
    assert rate.wait("a") == 0.5


def test_clients_have_separate_buckets() -> None:
    rate = Rate(1.0, 1, clock=lambda: 0.0)
    assert rate.wait("a") == 0 < rate.wait("a")
    assert rate.wait("b") == 0


def test_a_bucket_holds_at_most_a_burst() -> None:
    now = 0.0
    rate = Rate(1.0, 2, clock=lambda: now)
    rate.wait("a")
    now = 1e6
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 1]


def test_the_number_of_buckets_is_bounded() -> None:
    rate = Rate(1.0, 2, clock=lambda: 0.0)
    for number in range(12_000):
        rate.wait(str(number))
    assert len(rate._buckets) == 10_000
