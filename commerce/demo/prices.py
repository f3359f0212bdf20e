"""What things cost, where and since when: the recommended prices with their history."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from commerce.demo.assortment import VARIANTS
from commerce.demo.places import MARKETS, Market

# A step is the first day of a price and the price in minor units; None: no longer sold.
Steps = tuple[tuple[str, int | None], ...]

SINCE = "2025-03-01"  # the brand's first day of trade
TERN_3 = "2026-03-12"  # the Tern 3 family came out
CUT = "2026-08-03"  # and the Tern 3 became cheaper
TERN_2_GONE = "2026-07-01"
WREN_2 = "2026-11-19"
LAPWING = "2025-10-09"

PRICES: Mapping[str, Mapping[str, Steps]] = {
    "tern-3/128 GB": {"de": ((TERN_3, 89900), (CUT, 79900)), "us": ((TERN_3, 84900), (CUT, 74900))},
    "tern-3/256 GB": {"de": ((TERN_3, 97900), (CUT, 87900)), "us": ((TERN_3, 92900), (CUT, 82900))},
    "tern-3-pro/256 GB": {"de": ((TERN_3, 114900),), "us": ((TERN_3, 109900),)},
    "tern-3-pro/512 GB": {"de": ((TERN_3, 129900),), "us": ((TERN_3, 124900),)},
    "tern-2": {
        "de": ((SINCE, 74900), (TERN_3, 64900), ("2026-05-18", 54900), (TERN_2_GONE, None)),
        "us": ((SINCE, 69900), (TERN_3, 59900), ("2026-05-18", 49900), (TERN_2_GONE, None)),
    },
    "plover-2/128 GB": {"de": (("2025-09-04", 49900),), "us": (("2025-09-04", 44900),)},
    "plover-2/256 GB": {"de": (("2025-09-04", 55900),), "us": (("2025-09-04", 49900),)},
    "wren-1": {"de": ((SINCE, 29900), ("2026-06-15", 27900)), "us": ((SINCE, 26900), ("2026-06-15", 24900))},
    "wren-2": {"de": ((WREN_2, 32900),), "us": ((WREN_2, 29900),)},
    "shore-case": {"de": ((SINCE, 2990),), "us": ((SINCE, 2900),)},
    "shore-case:wren-2": {"de": ((WREN_2, 2990),), "us": ((WREN_2, 2900),)},
    "shore-case:tern-2": {
        "de": ((SINCE, 2990), (TERN_3, 1490), (TERN_2_GONE, None)),
        "us": ((SINCE, 2900), (TERN_3, 1400), (TERN_2_GONE, None)),
    },
    "tide-glass": {"de": ((SINCE, 1990),), "us": ((SINCE, 1900),)},
    "charger-30/EU": {"de": ((SINCE, 2490),)},
    "charger-30/US": {"us": ((SINCE, 2400),)},
    "charger-65/EU": {"de": ((SINCE, 4490), ("2026-02-02", 3990))},
    "charger-65/US": {"us": ((SINCE, 3900),)},
    "perch": {"de": (("2025-06-12", 3990),), "us": (("2025-06-12", 3900),)},
    "usb-cable/1 m": {"de": ((SINCE, 1290),), "us": ((SINCE, 1200),)},
    "usb-cable/2 m": {"de": ((SINCE, 1590), ("2026-07-13", 1690)), "us": ((SINCE, 1500),)},
    "power-bank": {"de": (("2025-05-08", 3490),), "us": (("2025-05-08", 3400), ("2026-06-01", 3600))},
    "lapwing/40 mm": {"de": ((LAPWING, 24900),), "us": ((LAPWING, 22900),)},
    "lapwing/44 mm": {"de": ((LAPWING, 27900),), "us": ((LAPWING, 24900), ("2026-07-13", 25900))},
    "lapwing-band": {"de": ((SINCE, 6990), ("2026-02-02", 5990)), "us": ((SINCE, 5900),)},
    "lapwing-strap": {"de": ((LAPWING, 2490),), "us": ((LAPWING, 2400),)},
    "chirp-2": {
        "de": (("2025-07-03", 13900), ("2026-01-12", 12900), ("2026-10-05", 11900)),
        "us": (("2025-07-03", 12900), ("2026-01-12", 11900)),
    },
    "chirp-lite": {"de": ((SINCE, 4990),), "us": ((SINCE, 4500),)},
    "roost-bulb/E27": {"de": (("2025-11-06", 1490),)},
    "roost-bulb/E26": {"us": (("2025-11-06", 1400),)},
    "roost-hub": {"de": (("2025-11-06", 7990),), "us": (("2025-11-06", 6900),)},
    "roost-sensor": {"de": (("2025-11-06", 1990),), "us": (("2025-11-06", 1800),)},
    "roost-cam": {"de": (("2026-02-19", 8990),), "us": (("2026-02-19", 7900),)},
}


@dataclass(frozen=True)
class Price:
    """A recommended price in minor units, in force from an instant up to, not including, another."""

    sku: str
    market: Market
    amount: int
    valid_from: datetime
    valid_to: datetime | None


class PriceList:
    """Every recommended price there was, is and is announced."""

    def __init__(self) -> None:
        self.prices = tuple(_all_prices())
        self._history: dict[tuple[str, str], list[Price]] = {}
        for price in self.prices:
            self._history.setdefault((price.sku, price.market.code), []).append(price)

    def in_force(self, sku: str, market: Market, instant: datetime) -> int | None:
        """Tell what a thing cost at that instant, or None where it was not sold."""
        price = self._at(sku, market, instant)
        return price.amount if price else None

    def has_come_down(self, sku: str, market: Market, instant: datetime) -> bool:
        """Say whether a thing then cost less than when it came out."""
        price = self._at(sku, market, instant)
        return price is not None and price.amount < self._history[sku, market.code][0].amount

    def sold_in(self, sku: str, market: Market) -> bool:
        """Say whether this market ever had a price for it."""
        return (sku, market.code) in self._history

    def _at(self, sku: str, market: Market, instant: datetime) -> Price | None:
        history = self._history.get((sku, market.code), [])
        index = bisect_right(history, instant, key=lambda price: price.valid_from) - 1
        if index < 0:
            return None
        ends = history[index].valid_to
        return history[index] if ends is None or instant < ends else None


def _all_prices() -> Iterator[Price]:
    for variant in VARIANTS:
        special = f"{variant.price_key}:{variant.fits}"
        lists = PRICES.get(special, PRICES.get(variant.price_key, {}))
        for market in MARKETS:
            yield from _history(variant.sku, market, lists.get(market.code, ()))


def _history(sku: str, market: Market, steps: Steps) -> Iterator[Price]:
    """Let each price end where the next one begins."""
    begins = [market.instant(date.fromisoformat(day)) for day, _ in steps]
    ends = [*begins[1:], None]
    for (_, amount), valid_from, valid_to in zip(steps, begins, ends, strict=False):
        if amount is not None:
            yield Price(sku, market, amount, valid_from, valid_to)
