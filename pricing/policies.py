"""Policies: how a market's prices may differ between channels, are rounded, and are compared with earlier ones."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import InvalidInput
from pricing.books.publish import publish_book
from pricing.locking import lock_market
from pricing.models import PricingPolicy
from pricing.queries import currency_of
from pricing.rules.parity import ParityPolicy
from pricing.schemas import PolicyBody, PolicyView

USUAL = PolicyBody()
"""The policy of a market for which nobody set one."""


async def policy_of(tx: ReadSession, market: str) -> PolicyView:
    """A market's policy. Raises UnknownReference."""
    await currency_of(tx, market)
    row = (await tx.execute(select(PricingPolicy).where(PricingPolicy.market == market))).scalar_one_or_none()
    if row is None:
        return PolicyView(market=market, set_by=None, set_at=None, **msgspec.structs.asdict(USUAL))
    return PolicyView(**{name: getattr(row, name) for name in PolicyView.__struct_fields__})


async def parity_of(tx: ReadSession, market: str) -> ParityPolicy:
    """How far a market's channels may differ from what is recommended. Raises UnknownReference."""
    policy = msgspec.convert(await policy_of(tx, market), PolicyBody, from_attributes=True)
    return ParityPolicy(policy.parity, policy.band_bp)


async def set_policy(tx: Session, market: str, wanted: PolicyBody, set_by: str, now: datetime) -> PolicyView:
    """Give a market another policy. It holds at once; what it does not allow any more stays, and is in the report.

    Raises UnknownReference, InvalidInput.
    """
    await currency_of(tx, market)
    await lock_market(tx, market)
    return await _set(tx, market, wanted, set_by, now)


async def change_policy(tx: Session, market: str, said: Mapping[str, object], set_by: str, now: datetime) -> PolicyView:
    """Change what is said of a market's policy, and nothing else: who changes something else meanwhile is not undone.

    A parity that is said without a band has none. Raises UnknownReference, InvalidInput.
    """
    await currency_of(tx, market)
    await lock_market(tx, market)  # Before it is read what the rest of it is.
    found = await policy_of(tx, market)
    whole = {name: getattr(found, name) for name in PolicyBody.__struct_fields__}
    if "parity" in said:
        whole["band_bp"] = None
    return await _set(tx, market, msgspec.convert({**whole, **said}, PolicyBody), set_by, now)


async def _set(tx: Session, market: str, wanted: PolicyBody, set_by: str, now: datetime) -> PolicyView:
    if (wanted.parity == "band") != (wanted.band_bp is not None):
        raise InvalidInput("band_bp", "Give it with a band, and only with a band.")
    facts = {**msgspec.structs.asdict(wanted), "set_by": set_by, "set_at": now}
    row = insert(PricingPolicy).values(market=market, **facts)
    await tx.execute(row.on_conflict_do_update(index_elements=["market"], set_=facts))
    await publish_book(tx, market, now, at_once=True)
    return PolicyView(market=market, **facts)
