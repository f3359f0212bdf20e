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
from pricing.rules.prepared import Step
from pricing.rules.quoted import PriorPrice


class Prior(NamedTuple):
    """What the prior price is at an instant, from when until when that is so, and what it was found in."""

    figure: PriorPrice | None
    begins: int
    ends: int | None
    """None: as long as the last step is in force."""
    evidence: Sequence[Step]
    """The steps of the window, from its opening on; empty where nothing was reduced."""

    @property
    def reduced_from(self) -> int:
        """What a unit cost just before the reduction; 0 where there is none to tell of."""
        return (self.evidence[-1].price or 0) if self.figure is not None else 0


def steps_of(edges: Sequence[int], price_at: Callable[[int], int | None]) -> list[Step]:
    """The steps of a price that can change at these instants only; the first of them begins it."""
    steps: list[Step] = []
    for edge in edges:
        price = price_at(edge)
        if not steps or steps[-1].price != price:
            steps.append(Step(edge, price))
    return steps


def prior_of(steps: Sequence[Step], rule: PriorRule, at: int) -> Prior:
    """The prior price at an instant, of steps that reach back to the window of the oldest reduction that may count.

    Steps from before that, and from after the instant, change nothing.
    """
    now = bisect_right(steps, at, key=lambda step: step.begins) - 1
    over = at - rule.announced_days * DAY
    first = _reduction(steps, now, rule, over)
    ends = steps[now + 1].begins if now + 1 < len(steps) else None
    if first is None:
        return Prior(None, _since(steps, now, now, over, rule), ends, ())
    since = steps[first].begins
    begins = _since(steps, now, first - 1, over, rule)
    until = since + rule.announced_days * DAY
    ends = until if ends is None else min(ends, until)
    window = _window(steps, first, since - rule.window_days * DAY)
    is_new = window[0].begins > since - rule.window_days * DAY or window[0].price is None
    prices = [step.price for step in window if step.price is not None]
    if not prices or (is_new and rule.new_arrivals == "none"):
        return Prior(None, begins, ends, window)
    return Prior(PriorPrice(min(prices), since), begins, ends, window)


def _window(steps: Sequence[Step], first: int, opens: int) -> list[Step]:
    place = max(0, bisect_right(steps, opens, key=lambda step: step.begins) - 1)
    return [step._replace(begins=max(step.begins, opens)) for step in steps[place:first]]


def _since(steps: Sequence[Step], now: int, before: int, over: int, rule: PriorRule) -> int:
    """From when on an answer holds: since the step in force began, or the one before stopped to be a reduction."""
    begins = steps[now].begins if now >= 0 else over
    if _is_reduced(steps, before) and steps[before].begins <= over:
        return max(begins, steps[before].begins + rule.announced_days * DAY)
    return begins


def _reduction(steps: Sequence[Step], now: int, rule: PriorRule, over: int) -> int | None:
    """The step with which the reduction that is in force now began; None where the price was not reduced.

    A step that began when `over` was, or before, is no reduction any more, neither by itself nor as the first of many.
    """
    if not _is_reduced(steps, now) or steps[now].begins <= over:
        return None
    while rule.progressive and _is_reduced(steps, now - 1) and steps[now - 1].begins > over:
        now -= 1
    return now


def _is_reduced(steps: Sequence[Step], place: int) -> bool:
    """Whether a step is less than the one before it, without a gap between them."""
    if place < 1:
        return False
    price, before = steps[place].price, steps[place - 1].price
    return price is not None and before is not None and price < before
