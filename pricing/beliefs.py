"""Beliefs: what a channel charged at an instant, as it is believed now or was believed at another instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference
from pricing.queries import currency_of
from pricing.rules.series import Charge, Priced, charges
from pricing.schemas import ChargeHistoryView, ChargesView, ChargeView, PriceHistoryView, PriceView
from pricing.series import CHANNEL, RECOMMENDED, Series

# As it is now, or as it was after all that had been recorded by then.
_NOW = "p.superseded_at IS NULL"
_THEN = "coalesce(p.recorded_at, '-infinity') <= :believed_at AND coalesce(p.superseded_at, 'infinity') > :believed_at"
# The names in this statement are this package's own.
_BELIEVED = {
    (series, looking_back): text(f"""
        SELECT p.sku, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id FROM {series.table} p
         WHERE p.{series.scope} = :scope AND p.sku = ANY (CAST(:skus AS text[])) AND {believed}
         ORDER BY p.sku, p.valid_from
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
    for looking_back, believed in ((False, _NOW), (True, _THEN))
}
_HISTORY = {
    which: text(f"""
        SELECT p.amount, p.valid_from, p.valid_to, p.recorded_at, p.superseded_at, p.change_id, p.recorded_by
          FROM recommended_prices p WHERE p.market = :market AND p.sku = :sku AND {believed}
         ORDER BY p.valid_from, p.id
    """)  # noqa: S608 - as above
    for which, believed in (("now", _NOW), ("then", _THEN), ("ever", "true"))
}
_CHANNEL = text("""
    SELECT c.code, c.market, m.currency FROM channels c JOIN markets m ON m.code = c.market WHERE c.code = :channel
""")


class _Place(NamedTuple):
    channel: str
    market: str
    currency: str


async def charged_at(
    tx: ReadSession, channel: str, skus: Sequence[str], at: datetime, believed_at: datetime | None
) -> ChargesView:
    """What a channel charges for each sku at an instant: three statements, however many. Raises UnknownReference."""
    place = await _place(tx, channel)
    timelines = await _timelines(tx, place, skus, believed_at)
    prices = [_view(place, sku, next((charge for charge in timelines[sku] if charge.covers(at)), None)) for sku in skus]
    return ChargesView(
        channel=channel,
        market=place.market,
        currency=place.currency,
        at=at,
        believed_at=believed_at,
        prices=prices,
    )


async def charge_history(tx: ReadSession, channel: str, sku: str, believed_at: datetime | None) -> ChargeHistoryView:
    """Everything that a channel charged, charges or will charge for a sku. Raises UnknownReference."""
    place = await _place(tx, channel)
    timeline = (await _timelines(tx, place, [sku], believed_at))[sku]
    prices = [_view(place, sku, charge) for charge in timeline]
    return ChargeHistoryView(sku=sku, channel=channel, market=place.market, believed_at=believed_at, prices=prices)


async def price_history(
    tx: ReadSession, market: str, sku: str, believed_at: datetime | None, *, superseded: bool
) -> PriceHistoryView:
    """All recommended prices of a sku in a market: as believed now, or at an instant, or every one that ever was.

    Raises UnknownReference.
    """
    currency = await currency_of(tx, market)
    which = "ever" if superseded else "now" if believed_at is None else "then"
    asked = {"market": market, "sku": sku} | ({"believed_at": believed_at} if which == "then" else {})
    rows = await tx.execute(_HISTORY[which], asked)
    prices = [PriceView(sku, market, Amount(amount, currency), *more) for amount, *more in rows]
    return PriceHistoryView(sku, market, prices)


async def _place(tx: ReadSession, channel: str) -> _Place:
    row = (await tx.execute(_CHANNEL, {"channel": channel})).one_or_none()
    if row is None:
        raise UnknownReference("channel", channel)
    return _Place._make(row)


async def _timelines(
    tx: ReadSession, place: _Place, skus: Sequence[str], believed_at: datetime | None
) -> dict[str, list[Charge]]:
    recommended = await _believed(tx, RECOMMENDED, place.market, skus, believed_at)
    own = await _believed(tx, CHANNEL, place.channel, skus, believed_at)
    return {sku: charges(recommended[sku], own[sku]) for sku in skus}


async def _believed(
    tx: ReadSession, series: Series, scope: str, skus: Sequence[str], believed_at: datetime | None
) -> dict[str, list[Priced]]:
    facts = {"scope": scope, "skus": sorted(set(skus))} | ({"believed_at": believed_at} if believed_at else {})
    found: dict[str, list[Priced]] = {sku: [] for sku in skus}
    for sku, *priced in await tx.execute(_BELIEVED[series, believed_at is not None], facts):
        found[sku].append(Priced._make(priced))
    return found


def _view(place: _Place, sku: str, charge: Charge | None) -> ChargeView:
    own = charge.own if charge else None
    counted = charge.counted if charge else None

    def amount(of: Priced | None) -> Amount | None:
        return Amount(of.amount, place.currency) if of else None

    return ChargeView(
        sku=sku,
        charge=amount(counted),
        counted=None if charge is None else "channel" if own else "recommended",
        recommended=amount(charge.recommended if charge else None),
        channel_price=amount(own),
        valid_from=charge.valid_from if charge else None,
        valid_to=charge.valid_to if charge else None,
        change_id=counted.change_id if counted else None,
        exception_id=own.exception_id if own else None,
    )
