"""Pricing's pure decisions: tax to the cent, and intervals that never overlap."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.rules import Span, first_beginning, span_at, tax_of
from pricing.tax import rates_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)
amounts = st.integers(0, 10**12)
rates = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("line_total", "rate_bp", "included", "tax"),
    [
        (11900, 1900, True, 1900),
        (11900, 1900, False, 2261),
        (79900, 1900, True, 12757),
        (99, 700, True, 6),
        (1, 1900, True, 0),
        (50, 100, False, 1),
        (49, 100, False, 0),
        (12345, 0, True, 0),
        (12345, 0, False, 0),
        (2, 10_000, True, 1),
        (1, 10_000, True, 1),
    ],
)
def test_known_taxes(*, line_total: int, rate_bp: int, included: bool, tax: int) -> None:
    assert tax_of(line_total, rate_bp, included=included) == tax


@given(amounts, rates)
def test_included_tax_is_never_more_than_half_a_cent_off(total: int, rate_bp: int) -> None:
    tax = tax_of(total, rate_bp, included=True)

    assert 0 <= tax <= total
    assert abs(2 * (tax * (10_000 + rate_bp) - total * rate_bp)) <= 10_000 + rate_bp


@given(amounts, rates)
def test_added_tax_is_never_more_than_half_a_cent_off(total: int, rate_bp: int) -> None:
    tax = tax_of(total, rate_bp, included=False)

    assert abs(2 * (tax * 10_000 - total * rate_bp)) <= 10_000


@given(amounts, rates)
def test_tax_that_was_added_is_found_again_in_the_whole(net: int, rate_bp: int) -> None:
    added = tax_of(net, rate_bp, included=False)

    assert abs(tax_of(net + added, rate_bp, included=True) - added) <= 1


@given(amounts, amounts, rates, st.booleans())
def test_more_goods_are_never_less_tax(some: int, more: int, rate_bp: int, included: bool) -> None:  # noqa: FBT001 - Hypothesis hands it in by place
    assert tax_of(some, rate_bp, included=included) <= tax_of(some + more, rate_bp, included=included)


@given(amounts, rates, st.booleans())
def test_a_refund_gives_back_what_was_taken(total: int, rate_bp: int, included: bool) -> None:  # noqa: FBT001 - Hypothesis hands it in by place
    assert tax_of(-total, rate_bp, included=included) == -tax_of(total, rate_bp, included=included)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 999)), max_size=20))
def test_whatever_is_set_holds_from_then_on_and_not_before(wishes: list[tuple[int, int]]) -> None:
    """Spans that are cut off where the next one begins, against a plain list with one value for each day."""
    spans: list[Span] = []
    days: list[int | None] = [None] * 60
    for start, value in wishes:
        begins = DAY + timedelta(start)
        if first_beginning(spans, begins, None):
            continue
        cut = span_at(spans, begins)
        if cut:
            spans = [one for one in spans if one != cut] + [cut._replace(valid_to=begins)]
        spans.append(Span(begins, None, value))
        days[start:] = [value] * (len(days) - start)

    for day, wanted in enumerate(days):
        holding = [one for one in spans if span_at([one], DAY + timedelta(day))]
        assert [one.value for one in holding] == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    ("countries", "standard", "reduced", "source"),
    [
        (["DE", "AT"], 1900, 700, " DE"),
        (["FI"], 2550, 1350, " FI"),
        (["US", "GB"], 2000, 500, " GB"),
        (["DK"], 2500, 2500, " DK"),
        (["FR"], 2000, 1300, " FR"),
    ],
)
def test_the_table_gives_rates_in_basis_points(countries: list[str], standard: int, reduced: int, source: str) -> None:
    rates_found, said = rates_of(countries)

    assert rates_found == {"standard": standard, "reduced": reduced, "zero": 0}
    assert said.startswith("eu-vat-rates-data 20")
    assert said.endswith(source)


def test_where_no_table_knows_the_source_says_so() -> None:
    assert rates_of(["US", "CA"]) == (
        {"standard": 0, "reduced": 0, "zero": 0},
        "assumed: no table knows US CA; set it with POST /v1/tax-rates",
    )
