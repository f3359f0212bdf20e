"""Money: exact amounts, shares that sum back, and parts that add up whoever comes first.

The named cases are those that other shops got wrong.
"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commerce.kernel.money import AMOUNT_MAX, Money, cumulative_part, digits_of, half_up, major

thoroughly = settings(max_examples=2_000, deadline=None)

amounts = st.integers(-(10**9), 10**9)
weights = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 10**7), min_size=1, max_size=8)
some_weights = weights.filter(lambda found: sum(found.values()) > 0)


def shared(minor: int, *parts: int) -> list[int]:
    """The shares of an amount in cents, for weights in their order."""
    shares = Money(minor, "EUR").share({f"line {n}": part for n, part in enumerate(parts)})
    return [shares[f"line {n}"].minor for n in range(len(parts))]


# Shares


def test_a_discount_of_361_leaves_66_cents_of_four_lines() -> None:
    """Remainder-to-last gives 67."""
    lines = (88, 94, 244, 1)

    discounts = shared(361, *lines)

    assert discounts == [74, 80, 206, 1]
    assert sum(lines) - sum(discounts) == 66
    assert [line - off for line, off in zip(lines, discounts, strict=True)] == [14, 14, 38, 0]


def test_a_line_that_weighs_nothing_gets_nothing() -> None:
    """Remainder-to-first gives it minus one."""
    assert shared(-100, 0, 100, 100, 100) == [0, -33, -33, -34]


def test_777_is_shared_the_same_way_in_every_order() -> None:
    lines = {"case": 99, "watch": 4999, "cable": 501}
    expected = {"case": Money(14, "EUR"), "watch": Money(694, "EUR"), "cable": Money(69, "EUR")}

    assert sum(part.minor for part in expected.values()) == 777
    for order in permutations(lines):
        assert Money(777, "EUR").share({key: lines[key] for key in order}) == expected


def test_a_hundred_percent_off_two_lines_leaves_nothing() -> None:
    for lines in ((1, 2), (333, 667), (1999, 1), (1, 1)):
        assert shared(sum(lines), *lines) == list(lines)


def test_ties_go_to_the_heavier_line_then_to_the_lower_key() -> None:
    assert shared(1, 1, 1) == [1, 0]
    assert shared(2, 1, 3) == [0, 2]
    assert shared(5, 2, 2, 6) == [1, 1, 3]


@thoroughly
@given(amounts, some_weights)
@example(361, {"a": 88, "b": 94, "c": 244, "d": 1})
@example(-100, {"a": 0, "b": 100, "c": 100, "d": 100})
@example(777, {"a": 99, "b": 4999, "c": 501})
def test_shares_sum_exactly_and_nobody_is_a_cent_from_their_due(minor: int, parts: dict[str, int]) -> None:
    shares = Money(minor, "EUR").share(parts)

    total = sum(parts.values())
    assert shares.keys() == parts.keys()
    assert sum(share.minor for share in shares.values()) == minor
    for key, weight in parts.items():
        assert abs(shares[key].minor - Fraction(minor * weight, total)) < 1
        assert weight or shares[key].minor == 0


@thoroughly
@given(amounts, some_weights, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(minor: int, parts: dict[str, int], dice: object) -> None:
    keys = list(parts)
    dice.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis' Random

    assert Money(minor, "EUR").share({key: parts[key] for key in keys}) == Money(minor, "EUR").share(parts)


@thoroughly
@given(some_weights, st.data())
def test_no_line_goes_below_zero(parts: dict[str, int], data: st.DataObject) -> None:
    """A discount no larger than the basket takes no more from a line than is in it, and gives nothing to any."""
    discount = data.draw(st.integers(0, sum(parts.values())))

    shares = Money(discount, "EUR").share(parts)

    assert all(0 <= shares[key].minor <= parts[key] for key in parts)


@pytest.mark.parametrize("parts", [{}, {"a": 0}, {"a": 0, "b": 0}, {"a": -1, "b": 2}, {"a": 3, "b": -1}])
def test_there_is_no_sharing_by_nothing_or_by_less(parts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(100, "EUR").share(parts)


# Cumulative rounding


def test_buy_six_at_forty_percent_off_and_return_five() -> None:
    """What the kept one costs and the five refunds are together what was paid, however the five come back."""
    paid = 6 * 1999 - 4798  # 40 % of 119.94 is 47.976, rounded half up

    assert paid == 7196
    for returned in ([5], [1, 1, 1, 1, 1], [2, 3], [3, 2], [4, 1]):
        before, refunds = 0, 0
        for units in returned:
            refunds += cumulative_part(paid, 6, before, units)
            before += units
        assert refunds + cumulative_part(paid, 6, 5, 1) == paid
        assert refunds == 5997


@thoroughly
@given(amounts, st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
@example(7196, [1, 1, 1, 1, 1, 1])
@example(100, [1, 1, 1])
@example(-100, [2, 1])
def test_parts_always_add_up(total: int, takings: list[int]) -> None:
    of, before, parts = sum(takings), 0, []
    for units in takings:
        parts.append(cumulative_part(total, of, before, units))
        before += units

    assert sum(parts) == total
    for units, part in zip(takings, parts, strict=True):
        assert abs(part - Fraction(total * units, of)) <= 1
        assert part * total >= 0, "a part never goes the other way"
        assert units or part == 0


def test_nobody_takes_more_than_there_was() -> None:
    for before, units in ((0, 7), (6, 1), (-1, 1), (3, -1)):
        with pytest.raises(AssertionError):
            cumulative_part(100, 6, before, units)


@thoroughly
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
@example(5, 10)
@example(-5, 10)
@example(15, 10)
def test_halves_go_away_from_zero(numerator: int, denominator: int) -> None:
    twice = Decimal(2 * abs(numerator)) // Decimal(denominator)  # exact: a whole number of halves
    expected = int((twice / 2).quantize(Decimal(1), ROUND_HALF_UP))

    assert half_up(numerator, denominator) == (expected if numerator >= 0 else -expected)


# Amounts as text


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1299.00", "EUR", 129_900),
        ("1299", "EUR", 129_900),
        ("1299", "JPY", 1_299),
        ("0.001", "KWD", 1),
        ("-12.5", "USD", -1_250),
        ("0", "EUR", 0),
        ("10000000000000.00", "EUR", AMOUNT_MAX),
    ],
)
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.999", "EUR"),
        ("12.5", "JPY"),
        ("0." + "9" * 40, "EUR"),
        ("1." + "0" * 30 + "1", "EUR"),
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1,299.00", "EUR"),
        ("١٢", "EUR"),
        ("1_000", "EUR"),
        (" 1", "EUR"),
        ("+1", "EUR"),
        ("--1", "EUR"),
        ("-", "EUR"),
        ("", "EUR"),
        ("1" * 40, "EUR"),
        ("1", "EUX"),
        ("1", "eur"),
        ("1", "XAU"),
    ],
)
def test_what_is_not_an_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Money.parse(text, currency)


@thoroughly
@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "ISK", "BHD"]))
def test_an_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    text = major(minor, currency)

    assert Money.parse(text, currency) == Money(minor, currency)
    assert len(text.partition(".")[2]) == digits_of(currency)


def test_currencies_have_the_digits_of_iso_4217() -> None:
    """CLDR, which is for display, says otherwise of several of these."""
    digits = {"EUR": 2, "USD": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3, "CLF": 4, "ISK": 0, "HUF": 2, "IDR": 2}

    assert {currency: digits_of(currency) for currency in digits} == digits


def test_currencies_do_not_mix() -> None:
    assert Money(1, "EUR") + Money(2, "EUR") - Money(4, "EUR") == Money(-1, "EUR")
    assert str(Money(129_900, "EUR")) == "1299.00 EUR"
    with pytest.raises(ValueError, match="different currencies"):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(ValueError, match="different currencies"):
        Money(1, "EUR") - Money(1, "USD")
