"""The prior price of a reduction: the lowest price of a unit in the channel before the price was reduced.

Directive 98/6/EC, article 6a, and the Commission's guidance on it (2021/C 526/02): what counts is every price that was
applied in the channel, promotions included, in the days before the reduction began; the price in force when those days
began counts, the reduced price itself does not. A price that was offered in one store of a channel was offered there.
What only some could have (with a code, in a group, at a first purchase) was nobody else's price, and does not count.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pricing.rules.book import PriorRule
from pricing.rules.local_time import DAY
from pricing.rules.quoted import PriorPrice


class Step(NamedTuple):
    """From this instant on a unit cost this, until the next step; None while it was not sold."""

    begins: int
    price: int | None


class Prior(NamedTuple):
    """What the prior price is at an instant, until when that does not change, and what it was found in."""

    figure: PriorPrice | None
    ends: int | None
    """None: until the price changes."""
    evidence: Sequence[Step]
    """The steps of the window, the one in force when it opened first; empty where nothing was reduced."""
    begins: int | None = None
    """From when on it has been so. None: since the price changed."""


def steps_of(edges: Sequence[int], price_at: Callable[[int], int | None]) -> list[Step]:
    """The steps of a price that can change at these instants only; the first of them begins it."""
    steps: list[Step] = []
    for edge in edges:
        price = price_at(edge)
        if not steps or steps[-1].price != price:
            steps.append(Step(edge, price))
    return steps


def prior_of(steps: Sequence[Step], rule: PriorRule, at: int) -> Prior:
    """The prior price at an instant, of steps that go back far enough."""
    now = bisect_right(steps, at, key=lambda step: step.begins) - 1
    announced = rule.announced_days * DAY
    over = steps[now].begins + announced
    if now == 0 or at >= over:  # Nobody knows what was before the first step; if it was a reduction, it is over, too.
        return Prior(None, None, (), over)
    if not _is_reduced(steps, now):
        return Prior(None, None, ())
    first, begins = now, None
    while rule.progressive and begins is None and (first == 1 or _is_reduced(steps, first - 1)):
        over = steps[first - 1].begins + announced
        if at >= over:  # By now it is just the price, and the next step is a reduction of it.
            begins = over
        else:
            first -= 1
    since = steps[first].begins
    until = since + announced
    opens = since - rule.window_days * DAY
    place = max(0, bisect_right(steps, opens, key=lambda step: step.begins) - 1)
    window = steps[place:first]
    is_new = window[0].begins > opens or window[0].price is None
    prices = [step.price for step in window if step.price is not None]
    if not prices or (is_new and rule.new_arrivals == "none"):
        return Prior(None, until, window, begins)
    return Prior(PriorPrice(min(prices), since), until, window, begins)


def _is_reduced(steps: Sequence[Step], place: int) -> bool:
    """Whether a step is less than the one before it, without a gap between them."""
    if place < 1:
        return False
    price, before = steps[place].price, steps[place - 1].price
    return price is not None and before is not None and price < before
