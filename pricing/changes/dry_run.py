"""Dry run: every price that a change would change, before anybody approves it; nothing is written."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from catalog.rules import VariantStatus
from commerce.kernel.bodies import Amount, Balance
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import Refusal
from pricing.books.compile import compile_part
from pricing.books.readiness import terminals_behind
from pricing.books.zones import instant_of
from pricing.changes import queries
from pricing.changes.check import Checked, look_at
from pricing.changes.foresee import Foreseen, Outlook, evidence_of, in_order
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
    PriorStepView,
    PriorView,
    PromotionMetView,
)
from pricing.rules import WHOLE_BP, tax_of
from pricing.rules.promotion import Promotion
from pricing.series import channels_of
from pricing.tax import tax_rates_in_force

REFUSALS_TOLD = 100
HALF_BP = -5_000


class Facts(NamedTuple):
    """What all effects of a dry run share."""

    checked: Checked
    currency: str
    included: bool
    rates: dict[tuple[str, str], int]
    market: str
    sold: dict[str, queries.Sold]
    foreseen: Foreseen
    overlapping: Collection[str]
    now: datetime


async def dry_run(tx: ReadSession, change_id: str, now: datetime) -> DryRunView:
    """What would happen if the change began when it is planned to, or as soon as possible. Raises NotFound.

    Of a change that has been scheduled it tells what it does to what would be charged without it no more: what is
    planned is the old price, and the new one. Ask before. Nor is it refused anything: what is next comes by itself.
    """
    change = await read_change(tx, change_id)
    begins, too_late = _start(change, now)
    checked = await look_at(tx, change, begins, now)
    refusals = [*too_late, *checked.refusals] if change.state in NOT_YET_LAID else []
    channels = await channels_of(tx, change.market)
    currency, included = await queries.money_of(tx, change.market)
    last = max((one.begins for one in checked.plan), default=begins)
    part = await compile_part(tx, change.market, checked.before, last, now)
    # Thousands of prices take seconds, in which others want answers: here, and where their effects are worked out.
    foreseen = await asyncio.to_thread(Foreseen, part, checked.before, checked.after)
    facts = Facts(
        checked,
        currency,
        included,
        await tax_rates_in_force(tx, [change.market], begins),
        change.market,
        await queries.sold(tx, change.market, list(checked.before), begins),
        foreseen,
        {one.field for one in refusals if one.code == "price_overlaps" and hasattr(one, "field")},
        now,
    )
    effects, met = await asyncio.to_thread(_effects, facts, channels)
    differences = [one.difference.amount for one in effects if one.difference is not None]
    return DryRunView(
        change=await queries.change_view(tx, change_id, now),
        begins=begins,
        refusals=_told(refusals),
        affected=len(effects),
        cheaper=sum(each < 0 for each in differences),
        dearer=sum(each > 0 for each in differences),
        same=sum(one.old == one.new for one in effects),
        warnings=dict(sorted(Counter(warning for one in effects for warning in one.warnings).items())),
        promotions=[_met(one) for one in sorted(met, key=in_order)],
        terminals_behind=await terminals_behind(tx, change.market, now),
        relied_on_by=list(checked.others),
        effects=effects,
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


def _effects(facts: Facts, channels: list[str]) -> tuple[list[EffectView], list[Promotion]]:
    """Every effect, and the promotions that some of them meet."""
    met: dict[str, Promotion] = {}
    effects = []
    for one, channel in _affected(facts.checked, channels):
        promotions = facts.foreseen.meets(one.sku, channel, one.begins, one.ends)
        met |= {promotion.id: promotion for promotion in promotions}
        effects.append(_effect(facts, one, channel, [promotion.id for promotion in promotions]))
    return effects, list(met.values())


def _effect(facts: Facts, one: Planned, channel: str, promotions: list[str]) -> EffectView:
    before, after = facts.checked.before[one.sku], facts.checked.after[one.sku]
    old, new = before.charged(channel, one.begins), after.charged(channel, one.begins)
    kept, _ = in_parity(before, channel, facts.checked.policy, facts.checked.exceptions, one.begins)
    keeps, excepted = in_parity(after, channel, facts.checked.policy, facts.checked.exceptions, one.begins)
    outlook = facts.foreseen.outlook(one.sku, channel, one.begins, facts.now)
    difference = None if old is None or new is None else new - old
    cost = facts.sold[one.sku].cost
    effect = EffectView(
        item=one.place,
        sku=one.sku,
        channel=channel,
        begins=one.begins,
        old=_amount(old, facts.currency),
        new=_amount(new, facts.currency),
        difference=None if difference is None else Balance(difference, facts.currency),
        difference_bp=None if difference is None or old is None else share_bp(difference, old),
        parity=ParityView(kept, keeps, excepted),
        cost=_amount(cost, facts.currency),
        margin=None if new is None or cost is None else _margin(facts, one.sku, new, cost),
        pays=PaysView(_amount(outlook.paid, facts.currency), _amount(outlook.pays, facts.currency)),
        prior=_prior(outlook, facts.currency),
        prior_today=_amount(outlook.prior_today, facts.currency),
        promotions=promotions,
        warnings=[],
    )
    effect.warnings.extend(_warnings(facts, one, effect))
    return effect


def _amount(minor: int | None, currency: str) -> Amount | None:
    return None if minor is None else Amount(minor, currency)


def _margin(facts: Facts, sku: str, price: int, cost: int) -> MarginView:
    """What is left above the cost of a price, without the tax that is in it."""
    rate = facts.rates.get((facts.market, facts.sold[sku].tax_class), 0)
    net = price - tax_of(price, rate, included=True) if facts.included else price
    return MarginView(Balance(net - cost, facts.currency), share_bp(net - cost, net))


def _prior(outlook: Outlook, currency: str) -> PriorView | None:
    """The prior price with what it was found in; None where nothing was reduced, or nothing is sold."""
    figure, pays = outlook.prior.figure, outlook.pays
    if figure is None or pays is None:
        return None
    evidence = [
        PriorStepView(begins, ends, _amount(price, currency)) for begins, ends, price in evidence_of(outlook.prior)
    ]
    saved = max(0, figure.amount - pays)
    reduction_bp = saved * WHOLE_BP // figure.amount if figure.amount else 0
    return PriorView(Amount(figure.amount, currency), instant_of(figure.since), reduction_bp, evidence)


def _met(promotion: Promotion) -> PromotionMetView:
    ends = None if promotion.ends is None else instant_of(promotion.ends)
    return PromotionMetView(promotion.id, promotion.name, instant_of(promotion.starts), ends)


def _warnings(facts: Facts, one: Planned, effect: EffectView) -> list[Caution]:
    """What a person should look at twice."""
    old, new, prior, pays = effect.old, effect.new, effect.prior, effect.pays.new
    holds: dict[Caution, bool] = {
        "changes_nothing": old == new,
        "ends_the_price": new is None and old is not None,
        "below_cost": effect.margin is not None and effect.margin.amount.amount < 0,
        "drops_by_half": effect.difference_bp is not None and effect.difference_bp < HALF_BP,
        "parity_broken": not effect.parity.after and not effect.parity.excepted,
        "overlaps": f"items[{one.place}].sku" in facts.overlapping,
        "no_reduction_to_show": prior is not None and pays is not None and prior.price.amount <= pays.amount,
        "retired": facts.checked.statuses[one.sku] is VariantStatus.RETIRED,
    }
    return [warning for warning, true in holds.items() if true]
