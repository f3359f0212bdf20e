"""Where Skerrin sells: two markets, four channels, four stores and a warehouse."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

FIRST_DAY = date(2026, 5, 1)
LAST_DAY = date(2026, 10, 31)
OPENS_HOUR = 10
CLOSES_HOUR = 20
SUNDAY = 6

# The holidays of the half-year on which shops in Hamburg and in Leipzig stay closed.
GERMAN_HOLIDAYS = frozenset(
    {date(2026, 5, 1), date(2026, 5, 14), date(2026, 5, 25), date(2026, 10, 3), date(2026, 10, 31)}
)


def share_half_up(amount: int, numerator: int, denominator: int) -> int:
    """Take a fraction of an amount in minor units, half a unit rounded up."""
    return (2 * amount * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True)
class Market:
    """One country with its currency, its tax and its clock."""

    code: str
    currency: str
    country: str
    prices_include_tax: bool
    time_zone: str
    tax_percent: int

    @cached_property
    def zone(self) -> ZoneInfo:
        """The market's clock."""
        return ZoneInfo(self.time_zone)

    def tax(self, line_total: int) -> int:
        """Find the tax within a line, or on top of it where prices exclude tax."""
        base = 100 + self.tax_percent if self.prices_include_tax else 100
        return share_half_up(line_total, self.tax_percent, base)

    def instant(self, day: date, second: int = 0) -> datetime:
        """Tell the instant of a local day and second of the day, in UTC."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(seconds=second)
        return local.astimezone(UTC)

    def local(self, instant: datetime) -> datetime:
        """Tell what the market's clock shows."""
        return instant.astimezone(self.zone)

    def stores_open(self, day: date) -> bool:
        """Say whether stores open that day; Germany rests on Sundays and holidays."""
        return self.country != "DE" or (day.weekday() != SUNDAY and day not in GERMAN_HOLIDAYS)


@dataclass(frozen=True)
class Channel:
    """One way to buy in one market."""

    code: str
    kind: str
    market: Market
    name: str

    @property
    def is_retail(self) -> bool:
        """Say whether this channel sells over a counter."""
        return self.kind == "retail"


@dataclass(frozen=True)
class Location:
    """A place that holds stock."""

    code: str
    kind: str
    name: str
    market: Market
    city: str
    latitude: str
    longitude: str
    opened_on: date


GERMANY = Market("de", "EUR", "DE", prices_include_tax=True, time_zone="Europe/Berlin", tax_percent=19)
AMERICA = Market("us", "USD", "US", prices_include_tax=False, time_zone="America/New_York", tax_percent=8)
MARKETS = (GERMANY, AMERICA)

CHANNELS = (
    Channel("de-web", "online", GERMANY, "Skerrin Germany, web shop"),
    Channel("de-retail", "retail", GERMANY, "Skerrin Germany, stores"),
    Channel("us-web", "online", AMERICA, "Skerrin United States, web shop"),
    Channel("us-retail", "retail", AMERICA, "Skerrin United States, stores"),
)

# code, city, market, latitude, longitude, opened on; everything but the warehouse is a store
PLACES = (
    ("wh-kassel", "Kassel", GERMANY, "51.3127", "9.4797", date(2025, 1, 15)),
    ("store-hamburg", "Hamburg", GERMANY, "53.5511", "9.9937", date(2025, 2, 27)),
    ("store-leipzig", "Leipzig", GERMANY, "51.3397", "12.3731", date(2025, 9, 18)),
    ("store-boston", "Boston", AMERICA, "42.3601", "-71.0589", date(2025, 3, 20)),
    ("store-philadelphia", "Philadelphia", AMERICA, "39.9526", "-75.1652", date(2026, 4, 9)),
)


def _location(code: str, city: str, market: Market, latitude: str, longitude: str, opened_on: date) -> Location:
    kind = "store" if code.startswith("store") else "warehouse"
    name = f"Skerrin {city}" if kind == "store" else f"{city} warehouse"
    return Location(code, kind, name, market, city, latitude, longitude, opened_on)


LOCATIONS = tuple(_location(*place) for place in PLACES)


def channel_of(market: Market, *, retail: bool) -> Channel:
    """Find the market's web shop, or its stores' channel."""
    return next(c for c in CHANNELS if c.market == market and c.is_retail == retail)


def stores_of(market: Market) -> tuple[Location, ...]:
    """List the market's stores."""
    return tuple(place for place in LOCATIONS if place.market == market and place.kind == "store")
