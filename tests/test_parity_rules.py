"""Parity's pure decisions: what a policy allows, and every stretch of time in which a channel differs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.rules.parity import Excepted, Parity, ParityPolicy, broken_parity, deviations
from pricing.rules.series import Laid, Priced, charges, lay, priced_at

DAY = datetime(2026, 1, 1, tzinfo=UTC)
EQUAL = ParityPolicy("equal")


def day(number: int) -> datetime:
    """The beginning of a day of the story."""
    return DAY + timedelta(number)


@pytest.mark.parametrize(
    ("parity", "band_bp", "own", "allowed"),
    [
        ("equal", None, 1000, True),
        ("equal", None, 1001, False),
        ("equal", None, 999, False),
        ("floor", None, 999, False),
        ("floor", None, 1000, True),
        ("floor", None, 5000, True),
        ("band", 500, 950, True),
        ("band", 500, 949, False),
        ("band", 500, 1050, True),
        ("band", 500, 1051, False),
        ("band", 0, 1000, True),
        ("band", 0, 1001, False),
        ("band", 10_000, 0, True),
    ],
)
def test_what_a_policy_allows_where_ten_are_recommended(
    *, parity: Parity, band_bp: int | None, own: int, allowed: bool
) -> None:
    assert ParityPolicy(parity, band_bp).allows(1000, own) is allowed


def test_a_band_is_exact_to_the_cent_and_not_rounded() -> None:
    assert ParityPolicy("band", 333).allows(2900, 2804)
    assert not ParityPolicy("band", 333).allows(2900, 2803), "3.33 % of 29.00 are 96.57 cents"


def test_an_exception_carries_a_price_until_it_expires_and_no_further() -> None:
    exception = Excepted("pex_1", "a fair", "somebody", day(20))
    own = [Priced(day(10), day(15), 900, None, "pex_1"), Priced(day(15), None, 800, None, "pex_1")]
    recommended = [Priced(day(0), day(12), 1000), Priced(day(12), None, 1000)]

    found = deviations(EQUAL, recommended, {"web": own}, {"pex_1": exception}, day(0))

    assert [(one.valid_from, one.valid_to, one.own, one.standing) for one in found] == [
        (day(10), day(15), 900, "exception"),
        (day(15), day(20), 800, "exception"),
        (day(20), None, 800, "broken"),
    ]
    assert broken_parity(EQUAL, recommended, {"web": own}, {"pex_1": exception}, day(0)) == found[2:]
    assert deviations(EQUAL, recommended, {"web": own}, {"pex_1": exception}, day(15)) == found[1:]


def test_where_nothing_is_recommended_nothing_deviates() -> None:
    own = {"web": [Priced(day(0), None, 900)]}

    assert deviations(EQUAL, [Priced(day(5), day(6), 1000)], own, {}, day(0)) == [
        ("web", day(5), day(6), 1000, 900, "broken", None)
    ]


def test_a_recommended_price_that_moves_away_from_a_channel_breaks_parity() -> None:
    recommended = [Priced(day(0), day(5), 1000), Priced(day(5), None, 1100)]
    own = {"web": [Priced(day(0), None, 1000)], "retail": [Priced(day(0), None, 1100)]}

    found = broken_parity(EQUAL, recommended, own, {}, day(0))

    assert [(one.channel, one.valid_from, one.valid_to) for one in found] == [
        ("retail", day(0), day(5)),
        ("web", day(5), None),
    ]


wish = st.tuples(st.integers(0, 20), st.none() | st.integers(1, 10), st.integers(95, 105))


def laid(wishes: list[tuple[int, int | None, int]]) -> list[Priced]:
    """A series with these laid over each other."""
    series: list[Priced] = []
    for start, length, amount in wishes:
        series = lay(series, Laid(day(start), None if length is None else day(start + length), amount))
    return series


@given(
    st.lists(wish, max_size=8),
    st.lists(wish, max_size=8),
    st.sampled_from([EQUAL, ParityPolicy("floor"), ParityPolicy("band", 300)]),
)
def test_every_day_is_judged_by_what_is_in_force_on_it(
    basis: list[tuple[int, int | None, int]], special: list[tuple[int, int | None, int]], policy: ParityPolicy
) -> None:
    recommended, own = laid(basis), laid(special)
    found = deviations(policy, recommended, {"web": own}, {}, DAY)
    timeline = charges(recommended, own)

    for number in range(40):
        at = day(number)
        rrp, price = priced_at(recommended, at), priced_at(own, at)
        assert [one.counted for one in timeline if one.covers(at)] == ([price or rrp] if rrp else [])
        standing = [one.standing for one in found if one.valid_from <= at and (not one.valid_to or at < one.valid_to)]
        differs = rrp is not None and price is not None and rrp.amount != price.amount
        allowed = rrp is not None and price is not None and policy.allows(rrp.amount, price.amount)
        assert standing == ([] if not differs else ["policy"] if allowed else ["broken"])
