"""What a rule makes of prices, where they end, and what a change would mean: pure decisions, and the rule over HTTP."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.changes.rules import Exact, RoundTo, Way, changed, rounded, share_bp
from pricing.rules.series import Priced, priced_at
from pricing.series import Histories
from tests.conftest import NOON, Json, problem
from tests.price_changes import Desk, at, change, desk, item
from tests.stories import eur

__all__ = ["desk"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def roundings(draw: st.DrawFn) -> RoundTo:
    """Any ending in any unit, and any way."""
    unit = draw(st.integers(1, 2_000))
    return RoundTo(draw(st.integers(0, unit - 1)), unit, draw(st.sampled_from(Way)))


@given(st.integers(0, 10**7), st.integers(-10_000, 20_000), roundings())
def test_a_price_ends_as_asked_and_is_the_nearest_that_does(old: int, change_bp: int, to: RoundTo) -> None:
    wanted = changed(old, change_bp, None)
    exact = Fraction(wanted.numerator, wanted.denominator)

    price = rounded(wanted, to)

    assert price >= 0
    assert price % to.unit == to.ending
    below, above = price - to.unit, price + to.unit
    if to.way is Way.DOWN:
        assert price <= exact < above or price == to.ending
    elif to.way is Way.UP:
        assert below < exact <= price or price == to.ending
    else:
        assert abs(price - exact) < abs(below - exact) or below < 0, "halfway goes down"
        assert abs(price - exact) <= abs(above - exact)


@pytest.mark.parametrize(
    ("wanted", "to", "price"),
    [
        (Exact(2610, 1), RoundTo(99, 100, Way.NEAREST), 2599),
        (Exact(2649, 1), RoundTo(99, 100, Way.NEAREST), 2599),
        (Exact(26_491, 10), RoundTo(99, 100, Way.NEAREST), 2699),
        (Exact(2610, 1), RoundTo(99, 100, Way.UP), 2699),
        (Exact(2599, 1), RoundTo(99, 100, Way.UP), 2599),
        (Exact(2599, 1), RoundTo(99, 100, Way.DOWN), 2599),
        (Exact(20, 1), RoundTo(99, 100, Way.DOWN), 99),
        (Exact(123_456, 1), RoundTo(900, 1000, Way.DOWN), 122_900),
        (Exact(0, 1), RoundTo(0, 1, Way.NEAREST), 0),
    ],
)
def test_prices_known_by_heart(wanted: Exact, to: RoundTo, price: int) -> None:
    assert rounded(wanted, to) == price


series = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(1, 3)), max_size=4)


def apart(drawn: list[tuple[int, int, int]]) -> list[Priced]:
    """Prices one after the other, with gaps."""
    found: list[Priced] = []
    day = 0
    for gap, lasts, amount in drawn:
        found.append(Priced(EPOCH + timedelta(days=day + gap), EPOCH + timedelta(days=day + gap + lasts), amount))
        day += gap + lasts
    return found


@given(series, series)
def test_what_is_charged_is_the_channels_price_or_else_the_recommended_one(
    first: list[tuple[int, int, int]], second: list[tuple[int, int, int]]
) -> None:
    recommended, own = apart(first), apart(second)

    history = Histories(recommended, {"web": own})

    for day in range(170):
        instant = EPOCH + timedelta(days=day)
        base, mine = priced_at(recommended, instant), priced_at(own, instant)
        assert history.charged("web", instant) == (None if base is None else (mine or base).amount)
        assert history.charged("stores", instant) == history.charged(None, instant) == (base and base.amount)


@pytest.mark.parametrize(("part", "of", "share"), [(-5000, 79900, -625), (1, 3, 3333), (-1, 3, -3333), (1, 0, None)])
def test_shares_are_cut_off_towards_nought(part: int, of: int, share: int | None) -> None:
    assert share_bp(part, of) == share


async def test_all_cases_ten_percent_less_and_a_price_that_ends_in_99(desk: Desk) -> None:
    rule: Json = {
        "select": {"categories": ["accessories"]},
        "change_bp": -1000,
        "round_to": {"ending": 99, "unit": 100},
    }
    change_id = await desk.draft(rule=rule)

    whole = await desk.shown(change_id)
    assert whole["change"]["origin"] == "rule"
    assert [(one["sku"], one["old"], one["price"]) for one in whole["items"]] == [
        ("CASE-BLK", eur(2900), eur(2599)),
        ("CHARGER", eur(3900), eur(3499)),
        ("WATCH", eur(24900), eur(22399)),
    ]
    assert whole["rule"]["round_to"] == {"ending": 99, "unit": 100}


async def test_a_rule_is_worked_out_of_the_prices_that_hold_when_it_begins(desk: Desk) -> None:
    later = at(NOON + timedelta(days=2))
    await desk.scheduled(item("CASE-BLK", 2000), starts_at=at(NOON + timedelta(days=1)))
    less = {"change_by": {"amount": -100, "currency": "EUR"}}
    before = await desk.draft(rule={"select": {"skus": ["CASE-BLK"]}, **less})
    after = await desk.draft(rule={"select": {"products": ["case"], "brands": ["Brand"]}, **less}, starts_at=later)
    store = await desk.draft(rule={"select": {"skus": ["CASE-BLK"]}, "channel": "web-de", **less}, starts_at=later)

    prices = [(await desk.shown(each))["items"][0] for each in (before, after, store)]
    assert [(one["channel"], one["price"]) for one in prices] == [
        (None, eur(2800)),
        (None, eur(1900)),
        ("web-de", eur(1900)),
    ]


REFUSED: list[tuple[Json, tuple[int, str], str]] = [
    ({"select": {}, "change_bp": -1000}, (400, "invalid_input"), "rule.select"),
    ({"select": {"skus": ["WATCH"]}}, (400, "invalid_input"), "rule.change_bp"),
    (
        {"select": {"skus": ["WATCH"]}, "change_by": {"amount": -1, "currency": "USD"}},
        (422, "mixed_currency"),
        "rule.change_by.currency",
    ),
    (
        {"select": {"skus": ["WATCH"]}, "change_bp": 1, "round_to": {"ending": 100, "unit": 100}},
        (400, "invalid_input"),
        "rule.round_to.ending",
    ),
    ({"select": {"skus": ["WATCH", "GHOST"]}, "change_bp": 1}, (422, "unknown_reference"), "rule.select.skus[1]"),
    ({"select": {"categories": ["boats"]}, "change_bp": 1}, (422, "unknown_reference"), "rule.select.categories[0]"),
    ({"select": {"skus": ["WATCH"]}, "channel": "web-us", "change_bp": 1}, (422, "unknown_reference"), "rule.channel"),
    ({"select": {"skus": ["WATCH"]}, "change_bp": 0}, (422, "rule_selects_nothing"), "rule"),
]


async def test_a_rule_that_makes_no_sense_is_refused_by_field(desk: Desk, subtests: pytest.Subtests) -> None:
    for rule, answer, field in REFUSED:
        with subtests.test(field=field):
            refused = await desk.ada.post("/v1/price-changes", change(rule=rule))
            assert problem(refused) == answer
            assert refused.json()["errors"][0]["field"] == field
