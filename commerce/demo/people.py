"""Who buys at Skerrin: some eight hundred invented people."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from commerce.demo.dice import Dice
from commerce.demo.places import AMERICA, FIRST_DAY, GERMANY, Location, Market, stores_of

DAY_S = 24 * 60 * 60
PEOPLE = {GERMANY: 480, AMERICA: 320}
FIRST_SIGN_UP = date(2025, 3, 1)

FIRST_NAMES = (
    *("ada", "amir", "anna", "ben", "carla", "celine", "daniel", "dora", "elif", "emil", "emma", "felix"),
    *("finn", "grace", "hanna", "ida", "ines", "ivan", "jana", "jonas", "julia", "kai", "karim", "lena"),
    *("leo", "lina", "luca", "maja", "maria", "max", "mia", "nadia", "nils", "nora", "olga", "omar"),
    *("paul", "rosa", "samir", "sara", "sofia", "theo", "tom", "vera", "yara", "zoe"),
)
LAST_NAMES = (
    *("abbott", "adler", "baker", "bauer", "becker", "brandt", "carter", "demir", "diaz", "ebert"),
    *("fischer", "foster", "garcia", "graf", "hayes", "heller", "huber", "jensen", "kaya", "keller"),
    *("kim", "koch", "lang", "lopez", "maier", "miller", "nguyen", "novak", "otto", "parker", "patel"),
    *("peters", "quinn", "reed", "richter", "rossi", "schulz", "silva", "stein", "turner", "vogel"),
    *("walker", "weber", "winter", "young"),
)
# Domains and telephone numbers set aside for examples and films, so that nobody is ever mailed or called.
EMAIL_DOMAINS = ("example.com", "example.net", "example.org")
PHONES = {GERMANY: ("+493023125", "+494066969"), AMERICA: ("+161755501", "+121555501", "+121255501")}
PHONE_DIGITS = {GERMANY: 3, AMERICA: 2}


@dataclass(eq=False)
class Person:
    """A customer; `leaning` is how often of a hundred this one buys on the web."""

    market: Market
    email: str
    phone: str
    country: str
    home: Location
    leaning: int
    created_at: datetime | None = None

    def was_known_by(self, instant: datetime) -> None:
        """Sign up a few minutes before the first purchase, unless an account was there already."""
        if self.created_at is None or self.created_at > instant:
            self.created_at = instant


class _Register:
    """Hands out e-mail addresses and telephone numbers, each one once."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._emails: Counter[str] = Counter()
        self._phones: Counter[str] = Counter()

    def email(self) -> str:
        name = f"{self._dice.pick(FIRST_NAMES)}.{self._dice.pick(LAST_NAMES)}"
        self._emails[name] += 1
        rank = self._emails[name]
        return f"{name}{rank if rank > 1 else ''}@{self._dice.pick(EMAIL_DOMAINS)}"

    def phone(self, market: Market) -> str:
        block = self._dice.pick(PHONES[market])
        digits = PHONE_DIGITS[market]
        number = self._phones[block]
        self._phones[block] += 1
        assert number < 10**digits, "a block lends each of its numbers once"
        return f"{block}{number:0{digits}}"


def invent_people(dice: Dice) -> list[Person]:
    """Invent everybody who has an account by the end of the half-year; some signed up long before it."""
    register = _Register(dice)
    return [_invent(dice, register, market) for market, count in PEOPLE.items() for _ in range(count)]


def _invent(dice: Dice, register: _Register, market: Market) -> Person:
    person = Person(
        market=market,
        email=register.email(),
        phone=register.phone(market) if dice.happens(40) else "",
        country=market.country if dice.happens(85) else "",
        home=dice.pick(stores_of(market)),
        leaning=dice.pick((20, 40, 50, 50, 60, 80)),
    )
    if dice.happens(55):
        days = (FIRST_DAY - FIRST_SIGN_UP).days
        person.created_at = market.instant(FIRST_SIGN_UP + timedelta(dice.below(days)), dice.below(DAY_S))
    return person
