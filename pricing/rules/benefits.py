"""What each kind of benefit takes off which line. Nothing here looks at floors, caps or other promotions."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from commerce.kernel.money import half_up, share_out
from pricing.rules.promotion import (
    AmountOff,
    Benefit,
    Bundle,
    BuyGet,
    FixedPrice,
    Gift,
    Percent,
    Promotion,
    Step,
    Tiers,
)
from pricing.rules.tax import WHOLE_BP
from pricing.rules.working import Line, Taking, Units, cheapest_first, dearest_first, first_units


class Takers(NamedTuple):
    """What a benefit may land on: only lines that are still open to it, but for what it is measured by."""

    counting: Sequence[Line]
    """Lines that the promotion is about."""
    parts: Sequence[tuple[Line, int]]
    """Lines that are part of the benefit, and which part."""
    measured: Sequence[Line]
    """All lines that the promotion is about, also those that an exclusive one has taken."""
    shipping: Line | None


def takings_of(promotion: Promotion, takers: Takers) -> list[Taking]:
    """What a promotion takes off each line, if nothing stands in its way."""
    benefit = promotion.benefit
    return _KINDS[type(benefit)](benefit, takers)


def is_line_by_line(benefit: Benefit, cap: int | None) -> bool:
    """Whether what it takes off a line does not depend on what it takes off any other line.

    Which step of tiers is reached is no such thing: as with a condition, lines count that another promotion has won.
    """
    if cap is not None:
        return False
    if isinstance(benefit, Tiers):
        return all(step.amount is None for step in benefit.steps)
    return isinstance(benefit, Percent | AmountOff | FixedPrice) and benefit.on in {"lines", "shipping"}


def _percent(benefit: Percent, takers: Takers) -> list[Taking]:
    share = benefit.share
    if benefit.on == "order":
        worth = sum(line.net for line in takers.counting)
        return shared(half_up(worth * share, WHOLE_BP), takers.counting)
    return [
        Taking(line, (2 * line.worth(number) * share + WHOLE_BP) // (2 * WHOLE_BP))
        for line, number in _units(benefit, takers)
    ]


def _amount(benefit: AmountOff, takers: Takers) -> list[Taking]:
    if benefit.on == "order":
        return shared(min(benefit.amount, sum(line.net for line in takers.counting)), takers.counting)
    return [Taking(line, min(line.worth(number), benefit.amount * number)) for line, number in _units(benefit, takers)]


def _fixed_price(benefit: FixedPrice, takers: Takers) -> list[Taking]:
    return [
        Taking(line, max(0, line.worth(number) - benefit.price * number)) for line, number in _units(benefit, takers)
    ]


def _units(benefit: Percent | AmountOff | FixedPrice, takers: Takers) -> list[Units]:
    """The units that a simple benefit is for, each by itself."""
    if benefit.on == "shipping":
        return [Units(takers.shipping, 1)] if takers.shipping is not None else []
    if benefit.on == "cheapest":
        return first_units(cheapest_first(takers.counting), benefit.units)
    return [Units(line, line.quantity) for line in takers.counting]


def _buy_get(benefit: BuyGet, takers: Takers) -> list[Taking]:
    if benefit.gets is not None:
        times = sum(line.quantity for line in takers.measured) // benefit.buy
        times = times if benefit.times is None else min(times, benefit.times)
        got = first_units(cheapest_first(line for line, _ in takers.parts), times * benefit.get)
        return [Taking(line, half_up(line.worth(number) * benefit.share, WHOLE_BP)) for line, number in got]
    size = benefit.buy + benefit.get
    sets = sum(line.quantity for line in takers.counting) // size
    sets = sets if benefit.times is None else min(sets, benefit.times)
    members = first_units(dearest_first(takers.counting), sets * size)
    saved, passed = 0, 0
    for line, number in members:
        reduced = _reduced(passed + number, benefit) - _reduced(passed, benefit)
        saved += half_up(reduced * line.net * benefit.share, line.quantity * WHOLE_BP)
        passed += number
    return _shared_by(saved, members)


def _reduced(units: int, benefit: BuyGet) -> int:
    """How many of the first units of a line-up are reduced: the last ones of every set."""
    sets, rest = divmod(units, benefit.buy + benefit.get)
    return sets * benefit.get + max(0, rest - benefit.buy)


def _bundle(benefit: Bundle, takers: Takers) -> list[Taking]:
    line_ups = [
        _by_worth(line for line, part in takers.parts if part == number) for number in range(len(benefit.parts))
    ]
    most = min(
        sum(line.quantity for line in line_up) // part.quantity
        for line_up, part in zip(line_ups, benefit.parts, strict=True)
    )
    most = most if benefit.times is None else min(most, benefit.times)
    times = _last_that_saves(most, lambda tried: _worth(_members(benefit, line_ups, tried)) - tried * benefit.price)
    members = _members(benefit, line_ups, times)
    saved = sum(line.worth(number) for line, number in members) - times * benefit.price
    return _shared_by(max(0, saved), members)


def _by_worth(lines: Iterable[Line]) -> list[Line]:
    """The dearest first, by what a unit is worth after earlier lanes: so each bundle saves no more than the last."""
    return sorted(lines, key=lambda line: (-Fraction(line.net, line.quantity), line.place))


def _members(benefit: Bundle, line_ups: Sequence[Sequence[Line]], times: int) -> list[Units]:
    line_up_of = zip(line_ups, benefit.parts, strict=True)
    return [units for line_up, part in line_up_of for units in first_units(line_up, times * part.quantity)]


def _worth(members: Iterable[Units]) -> Fraction:
    return sum((Fraction(line.net * number, line.quantity) for line, number in members), Fraction())


def _last_that_saves(most: int, saves: Callable[[int], Fraction]) -> int:
    """How many are worth it: since the dearest come first, each saves no more than the one before it."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if saves(middle) > saves(middle - 1):
            low = middle
        else:
            high = middle - 1
    return low


