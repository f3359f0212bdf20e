"""Costs: what units cost us, from when; margins and floors are reckoned by it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import InvalidInput, UnknownReference
from pricing.books.lead import LEAD, must_lead
from pricing.books.publish import publish_book
from pricing.errors import MixedCurrency, PriceInThePast
from pricing.locking import lock_market
from pricing.queries import currency_of
from pricing.schemas import CostsBody, CostsView, CostView

_KNOWN = text("SELECT sku FROM variants WHERE sku = ANY (CAST(:skus AS text[]))")
_STORE = text("""
    INSERT INTO unit_costs (sku, market, valid_from, amount)
    SELECT c.sku, :market, :valid_from, c.amount
      FROM unnest(CAST(:skus AS text[]), CAST(:amounts AS bigint[])) AS c (sku, amount)
    ON CONFLICT (sku, market, valid_from) DO UPDATE SET amount = excluded.amount
""")
_COSTS = text("""
    SELECT w.sku, c.amount, c.valid_from
      FROM unnest(CAST(:skus AS text[])) WITH ORDINALITY AS w (sku, place)
      LEFT JOIN LATERAL (SELECT u.amount, u.valid_from FROM unit_costs u
                          WHERE u.sku = w.sku AND u.market = :market AND u.valid_from <= :at
                          ORDER BY u.valid_from DESC LIMIT 1) AS c ON true
     ORDER BY w.place
""")


async def set_costs(tx: Session, wanted: CostsBody, now: datetime) -> CostsView:
    """Say what units cost us from an instant on. One that begins then already is replaced.

    A promotion that must not go below it charges by it, so it begins as a price does: LEAD from now at the soonest, and
    the book that says so is published with it.
    Raises PriceInThePast, TooSoon, MixedCurrency, UnknownReference, InvalidInput.
    """
    begins = wanted.valid_from or now + LEAD
    check_instant("valid_from", begins)
    if begins < now:
        raise PriceInThePast("valid_from", begins, now)
    must_lead("valid_from", begins, now)
    currency = await currency_of(tx, wanted.market)
    skus = [one.sku for one in wanted.costs]
    known = set((await tx.execute(_KNOWN, {"skus": skus})).scalars())
    seen: set[str] = set()
    for place, one in enumerate(wanted.costs):
        if one.sku not in known:
            raise UnknownReference(f"costs[{place}].sku", one.sku)
        if one.sku in seen:
            raise InvalidInput(f"costs[{place}].sku", "It is named twice.")
        if one.cost.currency != currency:
            raise MixedCurrency(f"costs[{place}].cost.currency", one.cost.currency, currency)
        seen.add(one.sku)
    await lock_market(tx, wanted.market)
    amounts = [one.cost.amount for one in wanted.costs]
    facts = {"skus": skus, "amounts": amounts, "market": wanted.market, "valid_from": begins}
    await tx.execute(_STORE, facts)
    await publish_book(tx, wanted.market, now)
    return CostsView(wanted.market, begins, [CostView(one.sku, one.cost, begins) for one in wanted.costs])


async def costs_at(tx: ReadSession, market: str, skus: Sequence[str], at: datetime) -> CostsView:
    """What a unit of each sku costs us at an instant, in the order asked for. Raises UnknownReference."""
    currency = await currency_of(tx, market)
    rows = await tx.execute(_COSTS, {"market": market, "skus": list(skus), "at": at})
    costs = [CostView(sku, None if amount is None else Amount(amount, currency), since) for sku, amount, since in rows]
    return CostsView(market, at, costs)
