"""Known: whether the skus and channels that a change names are there, and may be given a price."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from catalog.rules import VariantStatus, check_instant
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import InvalidInput, Refusal, UnknownReference
from pricing.changes.errors import PricedTwice, SkuRetired
from pricing.changes.schemas import ItemBody
from pricing.errors import MixedCurrency

_STATUSES = text("SELECT sku, status FROM variants WHERE sku = ANY (CAST(:skus AS text[]))")
_CHANNELS = text("SELECT code, market FROM channels WHERE code = ANY (CAST(:channels AS text[]))")


class Fault(NamedTuple):
    """What is wrong with an item, the column of a CSV text in which it would stand, and the refusal of a JSON body."""

    place: int
    column: str
    refusal: Refusal
    first: int | None = None
    """The place of the item that has the price already, where that is what is wrong."""


async def statuses_of(tx: ReadSession, skus: Collection[str]) -> dict[str, VariantStatus]:
    """How far each of these skus is in the catalog; unknown ones are left out."""
    rows = await tx.execute(_STATUSES, {"skus": sorted(set(skus))})
    return {sku: VariantStatus(status) for sku, status in rows}


async def faults_of(
    tx: ReadSession, market: str, currency: str, items: Sequence[ItemBody], begins: datetime
) -> list[Fault]:
    """Everything that is wrong with items by themselves and beside each other, in their order."""
    statuses = await statuses_of(tx, {item.sku for item in items})
    named = sorted({item.channel for item in items if item.channel is not None})
    markets: dict[str, str] = {row[0]: row[1] for row in await tx.execute(_CHANNELS, {"channels": named})}

    def found() -> list[Fault]:
        seen: dict[tuple[str, str | None], int] = {}
        faults: list[Fault] = []
        for place, item in enumerate(items):
            faults += _place_faults(place, item, statuses, markets.get(item.channel or ""), market)
            faults += _price_faults(place, item, currency, begins)
            first = seen.setdefault((item.sku, item.channel), place)
            if first != place:
                twice = PricedTwice(f"items[{place}].sku", item.sku, item.channel, f"items[{first}]")
                faults.append(Fault(place, "sku", twice, first))
        return faults

    # Thousands of prices take a moment, in which others want answers.
    return await asyncio.to_thread(found)


def _place_faults(
    place: int, item: ItemBody, statuses: Mapping[str, VariantStatus], its_market: str | None, market: str
) -> Iterator[Fault]:
    status = statuses.get(item.sku)
    if status is None:
        yield Fault(place, "sku", UnknownReference(f"items[{place}].sku", item.sku))
    elif status is VariantStatus.RETIRED and item.price is not None:
        yield Fault(place, "sku", SkuRetired(f"items[{place}].sku", item.sku))
    if item.channel is not None and its_market != market:
        yield Fault(place, "channel", UnknownReference(f"items[{place}].channel", item.channel))


def _price_faults(place: int, item: ItemBody, currency: str, begins: datetime) -> Iterator[Fault]:
    if item.price is not None and item.price.currency != currency:
        field = f"items[{place}].price.currency"
        yield Fault(place, "price", MixedCurrency(field, item.price.currency, currency))
    if item.exception is None:
        return
    field = f"items[{place}].exception"
    if item.channel is None or item.price is None:
        reason = "An exception lets a channel charge a price of its own; name the channel and the price."
        yield Fault(place, "exception_reason", InvalidInput(field, reason))
    expires_at = item.exception.expires_at
    try:
        check_instant(f"{field}.expires_at", expires_at)
    except InvalidInput as wrong:
        yield Fault(place, "exception_expires_at", wrong)
        return
    if expires_at <= begins:
        over = InvalidInput(f"{field}.expires_at", "It must be after the change begins.")
        yield Fault(place, "exception_expires_at", over)
