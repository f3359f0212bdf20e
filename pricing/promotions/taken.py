"""Taken: whether others always take first what a promotion is about, so that it can never apply. Pure.

A line is out of reach of a promotion where somebody who always may has it already, and there are two ways to have it.

- An exclusive one of an earlier lane closes it. It lands wherever it takes anything off the full price: as long as
  nothing that is not exclusive lands there up to its lane, the line is at its full price there, or closed by another
  exclusive one. (Of several exclusive ones in its lane one lands, whichever it is.)
- In its own lane another one that ranks before it takes as much off that line or more, whatever the line costs by then.
  The lane compares them line by line, so no combination with others brings it back (see `pricing.rules.lanes`).

Whoever asks for something, counts its uses or stops at a floor or cap does not always may; and who is not in the book
may never be. So nothing is said of whatever might be got by somebody, somewhere, at some time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from commerce.kernel.money import half_up
from pricing.rules.promotion import (
    AmountOff,
    Benefit,
    Conditions,
    FixedPrice,
    Floor,
    Percent,
    Promotion,
    Selector,
    Step,
    Tiers,
)
from pricing.rules.tax import WHOLE_BP

EACH_UNIT = (Percent, AmountOff, FixedPrice)


class Other(NamedTuple):
    """Another promotion of the market that runs at some of the same time."""

    promotion: Promotion
    lands_on: frozenset[str]
    is_booked: bool
    """In the book. If not, it may never be: then it is nobody who takes, but somebody who may be in the way."""


def takers_of_all(
    mine: Promotion, others: Sequence[Other], prices: Mapping[str, Mapping[str, int]]
) -> list[Promotion] | None:
    """Those who together take first whatever a promotion is about; None where something may be left for it.

    `prices` has the least that each sku it lands on costs while it runs, if that is anything, by channel: of all
    channels in which it might apply. A sku that never costs anything is never reduced.
    """
    found: dict[str, Promotion] = {}
    for channel, costs in prices.items():
        there = [other for other in others if _sells_in(other.promotion.conditions, channel)]
        for sku, price in costs.items():
            here = [other for other in there if sku in other.lands_on]
            taker = next((other.promotion for other in here if _takes(other, mine, here, price)), None)
            if taker is None:
                return None
            found[taker.id] = taker
    return list(found.values()) or None


def _sells_in(conditions: Conditions, channel: str) -> bool:
    return not conditions.channels or channel in conditions.channels


def _takes(one: Other, mine: Promotion, here: Iterable[Other], price: int) -> bool:
    """Whether another one takes every line of a sku that costs so much at the least before this one may."""
    its = one.promotion
    if not (one.is_booked and _always_may(its) and _outlasts(its, mine)):
        return False
    if its.lane == mine.lane:
        return _rank(its) < _rank(mine) and takes_no_less(its.benefit, mine.benefit)
    return its.exclusive and its.lane < mine.lane and _saves(its.benefit, price) and not _disturbed(its, here)


def _always_may(its: Promotion) -> bool:
    """Whether it takes something off each unit of whatever it matches, for whoever buys it in its channels."""
    asks = msgspec.structs.replace(its.conditions, items=Selector(), channels=[])
    free = asks == Conditions() and not its.limited
    bounded = its.cap is not None or its.floor != Floor()
    return free and not bounded and isinstance(its.benefit, EACH_UNIT) and its.benefit.on == "lines"


def _outlasts(its: Promotion, mine: Promotion) -> bool:
    ends_later = its.ends is None or (mine.ends is not None and mine.ends <= its.ends)
    return its.starts <= mine.starts and ends_later


def _rank(promotion: Promotion) -> tuple[int, str]:
    """As the engine ranks two that save as much."""
    return -promotion.priority, promotion.id


def _disturbed(its: Promotion, here: Iterable[Other]) -> bool:
    """Whether somebody may be there before it, or in its place, who does not close the line."""
    return any(not other.promotion.exclusive and other.promotion.lane <= its.lane for other in here)


def _saves(benefit: Benefit, price: int) -> bool:
    """Whether it takes anything off one unit that costs so much; then it does off more of them, or dearer ones."""
    match benefit:
        case Percent():
            return half_up(price * benefit.share, WHOLE_BP) > 0
        case AmountOff():
            return min(price, benefit.amount) > 0
        case FixedPrice():
            return benefit.price < price
        case _:
            return False


def takes_no_less(its: Benefit, mine: Benefit) -> bool:
    """Whether one that is for each unit takes as much off every line as another one or more, whatever is left of it.

    Two of a kind are compared by what they say. Units of a line are worth no more than the line, so it is the same for
    the cheapest ones. Beyond that only whoever takes all is sure to.
    """
    match its, mine:
        case (Percent(share=10_000), _) | (FixedPrice(price=0), _):
            return True
        case _, Tiers():
            return all(takes_no_less(its, step) for step in map(_of_step, mine.steps))
        case (Percent() | AmountOff() | FixedPrice(), Percent() | AmountOff() | FixedPrice()):
            return mine.on in {"lines", "cheapest"} and _says_no_less(its, mine)
        case _:
            return False


def _says_no_less(its: Benefit, mine: Benefit) -> bool:
    match its, mine:
        case Percent(), Percent():
            return its.share >= mine.share
        case AmountOff(), AmountOff():
            return its.amount >= mine.amount
        case FixedPrice(), FixedPrice():
            return its.price <= mine.price
        case _:
            return False


def _of_step(step: Step) -> Benefit:
    """What a step gives, as a benefit."""
    if step.share is not None:
        return Percent(share=step.share)
    if step.price is not None:
        return FixedPrice(price=step.price)
    return AmountOff(amount=step.amount or 0, on="order")
