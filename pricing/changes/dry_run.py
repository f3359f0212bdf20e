"""Dry run: every price that a change would change, before anybody approves it; nothing is written.

The database is asked first, and let go: what ten thousand prices come to takes seconds to work out. The summary counts
every effect; what only a person reads is worked out of those that are shown.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from catalog.rules import VariantStatus
from commerce.kernel.bodies import Amount, Balance
from commerce.kernel.db import Database, ReadSession
from commerce.kernel.refusals import Refusal
from pricing.books.compile import compile_part
from pricing.books.readiness import terminals_behind
from pricing.books.schemas import TerminalBehindView
from pricing.books.zones import instant_of
from pricing.changes import queries
from pricing.changes.check import Checked, look_at
from pricing.changes.foresee import Foreseen, evidence_of
from pricing.changes.in_time import start_to_schedule, start_to_submit
from pricing.changes.move import Change, read_change
from pricing.changes.overlay import Planned
from pricing.changes.parity import in_parity
from pricing.changes.rules import NOT_YET_LAID, PriceChangeState, share_bp
from pricing.changes.schemas import (
    Caution,
    DryRunView,
    EffectView,
    MarginView,
    ParityView,
    PaysView,
    PriceChangeView,
    PriorStepView,
    PriorView,
    PromotionMetView,
)
from pricing.rules import WHOLE_BP, tax_of
from pricing.rules.book import Book
from pricing.rules.prior import Prior
from pricing.rules.promotion import Promotion
from pricing.series import channels_of

REFUSALS_TOLD = 100
HALF_BP = -5_000


class Part(NamedTuple):
    """Which effects are shown: from a place on, so many; None: all that follow."""

    start: int = 0
    limit: int | None = None


EVERYTHING = Part()


class Facts(NamedTuple):
    """All that the database has to say about it."""

    change: PriceChangeView
    checked: Checked
    refusals: Sequence[Refusal]
    channels: list[str]
    book: Book
    terminals_behind: list[TerminalBehindView]
    now: datetime


class Ahead(NamedTuple):
    """What the effects of a change are worked out from."""

    facts: Facts
    planned: Foreseen
    """What the book would say with the change."""
    overlapping: Collection[str]


class Weighed(NamedTuple):
    """An effect as far as it is counted."""

    one: Planned
    channel: str
    old: int | None
    new: int | None
    pays: int | None
    prior: Prior | None
    """None where nothing was reduced, or nothing is sold."""
    margin: int | None
    keeps: bool
    excepted: bool
    warnings: list[Caution]


async def dry_run(db: Database, change_id: str, part: Part = EVERYTHING) -> DryRunView:
    """What would happen if the change began when it is planned to, or as soon as possible. Raises NotFound.

    Of a change that has been scheduled it tells what it does to what would be charged without it no more: what is
    planned is the old price, and the new one. Ask before. Nor is it refused anything: what is next comes by itself.
    """
    async with db.snapshot() as tx:
        facts = await _facts(tx, change_id, db.clock.now())
    return await asyncio.to_thread(_worked_out, facts, part)


async def _facts(tx: ReadSession, change_id: str, now: datetime) -> Facts:
    change = await read_change(tx, change_id)
    begins, too_late = _start(change, now)
    checked = await look_at(tx, change, begins, now)
    last = max((one.begins for one in checked.plan), default=begins)
    return Facts(
        change=await queries.change_view(tx, change_id, now),
        checked=checked,
        refusals=[*too_late, *checked.refusals] if change.state in NOT_YET_LAID else [],
        channels=await channels_of(tx, change.market),
        book=await compile_part(tx, change.market, checked.before, last, now),
        terminals_behind=await terminals_behind(tx, change.market, now),
        now=now,
    )


def _start(change: Change, now: datetime) -> tuple[datetime, list[Refusal]]:
    """When the change begins, or now if that is over; and what the next step that looks at its start would refuse."""
    try:
        if change.state is PriceChangeState.DRAFT:
            return start_to_submit(change, now), []
        if change.state in NOT_YET_LAID:
            return start_to_schedule(change, None, now), []
    except Refusal as no:
        return max(change.starts_at or now, now), [no]
    return max(change.starts_at or now, now), []


def _told(refusals: Collection[Refusal]) -> list[str]:
    said = [f"{refusal.code}: {refusal}" for refusal in list(refusals)[:REFUSALS_TOLD]]
    more = len(refusals) - len(said)
    return [*said, f"and {more} more"] if more else said


def _affected(checked: Checked, channels: list[str]) -> Iterator[tuple[Planned, str]]:
    """Each price that begins in a channel once, with the first item that leads to it.

    A recommended price is that of every channel. What is put back comes in stretches, and each of them begins a price.
    """
    seen: set[tuple[str, str, datetime]] = set()
    for one in checked.plan:
        for channel in channels if one.channel is None else [one.channel]:
            if (one.sku, channel, one.begins) not in seen:
                seen.add((one.sku, channel, one.begins))
                yield one, channel


def _worked_out(facts: Facts, part: Part) -> DryRunView:
    overlapping = {one.field for one in facts.refusals if one.code == "price_overlaps" and hasattr(one, "field")}
    ahead = Ahead(facts, Foreseen(facts.book, facts.checked.after), overlapping)
    effects = [_weighed(ahead, *each) for each in _affected(facts.checked, facts.channels)]
    differences = [one.new - one.old for one in effects if one.new is not None and one.old is not None]
    shown = effects[part.start :][: part.limit]
    before = Foreseen(facts.book, {each.one.sku: facts.checked.before[each.one.sku] for each in shown})
    return DryRunView(
        change=facts.change,
        begins=facts.checked.begins,
        refusals=_told(facts.refusals),
        affected=len(effects),
        cheaper=sum(each < 0 for each in differences),
        dearer=sum(each > 0 for each in differences),
        same=sum(one.old == one.new for one in effects),
        warnings=dict(sorted(Counter(warning for one in effects for warning in one.warnings).items())),
        promotions=[_met(one) for one in _every_met(ahead, effects)],
        terminals_behind=facts.terminals_behind,
        relied_on_by=list(facts.checked.others),
        effects=[_effect(ahead, before, each) for each in shown],
    )


def _weighed(ahead: Ahead, one: Planned, channel: str) -> Weighed:
    checked = ahead.facts.checked
    before, after = checked.before[one.sku], checked.after[one.sku]
    pays = ahead.planned.pays(one.sku, channel, one.begins)
    prior = None if pays is None else ahead.planned.prior(one.sku, channel, one.begins)
    new = after.charged(channel, one.begins)
    weighed = Weighed(
        one,
        channel,
        before.charged(channel, one.begins),
        new,
        pays,
        None if prior is None or prior.figure is None else prior,
        _margin(ahead, one, new),
        *in_parity(after, channel, checked.policy, checked.exceptions, one.begins),
        [],
    )
    weighed.warnings.extend(_warnings(ahead, weighed))
    return weighed


def _warnings(ahead: Ahead, effect: Weighed) -> list[Caution]:
    """What a person should look at twice."""
    old, new, pays = effect.old, effect.new, effect.pays
    figure = None if effect.prior is None else effect.prior.figure
    share = None if old is None or new is None else share_bp(new - old, old)
    holds: dict[Caution, bool] = {
        "changes_nothing": old == new,
        "ends_the_price": new is None and old is not None,
        "below_cost": effect.margin is not None and effect.margin < 0,
        "free": new == 0 and old != 0,
        "drops_by_half": share is not None and share < HALF_BP,
        "parity_broken": not effect.keeps and not effect.excepted,
        "overlaps": f"items[{effect.one.place}].sku" in ahead.overlapping,
        "no_reduction_to_show": figure is not None and pays is not None and figure.amount <= pays,
        "retired": ahead.facts.checked.statuses[effect.one.sku] is VariantStatus.RETIRED,
    }
    return [warning for warning, true in holds.items() if true]


def _margin(ahead: Ahead, one: Planned, price: int | None) -> int | None:
    """What is left above the cost of a price, without the tax that is in it; None where either is not known."""
    cost = ahead.planned.cost(one.sku, one.begins)
    return None if price is None or cost is None else _without_tax(ahead, one, price) - cost


def _without_tax(ahead: Ahead, one: Planned, price: int) -> int:
    if not ahead.facts.book.prices_include_tax:
        return price
    return price - tax_of(price, ahead.planned.tax_rate_bp(one.sku, one.begins), included=True)


def _every_met(ahead: Ahead, effects: Iterable[Weighed]) -> list[Promotion]:
    for one, channel, *_ in effects:
        ahead.planned.meets(one.sku, channel, one.begins, one.ends)
    return ahead.planned.met()


def _effect(ahead: Ahead, before: Foreseen, effect: Weighed) -> EffectView:
    one, channel, old, new = effect[:4]
    checked, currency = ahead.facts.checked, ahead.facts.book.currency
    kept, _ = in_parity(checked.before[one.sku], channel, checked.policy, checked.exceptions, one.begins)
    difference = None if old is None or new is None else new - old
    today = before.prior(one.sku, channel, ahead.facts.now).figure
    return EffectView(
        item=one.place,
        sku=one.sku,
        channel=channel,
        begins=one.begins,
        old=_amount(old, currency),
        new=_amount(new, currency),
        difference=None if difference is None else Balance(difference, currency),
        difference_bp=None if difference is None or old is None else share_bp(difference, old),
        parity=ParityView(kept, effect.keeps, effect.excepted),
        cost=_amount(ahead.planned.cost(one.sku, one.begins), currency),
        margin=_margin_view(ahead, effect),
        pays=PaysView(_amount(before.pays(one.sku, channel, one.begins), currency), _amount(effect.pays, currency)),
        prior=_prior(effect, currency),
        prior_today=None if today is None else Amount(today.amount, currency),
        promotions=[each.id for each in ahead.planned.meets(one.sku, channel, one.begins, one.ends)],
        warnings=effect.warnings,
    )


def _margin_view(ahead: Ahead, effect: Weighed) -> MarginView | None:
    if effect.margin is None or effect.new is None:
        return None
    net = _without_tax(ahead, effect.one, effect.new)
    return MarginView(Balance(effect.margin, ahead.facts.book.currency), share_bp(effect.margin, net))


def _prior(effect: Weighed, currency: str) -> PriorView | None:
    """The prior price with what it was found in."""
    if effect.prior is None or effect.prior.figure is None or effect.pays is None:
        return None
    figure = effect.prior.figure
    steps = [PriorStepView(begins, ends, _amount(price, currency)) for begins, ends, price in evidence_of(effect.prior)]
    saved = max(0, figure.amount - effect.pays)
    reduction_bp = saved * WHOLE_BP // figure.amount if figure.amount else 0
    return PriorView(Amount(figure.amount, currency), instant_of(figure.since), reduction_bp, steps)


def _amount(minor: int | None, currency: str) -> Amount | None:
    return None if minor is None else Amount(minor, currency)


def _met(promotion: Promotion) -> PromotionMetView:
    ends = None if promotion.ends is None else instant_of(promotion.ends)
    return PromotionMetView(promotion.id, promotion.name, instant_of(promotion.starts), ends)
