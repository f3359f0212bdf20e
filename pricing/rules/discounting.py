"""Which promotions land on a basket, lane by lane, and why the others do not."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pricing.rules.basket import Customer
from pricing.rules.benefits import Takers, capped, is_line_by_line, reached, takings_of
from pricing.rules.lanes import Landing, Offer, best_of
from pricing.rules.local_time import is_within
from pricing.rules.promotion import Benefit, Bundle, BuyGet, Floor, Gift, Promotion, Tiers
from pricing.rules.quoted import OfferedGift, Reduction, Verdict
from pricing.rules.working import Candidate, Line, Taking


class Asked(NamedTuple):
    """Who asks, when and where."""

    at: int
    offsets: Sequence[tuple[int, int]]
    store: str | None
    customer: Customer
    code_hashes: frozenset[str]
    shipping: Line | None


class Discounted(NamedTuple):
    """What became of every promotion that had to do with the basket, by its place in the book."""

    verdicts: dict[int, Verdict]
    gifts: list[OfferedGift]


def discount(lines: Sequence[Line], asked: Asked) -> Discounted:
    """Let promotions land on lines, one lane after the other. The lines must be in the order of their places."""
    outcome = Discounted({}, [])
    lanes: dict[int, list[Candidate]] = {}
    for candidate in _candidates(lines):
        lanes.setdefault(candidate.runner.promotion.lane, []).append(candidate)
    for lane in sorted(lanes):
        _run(lanes[lane], asked, outcome)
    return outcome


def _candidates(lines: Iterable[Line]) -> Iterable[Candidate]:
    found: dict[int, Candidate] = {}
    for line in lines:
        for runner, counts, part in line.facts.concerns:
            candidate = found.get(runner.place)
            if candidate is None:
                candidate = found[runner.place] = Candidate(runner)
            if counts:
                candidate.counting.append(line)
            if part >= 0:
                candidate.parts.append((line, part))
    return found.values()


def _run(candidates: Iterable[Candidate], asked: Asked, outcome: Discounted) -> None:
    """One lane: who may, what each would take, what is best, and what that leaves."""
    offers = []
    for candidate in candidates:
        promotion = candidate.runner.promotion
        reason = _why_not(promotion, candidate, asked)
        offer = None
        if reason is None:
            _offer_gift(candidate, outcome)
            reason, offer = _offer(candidate, asked)
        if offer is not None:
            offers.append(offer)
        outcome.verdicts[candidate.runner.place] = Verdict(promotion.id, applied=False, reason=reason, amount=0)
    if offers:
        _land(best_of(offers), outcome)


def _why_not(promotion: Promotion, candidate: Candidate, asked: Asked) -> str | None:
    """The first condition that does not hold; None if all do."""
    if candidate.runner.is_for_all:
        return _why_not_basket(promotion, candidate)
    return _why_not_here(promotion, asked) or _why_not_basket(promotion, candidate)


def _why_not_here(promotion: Promotion, asked: Asked) -> str | None:
    asks = promotion.conditions
    if asks.stores and asked.store not in asks.stores:
        return "store"
    reason = _why_not_customer(promotion, asked)
    if reason is None and asks.hours and not is_within(asks.hours, asked.offsets, asked.at):
        return "hours"
    return reason


def _why_not_customer(promotion: Promotion, asked: Asked) -> str | None:
    asks, customer = promotion.conditions, asked.customer
    if asks.groups and not any(group in asks.groups for group in customer.groups):
        return "group"
    if asks.first_purchase and not customer.first_purchase:
        return "not_first_purchase"
    if asks.code_hashes and asked.code_hashes.isdisjoint(asks.code_hashes):
        return "code"
    if asks.unique_codes and promotion.id not in customer.unlocked:
        return "code"
    return _why_no_use(promotion, customer) if promotion.limited else None


def _why_no_use(promotion: Promotion, customer: Customer) -> str | None:
    if promotion.id in customer.used_up:
        return "used_up"
    return "nobody" if promotion.id in customer.asks_who else None


def _why_not_basket(promotion: Promotion, candidate: Candidate) -> str | None:
    asks = promotion.conditions
    if not candidate.counting and not isinstance(promotion.benefit, Bundle):
        return "no_matching_item"
    if asks.quantity and sum(line.quantity for line in candidate.counting) < asks.quantity:
        return "quantity"
    if asks.subtotal and sum(line.gross for line in candidate.counting) < asks.subtotal:
        return "subtotal"
    return None


def _offer_gift(candidate: Candidate, outcome: Discounted) -> None:
    promotion = candidate.runner.promotion
    if isinstance(promotion.benefit, Gift):
        here = sum(line.quantity for line, _ in candidate.parts)
        if here < promotion.benefit.quantity:
            missing = promotion.benefit.quantity - here
            outcome.gifts.append(OfferedGift(promotion.id, promotion.benefit.sku, missing))


def _offer(candidate: Candidate, asked: Asked) -> tuple[str, Offer | None]:
    """What a promotion would take off, or why nothing; an offer that is not taken up has lost to a better one."""
    promotion = candidate.runner.promotion
    counting = [line for line in candidate.counting if not line.locked]
    parts = [(line, part) for line, part in candidate.parts if not line.locked]
    shipping = asked.shipping if asked.shipping is not None and not asked.shipping.locked else None
    found = takings_of(promotion, Takers(counting, parts, candidate.counting, shipping))
    takings = [taking for taking in found if taking.amount > 0]
    if not takings:
        return _why_nothing(promotion, candidate, asked), None
    bounded = _bounded(promotion, takings)
    if not bounded:
        return "floor", None
    total = sum(taking.amount for taking in bounded)
    return "better_one", Offer(candidate.runner, bounded, total, is_line_by_line(promotion.benefit, promotion.cap))


def _why_nothing(promotion: Promotion, candidate: Candidate, asked: Asked) -> str:
    benefit = promotion.benefit
    if getattr(benefit, "on", "") == "shipping":
        return "no_shipping" if asked.shipping is None else "exclusive" if asked.shipping.locked else "no_saving"
    if isinstance(benefit, Gift) and not candidate.parts:
        return "gift_missing"
    if isinstance(benefit, Bundle) or (isinstance(benefit, BuyGet) and benefit.gets is not None):
        mine = [line for line, _ in candidate.parts]
    else:
        mine = candidate.counting
    if mine and all(line.locked for line in mine):
        return "exclusive"
    return _too_few(benefit, candidate) or "no_saving"


def _too_few(benefit: Benefit, candidate: Candidate) -> str | None:
    """Whether there is too little in the basket for a benefit that asks for more by itself; None if there is enough."""
    if isinstance(benefit, Tiers) and reached(benefit, candidate.counting) < benefit.steps[0].at:
        return benefit.by
    if isinstance(benefit, BuyGet):
        wanted = benefit.buy + (benefit.get if benefit.gets is None else 0)
        return "quantity" if sum(line.quantity for line in candidate.counting) < wanted else None
    if isinstance(benefit, Bundle):
        here = [0] * len(benefit.parts)
        for line, part in candidate.parts:
            here[part] += line.quantity
        return "quantity" if any(has < part.quantity for has, part in zip(here, benefit.parts, strict=True)) else None
    return None


def _bounded(promotion: Promotion, takings: Sequence[Taking]) -> Sequence[Taking]:
    """What is left of it above the floor of each line, and below the promotion's cap."""
    floor, cap = promotion.floor, promotion.cap
    if floor.minimum or floor.cost:
        above = (Taking(line, min(amount, line.net - _floor(floor, line) * line.quantity)) for line, amount in takings)
        takings = [taking for taking in above if taking.amount > 0]
    if cap is not None and sum(taking.amount for taking in takings) > cap:
        return capped(cap, takings)
    return takings


def _floor(floor: Floor, line: Line) -> int:
    return max(floor.minimum, line.facts.at_cost) if floor.cost else floor.minimum


def _land(landings: Iterable[Landing], outcome: Discounted) -> None:
    """Take it off, and note who did."""
    for runner, (line, amount) in sorted(landings, key=lambda landing: landing.runner.place):
        promotion = runner.promotion
        line.net -= amount
        line.reductions.append(Reduction(promotion.id, amount))
        line.locked = line.locked or promotion.exclusive
        so_far = outcome.verdicts[runner.place].amount
        outcome.verdicts[runner.place] = Verdict(promotion.id, applied=True, reason="applied", amount=so_far + amount)
