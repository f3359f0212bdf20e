"""Engines that are wrong about which promotions hold, and which of them land where."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from commerce.kernel.money import half_up
from pricing.rules import benefits, discounting, history, lanes, local_time, prepared, tax
from pricing.rules.local_time import DAY, MINUTE, SECOND
from pricing.rules.prepared import Runner
from pricing.rules.promotion import Bundle, Promotion
from pricing.rules.working import Candidate, Taking
from tests.wrong_engines import Patch, Spoil, Wrong, noted

LANDINGS: Wrong = {}
wrong = partial(noted, LANDINGS)


# Which promotions land


@wrong("as much at once: before one of those in its place is enough")
def _(patch: Patch) -> None:
    def comes_first(one: Any, alone: Mapping[str, Any]) -> bool:  # noqa: ANN401 - what lanes keep to themselves
        return any(one.offer.runner.rank < alone[key].runner.rank for key in one.lines if key in alone)

    patch.setattr(lanes, "_comes_first", comes_first)


@wrong("as much at once: never")
def _(patch: Patch) -> None:
    patch.setattr(lanes, "_comes_first", lambda *_: False)


@wrong("as much at once: always")
def _(patch: Patch) -> None:
    patch.setattr(lanes, "_comes_first", lambda *_: True)


@wrong("the best set: greedily from the biggest gain on")
def _(patch: Patch) -> None:
    def greedy(gains: Sequence[Any]) -> list[Any]:
        chosen: list[Any] = []
        for one in sorted(gains, key=lambda one: (-one.gain, one.offer.runner.rank)):
            if all(one.lines.isdisjoint(other.lines) for other in chosen):
                chosen.append(one)
        return chosen

    patch.setattr(lanes, "_best_set", greedy)


def _searched(key: Callable[[Any], tuple[int, ...]]) -> Spoil:
    """Of sets that gain the same it takes the one that is first in another order."""

    def spoil(patch: Patch) -> None:
        def best_set(gains: Sequence[Any]) -> list[Any]:
            ordered = sorted(gains, key=key)
            sets = (some for size in range(1, len(ordered) + 1) for some in combinations(range(len(ordered)), size))
            apart = [
                [ordered[n] for n in some]
                for some in sorted(sets)
                if all(ordered[n].lines.isdisjoint(ordered[m].lines) for n, m in combinations(some, 2))
            ]
            return max(apart, key=lambda found: sum(one.gain for one in found))

        patch.setattr(lanes, "_best_set", best_set)

    return spoil


wrong("sets that save the same: the highest priority first, whatever it saves")(
    _searched(lambda one: one.offer.runner.rank)
)
wrong("sets that save the same: the biggest gain first, then the lowest priority")(
    _searched(lambda one: (-one.gain, *(-part for part in one.offer.runner.rank)))
)


@wrong("in a lane: the first by rank, not the best")
def _(patch: Patch) -> None:
    def first(offers: Sequence[lanes.Offer]) -> list[lanes.Landing]:
        taken: dict[str, lanes.Landing] = {}
        for offer in sorted(offers, key=lambda offer: offer.runner.rank):
            for taking in offer.takings:
                taken.setdefault(taking.line.key, lanes.Landing(offer.runner, taking))
        return list(taken.values())

    patch.setattr(discounting, "best_of", first)


@wrong("in a lane: everything lands")
def _(patch: Patch) -> None:
    def everything(offers: Sequence[lanes.Offer]) -> list[lanes.Landing]:
        return [lanes.Landing(offer.runner, taking) for offer in offers for taking in offer.takings]

    patch.setattr(discounting, "best_of", everything)


def _ranked(rank: Callable[[Promotion, int], tuple[int, int]]) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = Runner.__init__

        def init(runner: Runner, promotion: Promotion, place: int) -> None:
            right(runner, promotion, place)
            runner.rank = rank(promotion, place)

        patch.setattr(Runner, "__init__", init)

    return spoil


wrong("of equals: the lower priority")(_ranked(lambda promotion, place: (promotion.priority, place)))
wrong("of equals: the later id")(_ranked(lambda promotion, place: (-promotion.priority, -place)))
wrong("of equals: by id alone")(_ranked(lambda _, place: (0, place)))


@wrong("all lines are judged line by line")
def _(patch: Patch) -> None:
    patch.setattr(discounting, "is_line_by_line", lambda *_: True)


@wrong("all promotions take all their lines or none")
def _(patch: Patch) -> None:
    patch.setattr(discounting, "is_line_by_line", lambda *_: False)


@wrong("exclusive: closes nothing")
def _(patch: Patch) -> None:
    right = discounting._land

    def land(landings: Iterable[Any], outcome: discounting.Discounted) -> None:
        landed = list(landings)
        right(landed, outcome)
        for landing in landed:
            landing.taking.line.locked = False

    patch.setattr(discounting, "_land", land)


@wrong("exclusive: whatever it is about is closed, landed or not")
def _(patch: Patch) -> None:
    right = discounting._offer

    def offer(candidate: Candidate, asked: discounting.Asked) -> tuple[str, Any]:
        found = right(candidate, asked)
        if candidate.runner.promotion.exclusive:
            for line in candidate.counting:
                line.locked = True
        return found

    patch.setattr(discounting, "_offer", offer)


@wrong("a subtotal: of what is left")
def _(patch: Patch) -> None:
    right = discounting._why_not_basket

    def why_not(promotion: Promotion, candidate: Candidate) -> str | None:
        reason = right(promotion, candidate)
        if reason is None and sum(line.net for line in candidate.counting) < promotion.conditions.subtotal:
            return "subtotal"
        return reason

    patch.setattr(discounting, "_why_not_basket", why_not)


@wrong("a quantity: of open lines alone")
def _(patch: Patch) -> None:
    right = discounting._why_not_basket

    def why_not(promotion: Promotion, candidate: Candidate) -> str | None:
        opened = sum(line.quantity for line in candidate.counting if not line.locked)
        return right(promotion, candidate) or ("quantity" if opened < promotion.conditions.quantity else None)

    patch.setattr(discounting, "_why_not_basket", why_not)


@wrong("the cap comes before the floors")
def _(patch: Patch) -> None:
    right = discounting._bounded

    def bounded(promotion: Promotion, takings: Sequence[Taking]) -> Sequence[Taking]:
        if promotion.cap is not None and sum(taking.amount for taking in takings) > promotion.cap:
            takings = benefits.capped(promotion.cap, takings)
        return right(promotion, takings)

    patch.setattr(discounting, "_bounded", bounded)


@wrong("a floor: of the whole line, not of each unit")
def _(patch: Patch) -> None:
    right = discounting._floor
    patch.setattr(discounting, "_floor", lambda floor, line: right(floor, line) // line.quantity)


@wrong("a floor: the cost alone, where there is one")
def _(patch: Patch) -> None:
    patch.setattr(discounting, "_floor", lambda floor, line: line.facts.at_cost if floor.cost else floor.minimum)


@wrong("a floor: what it costs us, as if there were no tax in a price")
def _(patch: Patch) -> None:
    patch.setattr(prepared, "price_for", lambda net, _, **__: net)


@wrong("a floor: what it costs us and the tax on it, whatever is in a price")
def _(patch: Patch) -> None:
    right = tax.price_for
    patch.setattr(prepared, "price_for", lambda net, rate_bp, **_: right(net, rate_bp, included=True))


@wrong("a floor: what it costs us and the tax on it, rounded half up")
def _(patch: Patch) -> None:
    def price_for(net: int, rate_bp: int, *, included: bool) -> int:
        return net + half_up(net * rate_bp, 10_000) if included else net

    patch.setattr(prepared, "price_for", price_for)


@wrong("a floor: who would go below it takes nothing")
def _(patch: Patch) -> None:
    right = discounting._bounded

    def bounded(promotion: Promotion, takings: Sequence[Taking]) -> Sequence[Taking]:
        floor = promotion.floor
        if floor.minimum or floor.cost:
            takings = [
                one
                for one in takings
                if one.amount <= one.line.net - discounting._floor(floor, one.line) * one.line.quantity
            ]
        return right(promotion, takings)

    patch.setattr(discounting, "_bounded", bounded)


@wrong("what is got counts as bought")
def _(patch: Patch) -> None:
    def role(runner: Runner, item: Any, above: Mapping[str, frozenset[str]]) -> tuple[bool, int] | None:  # noqa: ANN401 - an item of a book
        part = next((n for n, matcher in enumerate(runner.parts) if matcher.matches(item, above)), prepared.NO_PART)
        counts = runner.matcher.matches(item, above)
        return (counts, part) if counts or part != prepared.NO_PART else None

    patch.setattr(Runner, "role", role)


@wrong("what is in two parts of a bundle is in the last")
def _(patch: Patch) -> None:
    right = Runner.role

    def role(runner: Runner, item: Any, above: Mapping[str, frozenset[str]]) -> tuple[bool, int] | None:  # noqa: ANN401 - an item of a book
        found = right(runner, item, above)
        if found is None or not isinstance(runner.promotion.benefit, Bundle):
            return found
        return found[0], max((n for n, one in enumerate(runner.parts) if one.matches(item, above)), default=found[1])

    patch.setattr(Runner, "role", role)


def _runs(runs: Callable[[Promotion, int], bool]) -> Spoil:
    return lambda patch: patch.setattr(Runner, "runs", lambda runner, at: runs(runner.promotion, at))


wrong("a promotion still runs when it ends")(
    _runs(lambda one, at: one.starts <= at and (one.ends is None or at <= one.ends))
)
wrong("a promotion runs after it starts only")(
    _runs(lambda one, at: one.starts < at and (one.ends is None or at < one.ends))
)


@wrong("a category: only what stands in it itself")
def _(patch: Patch) -> None:
    patch.setattr(
        prepared, "_above", lambda categories: {category.code: frozenset({category.code}) for category in categories}
    )


def _within(offset: Callable[[Sequence[tuple[int, int]], int], int], last: int) -> Spoil:
    def within(hours: Iterable[Any], offsets: Sequence[tuple[int, int]], at: int) -> bool:
        days, rest = divmod(at + offset(offsets, at), DAY)
        minute = rest // MINUTE
        return any((days + 3) % 7 in one.days and one.begins <= minute < one.until + last for one in hours)

    def spoil(patch: Patch) -> None:
        patch.setattr(discounting, "is_within", within)
        patch.setattr(history, "is_within", within)

    return spoil


wrong("hours: of UTC")(_within(lambda *_: 0, 0))
wrong("hours: without summer time")(_within(lambda offsets, _: offsets[0][1] * SECOND, 0))
wrong("hours: the last minute and one more")(_within(local_time.offset_at, 1))
