"""Ids: prefixed, in the order of time, and known again when a client made them."""

import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commerce.kernel.ids import is_id, new_id, order_number

instants = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone comes with `timezones`


@settings(max_examples=1_000, deadline=None)
@given(instants, st.integers(1, 10**9))
@example(datetime(2108, 2, 2, 6, 32, 32, 3_000, tzinfo=UTC), 1)
def test_later_ids_sort_later(earlier: datetime, apart_ms: int) -> None:
    first = new_id("ord", earlier)
    second = new_id("ord", earlier + timedelta(milliseconds=apart_ms))

    assert first < second
    assert order_number(first) < order_number(second)
    assert is_id(first, "ord")


@settings(max_examples=1_000, deadline=None)
@given(instants)
@example(datetime(2004, 2, 1, 0, 0, 0, 1_000, tzinfo=UTC))
def test_an_id_is_a_uuid_of_version_7_that_holds_its_instant(at: datetime) -> None:
    inside = uuid.UUID(new_id("wav", at)[4:])

    assert (inside.version, inside.variant) == (7, uuid.RFC_4122)
    assert inside.int >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_ids_of_one_instant_differ() -> None:
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    ids = {new_id("ord", at) for _ in range(10_000)}

    assert len(ids) == 10_000
    assert len({each[:16] for each in ids}) == 1, "their first twelve digits are the millisecond"


def test_ids_of_one_instant_are_in_the_order_they_were_made_in_whatever_comes_between() -> None:
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    made = []
    for n in range(10_000):
        made.append(new_id("tml", at))
        new_id("ord", at + timedelta(milliseconds=n % 3 - 1))

    assert made == sorted(made)


def test_numbers_of_one_instant_differ_in_more_than_their_last_place() -> None:
    """They are what people read out, so two that follow each other must not be mistaken for each other."""
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    numbers = [order_number(new_id("ord", at)) for _ in range(1_000)]
    alike = sum(one[:-1] == two[:-1] for one, two in pairwise(numbers))

    assert alike < 3, "one in a million is to be expected"


def test_orders_of_one_instant_have_numbers_of_their_own() -> None:
    """Left to chance, two of these would share one in 98 of 100 runs."""
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    numbers = {order_number(new_id("ord", at)) for _ in range(16_000)}

    assert len(numbers) == 16_000


def test_processes_that_were_one_go_on_from_far_apart() -> None:
    words = """
import os
from commerce.kernel.ids import new_id
child = os.fork()
if child:
    os.waitpid(child, 0)
print(new_id("ord"))
"""
    told = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own words
    mine, theirs = told.stdout.split()

    assert mine[16:26] != theirs[16:26], "from one place, one step changes nothing in so high a place"


@pytest.mark.parametrize(
    "text",
    [
        "ord_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e",
        "ord_ffffffffffff7fffbfffffffffffffff",
    ],
)
def test_a_client_may_make_an_id(text: str) -> None:
    assert is_id(text, "ord")


@pytest.mark.parametrize(
    "text",
    [
        "wav_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e",
        "ord_019A4BD2C0C07B5C8F5B0E6F3D1C2A9E",
        "ord_019a4bd2c0c04b5c8f5b0e6f3d1c2a9e",
        "ord_019a4bd2c0c07b5cff5b0e6f3d1c2a9e",
        "ord_019a4bd2-c0c0-7b5c-8f5b-0e6f3d1c2a9e",
        "ord_019a4bd2c0c07b5c8f5b0e6f3d1c2a9",
        "ord_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e\n",
        "019a4bd2c0c07b5c8f5b0e6f3d1c2a9e",
        "ord_",
        "",
    ],
    ids=["prefix", "capitals", "version", "variant", "dashes", "short", "newline", "bare", "empty", "nothing"],
)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert not is_id(text, "ord")


def test_an_order_number_can_be_read_out() -> None:
    number = order_number("ord_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e")

    assert number == "1K95X5G60-HRAMY"
    assert order_number("ord_" + "0" * 32) == "000000000-00000"
    assert order_number("ord_" + "f" * 32) == "ZZZZZZZZZ-ZZZZZ"


@settings(max_examples=1_000, deadline=None)
@given(instants)
def test_an_order_number_has_no_letter_that_is_misread(at: datetime) -> None:
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{9}-[0-9A-HJKMNP-TV-Z]{5}", order_number(new_id("ord", at)))
