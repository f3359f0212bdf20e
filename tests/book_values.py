"""Books of any kind, for tests that hold for every book."""

from typing import Any

from hypothesis import strategies as st

from pricing.rules.book import Book, BookKey, Category, Channel, ChannelPrices, Item, Price, PriorRule, Tax, TimeZone
from pricing.rules.promotion import (
    AmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    Conditions,
    FixedPrice,
    Floor,
    Gift,
    Hours,
    Matching,
    Percent,
    Promotion,
    Selector,
    Step,
    Tiers,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
WORDS = st.lists(TEXTS, max_size=3)
INSTANTS = st.integers(-(2**53), 2**53)
AMOUNTS = st.integers(0, 10**12)
OFFSETS = st.dictionaries(INSTANTS, st.integers(-50_000, 50_000), max_size=3).map(lambda found: sorted(found.items()))
CODES = st.sampled_from(["a", "b", "B-1", "é", "\uffff", "\U0001f4f1", 'q"\\', "\x01\n", "z z"])


@st.composite
def prices(draw: st.DrawFn) -> list[Price]:
    """A timeline: spans that follow upon one another, perhaps with gaps."""
    turns = sorted(draw(st.sets(st.integers(-1000, 1000), max_size=6)))
    spans = [Price(begins, ends, draw(AMOUNTS)) for begins, ends in zip(turns[::2], turns[1::2], strict=False)]
    if len(turns) % 2:
        spans.append(Price(turns[-1], None, draw(AMOUNTS)))
    return spans


def by_key(values: st.SearchStrategy[Any], name: str) -> st.SearchStrategy[list[Any]]:
    """A list in the order of its key, each key once."""
    unique = st.lists(values, max_size=4, unique_by=lambda one: getattr(one, name))
    return unique.map(lambda found: sorted(found, key=lambda one: str(getattr(one, name))))


ITEMS = st.builds(
    Item,
    sku=CODES,
    product=TEXTS,
    category=TEXTS,
    brand=st.none() | TEXTS,
    attributes=st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda found: sorted(found.items())),
    tax_class=TEXTS,
    recommended=prices(),
    channels=by_key(st.builds(ChannelPrices, CODES, prices()), "channel"),
    costs=prices(),
)
SELECTORS = st.builds(
    Selector,
    skus=WORDS,
    categories=WORDS,
    attributes=st.lists(st.tuples(TEXTS, TEXTS), max_size=2),
    but_not=st.none() | st.builds(Matching, brands=WORDS),
)
BENEFITS = st.one_of(
    st.builds(Percent, st.integers(1, 10_000), on=st.sampled_from(["lines", "cheapest"]), units=st.integers(1, 3)),
    st.builds(AmountOff, AMOUNTS),
    st.builds(FixedPrice, AMOUNTS),
    st.builds(BuyGet, buy=st.integers(1, 3), get=st.integers(1, 3), gets=st.none() | SELECTORS),
    st.builds(Bundle, parts=st.lists(st.builds(BundlePart, SELECTORS), min_size=1, max_size=2), price=AMOUNTS),
    st.builds(
        Tiers,
        by=st.just("quantity"),
        steps=st.lists(st.builds(Step, AMOUNTS, share=st.just(1)), min_size=1, max_size=20),
    ),
    st.builds(Gift, TEXTS),
)
PROMOTIONS = st.builds(
    Promotion,
    id=CODES,
    name=TEXTS,
    starts=INSTANTS,
    ends=st.none() | INSTANTS,
    lane=st.integers(0, 9),
    priority=st.integers(0, 9),
    exclusive=st.booleans(),
    conditions=st.builds(Conditions, channels=WORDS, items=SELECTORS, hours=st.just([]) | st.just([Hours(days=[0])])),
    benefit=BENEFITS,
    cap=st.none() | AMOUNTS,
    floor=st.builds(Floor, minimum=AMOUNTS, cost=st.booleans()),
    limited=st.booleans(),
)


def books(number: int = 1, market: str = "de") -> st.SearchStrategy[Book]:
    """Any book with this number."""
    return st.builds(
        Book,
        format=st.just(1),
        market=st.just(market),
        number=st.just(number),
        compiled_at=INSTANTS,
        complete_until=INSTANTS,
        currency=st.sampled_from(["EUR", "USD"]),
        prices_include_tax=st.booleans(),
        tax_rounding=st.sampled_from(["line", "order"]),
        time_zone=st.builds(
            TimeZone,
            TEXTS,
            st.dictionaries(INSTANTS, st.integers(-50_000, 50_000), min_size=1, max_size=3).map(
                lambda found: sorted(found.items())
            ),
        ),
        prior=st.builds(PriorRule, window_days=st.integers(1, 365)),
        keys=by_key(st.builds(BookKey, CODES, TEXTS), "id"),
        channels=by_key(st.builds(Channel, CODES, st.sampled_from(["online", "retail"])), "code"),
        categories=by_key(st.builds(Category, CODES, st.none() | CODES), "code"),
        taxes=by_key(st.builds(Tax, CODES, prices()), "tax_class"),
        items=by_key(ITEMS, "sku"),
        promotions=by_key(PROMOTIONS, "id"),
    )
