"""What one unit by itself costs anybody, with whatever runs: the same as a quote of it, for thousands of prices.

A single line of a single unit leaves little to decide. What asks for more, or for other things, does not land. In each
lane the promotion that takes off the most wins, the lower rank where several do; an exclusive one ends it. So the
promotions that run somewhere become a few ways to take something off, whatever the price of the unit is.
"""

from collections.abc import Iterable, Iterator, Sequence

from pricing.rules.prepared import ALWAYS, NO_PART, Concern, Lanes, Way
from pricing.rules.promotion import AmountOff, Bundle, FixedPrice, Percent, Promotion, Step, Tiers
from pricing.rules.tax import WHOLE_BP


def lanes_of(running: Iterable[Concern]) -> Lanes:
    """What may be taken off, lane after lane, by promotions whose every condition holds but those about the basket."""
    lanes: dict[int, list[Way]] = {}
    for one in running:
        lanes.setdefault(one.runner.promotion.lane, []).extend(_ways(one))
    return tuple(tuple(_needed(ways)) for _, ways in sorted(lanes.items()) if ways)


def net_of(lanes: Lanes, price: int, at_cost: int) -> int:
    """What is left of the price of a unit; the price that only brings in what it costs us is 0 where not known."""
    net = price
    for lane in lanes:
        most, is_over = 0, False
        for rank, exclusive, share, more, begins, until, minimum, above_cost, cap in lane:
            del rank
            if not begins <= price < until:
                continue
            floor = max(minimum, at_cost) if above_cost else minimum
            off = min((2 * net * share + WHOLE_BP) // (2 * WHOLE_BP) + more, net - floor, cap)
            if off > most:
                most, is_over = off, exclusive
        net -= most
        if is_over:
            break
    return net


def _ways(one: Concern) -> Iterator[Way]:
    """How a promotion takes something off a single unit that comes without anything else, and without shipping."""
    promotion = one.runner.promotion
    benefit, asks = promotion.benefit, promotion.conditions
    begins = asks.subtotal
    if asks.quantity > int(one.counts) or (begins and not one.counts):
        return
    if isinstance(benefit, Bundle):
        if one.part != NO_PART and sum(part.quantity for part in benefit.parts) == 1:
            yield _way(one, Step(0, price=benefit.price), begins, ALWAYS)
    elif one.counts and isinstance(benefit, Tiers):
        yield from _tiers(one, benefit, begins)
    elif one.counts and isinstance(benefit, Percent | AmountOff | FixedPrice) and benefit.on != "shipping":
        yield _way(one, _step(benefit), begins, ALWAYS)


def _step(benefit: Percent | AmountOff | FixedPrice) -> Step:
    if isinstance(benefit, Percent):
        return Step(0, share=benefit.share)
    return Step(0, amount=benefit.amount) if isinstance(benefit, AmountOff) else Step(0, price=benefit.price)


def _tiers(one: Concern, benefit: Tiers, begins: int) -> Iterator[Way]:
    """The step that one unit reaches; by what units are worth, each step for the prices that reach no further one."""
    if benefit.by == "quantity":
        for step in [step for step in benefit.steps if step.at <= 1][-1:]:
            yield _way(one, step, begins, ALWAYS)
        return
    ends = [step.at for step in benefit.steps[1:]]
    for step, until in zip(benefit.steps, [*ends, ALWAYS], strict=True):
        yield _way(one, step, max(begins, step.at), until)


def _way(one: Concern, step: Step, begins: int, until: int) -> Way:
    promotion: Promotion = one.runner.promotion
    share, more = step.share or 0, step.amount or 0
    if step.price is not None:
        share, more = WHOLE_BP, -step.price
    return Way(
        rank=one.runner.rank,
        exclusive=promotion.exclusive,
        share=share,
        more=more,
        begins=begins,
        until=until,
        minimum=promotion.floor.minimum,
        above_cost=promotion.floor.cost,
        cap=ALWAYS if promotion.cap is None else promotion.cap,
    )


def _needed(ways: Sequence[Way]) -> Iterator[Way]:
    """Those of a lane without which anything could cost something else, by rank.

    Of ways that differ in one number alone the one with the most takes off the most, whatever the price. Rounding can
    make another one as good, and win by its rank: that matters only where it decides whether the next lane comes.
    """
    alike: dict[tuple[object, ...], list[Way]] = {}
    for one in ways:
        alike.setdefault((one.share if one.more else None, one.exclusive, *one[4:]), []).append(one)
    is_mixed = len({one.exclusive for one in ways}) > 1
    kept: list[Way] = []
    for each in alike.values():
        best: list[Way] = []
        for one in sorted(each, key=lambda way: (-way.share, -way.more, way.rank)):
            if not best or (is_mixed and one.rank < best[-1].rank):
                best.append(one)
        kept += best
    yield from sorted(kept)
