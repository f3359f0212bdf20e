"""What goes into a basket: phones, what is bought along with them, and what is bought for itself."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from commerce.demo.assortment import PHONE_PRODUCTS, VARIANTS, Variant
from commerce.demo.dice import Dice
from commerce.demo.places import Channel, share_half_up
from commerce.demo.prices import PriceList

Basket = dict[Variant, int]

PHONES: Mapping[str, int] = {"tern-3": 26, "tern-3-pro": 14, "tern-2": 16, "plover-2": 34, "wren-1": 20}


@dataclass(frozen=True)
class Odds:
    """How often of a hundred a thing goes along, on the web and over the counter."""

    product: str
    web: int
    retail: int


WITH_A_PHONE = (
    Odds("shore-case", 40, 52),
    # The one thing that sells by being fitted: the counter does it in a minute, the post cannot.
    Odds("tide-glass", 7, 46),
    Odds("charger-30", 17, 20),
    Odds("charger-65", 5, 6),
    Odds("usb-cable", 9, 10),
    Odds("chirp-2", 7, 6),
    Odds("chirp-lite", 5, 4),
    Odds("lapwing", 6, 7),
)
AFTER_A_PHONE = (
    Odds("shore-case", 34, 34),
    Odds("tide-glass", 4, 22),
    Odds("charger-30", 18, 16),
    Odds("charger-65", 8, 6),
    Odds("perch", 14, 11),
    Odds("usb-cable", 14, 12),
    Odds("power-bank", 9, 8),
    Odds("chirp-2", 15, 12),
    Odds("lapwing", 17, 18),
    Odds("lapwing-band", 6, 6),
)
WATCH_AND_MORE = (Odds("lapwing-strap", 24, 30), Odds("chirp-2", 8, 6), Odds("charger-30", 6, 6))
SMART_HOME = (Odds("roost-hub", 45, 40), Odds("roost-sensor", 40, 34), Odds("roost-cam", 24, 26))
SMALL_THINGS: Mapping[str, int] = {
    "usb-cable": 26,
    "charger-30": 20,
    "charger-65": 12,
    "perch": 10,
    "power-bank": 14,
    "chirp-lite": 8,
    "lapwing-strap": 6,
}
KINDS: Mapping[str, int] = {"phone": 44, "watch": 13, "earbuds": 15, "smart home": 12, "small": 16}
GUEST_KINDS: Mapping[str, int] = {"phone": 38, "watch": 10, "earbuds": 17, "smart home": 9, "small": 26}

# What may be had more than once at a time, and how many.
SEVERAL: Mapping[str, Mapping[int, int]] = {
    "usb-cable": {1: 80, 2: 18, 3: 2},
    "charger-30": {1: 93, 2: 7},
    "roost-bulb": {1: 25, 2: 35, 3: 20, 4: 15, 6: 5},
    "roost-sensor": {1: 50, 2: 30, 3: 20},
}

SOUND_AND_WATCH_FORTNIGHT = (date(2026, 9, 7), date(2026, 9, 20))
CASE_MONTH = (date(2026, 10, 1), date(2026, 10, 31))


class Visit:
    """One buyer before one shelf: what this channel sells at this instant, and what goes into the basket."""

    def __init__(self, dice: Dice, prices: PriceList, channel: Channel, instant: datetime) -> None:
        self._dice = dice
        self._prices = prices
        self.channel = channel
        self.instant = instant
        self._shelf = [v for v in VARIANTS if prices.in_force(v.sku, channel.market, instant) is not None]
        self.basket: Basket = {}

    def choose(self, kinds: Mapping[str, int]) -> None:
        """Fill a basket of one of these kinds."""
        kind = self._dice.weigh(kinds)
        if kind == "phone":
            self._take_a_phone()
        elif kind == "watch":
            self._take(self._dice.weigh({"lapwing": 7, "lapwing-band": 3}))
            self._take_along(WATCH_AND_MORE)
        elif kind == "earbuds":
            self._take(self._dice.weigh({"chirp-2": 6, "chirp-lite": 4}))
        elif kind == "smart home":
            self._take("roost-bulb")
            self._take_along(SMART_HOME)
        else:
            self._take(self._dice.weigh(SMALL_THINGS))
            if self._dice.happens(25):
                self._take(self._dice.weigh(SMALL_THINGS))

    def choose_for(self, phone: Variant, had: Container[str]) -> None:
        """Fill a basket with what somebody who has this phone, and these products, comes back for."""
        self._take_along(tuple(odds for odds in AFTER_A_PHONE if odds.product not in had), phone)
        if not self.basket:
            self._take(self._dice.weigh(SMALL_THINGS))

    def _take_a_phone(self) -> None:
        weights: dict[str, int] = {}
        for variant in self._shelf:
            if variant.product in PHONES:
                # A price that came down draws half as many buyers again.
                cheaper = self._prices.has_come_down(variant.sku, self.channel.market, self.instant)
                weights[variant.product] = PHONES[variant.product] * (3 if cheaper else 2)
        phone = self._take(self._dice.weigh(weights))
        self._take_along(WITH_A_PHONE, phone)

    def _take_along(self, table: tuple[Odds, ...], phone: Variant | None = None) -> None:
        for odds in table:
            if self._dice.happens(odds.retail if self.channel.is_retail else odds.web):
                self._take(odds.product, phone)

    def _take(self, product: str, phone: Variant | None = None) -> Variant | None:
        weights = {v: v.weight for v in self._shelf if v.product == product and _suits(v, phone)}
        if not weights:
            return None
        variant = self._dice.weigh(weights)
        self.basket[variant] = self._dice.weigh(SEVERAL.get(product, {1: 1}))
        return variant


def phone_in(basket: Basket) -> Variant | None:
    """Find the phone in a basket, if there is one."""
    return next((variant for variant in basket if variant.product in PHONE_PRODUCTS), None)


def _suits(variant: Variant, phone: Variant | None) -> bool:
    """Say whether a thing made for one phone is made for this one."""
    return phone is None or not variant.fits or variant.fits == phone.product


def discount(dice: Dice, variant: Variant, gross: int, day: date, basket: Basket) -> int:
    """Find what comes off a line that day: a campaign, or now and then goodwill."""
    percent = 5 if dice.happens(2) else 0
    if variant.product in {"lapwing", "lapwing-band", "chirp-2", "chirp-lite"}:
        first, last = SOUND_AND_WATCH_FORTNIGHT
        percent = 10 if first <= day <= last else percent
    if variant.product == "shore-case" and phone_in(basket):
        first, last = CASE_MONTH
        percent = 20 if first <= day <= last else percent
    return share_half_up(gross, percent, 100)
