"""Baskets: what was sold in a few words, as a history to be loaded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.attach_histories import CATEGORIES, VARIANTS
from tests.attach_world import Category, Channel, History, Line, Market, Reduction, Sale, Variant

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MARKETS = (Market("de", "Europe/Berlin"), Market("us", "America/New_York"))
CHANNELS = tuple(Channel(f"{kind}-{one.code}", kind, one.code) for one in MARKETS for kind in ("online", "retail"))


@dataclass(frozen=True)
class Basket:
    """What one order holds, a unit of each sku; who bought it, where, and when after the morning, one each second."""

    skus: str
    who: str | None = None
    channel: str = "online-de"
    day: int = 0
    hour: int = 0
    back: str = ""
    """What of it comes back the day after."""


def past(
    baskets: Iterable[Basket], variants: Sequence[Variant] = VARIANTS, categories: Sequence[Category] = CATEGORIES
) -> History:
    """The baskets as a history, in the order in which they were bought."""
    sales = tuple(_sale(number, one) for number, one in enumerate(baskets, 1))
    people = sorted({sale.customer for sale in sales if sale.customer is not None})
    stores = tuple((f"store-{one.code}", one.code) for one in MARKETS)
    return History(MARKETS, CHANNELS, stores, tuple(categories), tuple(variants), sales, (), tuple(people))


def _sale(number: int, basket: Basket) -> Sale:
    at = MORNING + timedelta(days=basket.day, hours=basket.hour, seconds=number)
    kind, _, market = basket.channel.partition("-")
    skus = basket.skus.split()
    later = at + timedelta(days=1)
    return Sale(
        at=at,
        recorded_at=at,
        number=f"{number:06}",
        channel=basket.channel,
        store=f"store-{market}" if kind == "retail" else None,
        customer=basket.who,
        lines=tuple(Line(sku, 1) for sku in skus),
        reductions=tuple(
            Reduction(at=later, recorded_at=later, line=skus.index(sku) + 1, units=1, returned=True)
            for sku in basket.back.split()
        ),
    )