def _tiers(benefit: Tiers, takers: Takers) -> list[Taking]:
    measured = reached(benefit, takers.measured)
    step = next((one for one in reversed(benefit.steps) if one.at <= measured), None)
    return _of_step(step, takers) if step is not None else []


def reached(benefit: Tiers, lines: Iterable[Line]) -> int:
    """How far up its tiers these lines are."""
    return sum(line.quantity if benefit.by == "quantity" else line.gross for line in lines)


def _of_step(step: Step, takers: Takers) -> list[Taking]:
    if step.share is not None:
        return _percent(Percent(share=step.share), takers)
    if step.amount is not None:
        return _amount(AmountOff(amount=step.amount, on="order"), takers)
    assert step.price is not None, "a step says one of three"
    return _fixed_price(FixedPrice(price=step.price), takers)


def _gift(benefit: Gift, takers: Takers) -> list[Taking]:
    given = first_units(cheapest_first(line for line, _ in takers.parts), benefit.quantity)
    return [Taking(line, line.worth(number)) for line, number in given]


def shared(amount: int, lines: Sequence[Line]) -> list[Taking]:
    """Share an amount out over lines by what they are worth now."""
    return _shared_by(amount, [Units(line, line.quantity) for line in lines])


def capped(cap: int, takings: Sequence[Taking]) -> list[Taking]:
    """Share a cap out over what would have been taken."""
    shares = share_out(cap, [taking.amount for taking in takings], [taking.line.place for taking in takings])
    return [Taking(line, part) for (line, _), part in zip(takings, shares, strict=True) if part]


def _shared_by(amount: int, members: Sequence[Units]) -> list[Taking]:
    if not amount:
        return []
    worths = [line.worth(number) for line, number in members]
    shares = share_out(amount, worths, [line.place for line, _ in members])
    return [Taking(line, part) for (line, _), part in zip(members, shares, strict=True)]


_KINDS: dict[type[Benefit], Callable[[Any, Takers], list[Taking]]] = {
    Percent: _percent,
    AmountOff: _amount,
    FixedPrice: _fixed_price,
    BuyGet: _buy_get,
    Bundle: _bundle,
    Tiers: _tiers,
    Gift: _gift,
}
