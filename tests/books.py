"""Small price books for stories about the engine, from tables that one can read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pricing.rules.basket import Basket, BasketLine, Customer
from pricing.rules.book import (
    Book,
    BookKey,
    Category,
    Channel,
    ChannelPrices,
    Item,
    Price,
    PriorRule,
    Rounding,
    Tax,
    TimeZone,
)
from pricing.rules.promotion import Promotion

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARKET = "de"
WEB, STORES = "web-de", "retail-de"
BERLIN_OFFSETS = [
    (-(2**52), 3600),
    *[
        (int((datetime.fromisoformat(when) - EPOCH).total_seconds()) * 1_000_000, seconds)
        for when, seconds in [
            ("2026-03-29T01:00:00Z", 7200),
            ("2026-10-25T01:00:00Z", 3600),
            ("2027-03-28T01:00:00Z", 7200),
            ("2027-10-31T01:00:00Z", 3600),
        ]
    ],
]


def us(when: str | datetime) -> int:
    """An instant as books have it: microseconds since 1970."""
    instant = datetime.fromisoformat(when) if isinstance(when, str) else when
    return (instant - EPOCH) // timedelta(microseconds=1)


LONG_AGO = us("2026-01-01T00:00:00Z")
NOON = us("2026-11-02T12:00:00Z")


def item(sku: str, *amounts: int | Price, **more: Any) -> Item:  # noqa: ANN401 - fields of an item
    """An item at a price since long ago, or with these prices."""
    prices = [one if isinstance(one, Price) else Price(LONG_AGO, None, one) for one in amounts]
    own = {channel: list(of_it) for channel, of_it in more.pop("channels", {}).items()}
    facts = {"product": sku.lower(), "category": "things", "tax_class": "standard", **more}
    in_channels = [ChannelPrices(channel, own[channel]) for channel in sorted(own)]
    return Item(sku=sku, recommended=prices, channels=in_channels, **facts)


def promotion(name: str, benefit: Mapping[str, Any], **more: Any) -> Promotion:  # noqa: ANN401 - fields of a promotion
    """A promotion that runs since long ago and for good, unless it says otherwise."""
    facts: dict[str, Any] = {
        "id": name,
        "name": name,
        "starts": LONG_AGO,
        "ends": None,
        "lane": 1,
        "priority": 0,
        "exclusive": False,
        "conditions": {},
        "benefit": dict(benefit),
        "cap": None,
        "floor": {},
        "limited": False,
        **more,
    }
    return msgspec.convert(facts, Promotion)


def book(
    items: Sequence[Item],
    promotions: Sequence[Promotion] = (),
    *,
    included: bool = True,
    rounding: Rounding = "line",
    prior: PriorRule | None = None,
    **more: Any,  # noqa: ANN401 - fields of a book
) -> Book:
    """A book of a market with two channels, 19 % and 7 % tax, and a small tree of categories."""
    taxes = [
        Tax(tax_class, [Price(LONG_AGO, None, rate)])
        for tax_class, rate in (("reduced", 700), ("standard", 1900), ("zero", 0))
    ]
    facts: dict[str, Any] = {
        "market": MARKET,
        "number": 1,
        "compiled_at": us("2026-10-01T00:00:00Z"),
        "complete_until": us("2027-01-01T00:00:00Z"),
        "currency": "EUR",
        "prices_include_tax": included,
        "tax_rounding": rounding,
        "time_zone": TimeZone("Europe/Berlin", list(BERLIN_OFFSETS)),
        "prior": prior or PriorRule(),
        "keys": [BookKey("bky_1", "00" * 32)],
        "channels": [Channel(STORES, "retail"), Channel(WEB, "online")],
        "categories": [
            Category("accessories", None),
            Category("cases", "accessories"),
            Category("leather-cases", "cases"),
            Category("phones", None),
            Category("things", None),
        ],
        "taxes": taxes,
        "items": sorted(items, key=lambda one: one.sku),
        "promotions": sorted(promotions, key=lambda one: one.id),
        **more,
    }
    return Book(**facts)


def basket(*wanted: tuple[str, int] | tuple[str, int, str], **more: Any) -> Basket:  # noqa: ANN401 - fields of a basket
    """A basket in the web shop: (sku, quantity) or (sku, quantity, key)."""
    lines = [BasketLine(one[2] if len(one) > 2 else one[0], one[0], one[1]) for one in wanted]
    customer = Customer(**more.pop("customer", {}))
    return Basket(channel=more.pop("channel", WEB), lines=lines, customer=customer, **more)
