"""The clock: time is handed in, in UTC, and a launch day can be rehearsed."""

from datetime import UTC, datetime, timedelta, timezone

from commerce.kernel.clock import Clock, SetClock, SystemClock


def test_a_set_clock_stands_still_until_it_is_moved() -> None:
    clock = SetClock(datetime(2026, 11, 2, 12, tzinfo=UTC))

    assert clock.now() == clock.now() == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert clock.advance(timedelta(minutes=1)) == clock.now() == datetime(2026, 11, 2, 12, 1, tzinfo=UTC)
    clock.set(datetime(2026, 11, 1, tzinfo=UTC))
    assert clock.now() == datetime(2026, 11, 1, tzinfo=UTC), "backwards too"


def test_whatever_zone_it_is_set_in_it_tells_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    clock = SetClock(datetime(2026, 11, 2, 13, tzinfo=berlin))

    assert clock.now().isoformat() == "2026-11-02T12:00:00+00:00"
    clock.set(datetime(2026, 11, 2, 0, 30, tzinfo=berlin))
    assert clock.now().isoformat() == "2026-11-01T23:30:00+00:00"


def test_the_machines_clock_tells_utc_and_goes_on() -> None:
    clock: Clock = SystemClock()
    first, second = clock.now(), clock.now()

    assert first.tzinfo is UTC
    assert timedelta(0) <= second - first < timedelta(minutes=1)
