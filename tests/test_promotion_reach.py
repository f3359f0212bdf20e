"""What a dry run works out without a database: which skus are meant, and how many run at once."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pricing.promotions.reach import above, matching
from pricing.promotions.rules import Running, most_at_once
from pricing.rules.book import Item
from pricing.rules.promotion import Matching, Selector
from tests.conftest import NOON

hours = st.integers(0, 12).map(lambda n: NOON + timedelta(hours=n))
spans = st.tuples(hours, st.none() | hours).map(
    lambda pair: Running(pair[0], pair[0] + timedelta(hours=1) if pair[1] is None or pair[1] <= pair[0] else pair[1])
) | hours.map(lambda at: Running(at, None))


@given(spans, st.lists(spans, max_size=8))
def test_the_busiest_instant_is_found(mine: Running, others: list[Running]) -> None:
    instants = [NOON + timedelta(minutes=30 * n) for n in range(60)]
    busiest = max(
        sum(one.starts_at <= at and (one.ends_at is None or at < one.ends_at) for one in others)
        if mine.starts_at <= at and (mine.ends_at is None or at < mine.ends_at)
        else 0
        for at in instants
    )

    assert most_at_once(mine.starts_at, mine.ends_at, others) == busiest


TREE = {"a": None, "b": "a", "c": "b", "d": None}
words = st.lists(st.sampled_from("abcd"), max_size=2, unique=True)
matchings = st.builds(
    Matching,
    skus=words,
    products=words,
    categories=words,
    brands=words,
    attributes=st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("12")), max_size=2),
)
letters = st.sampled_from("abcd")
items = st.builds(
    Item,
    sku=letters,
    product=letters,
    category=letters,
    brand=st.none() | letters,
    attributes=st.lists(st.tuples(st.sampled_from("xy"), st.just("1")), unique=True),
    tax_class=st.just("standard"),
)


@given(matchings, st.none() | matchings, st.lists(items, max_size=6, unique_by=lambda item: item.sku))
def test_a_selector_finds_what_its_words_say(said: Matching, but_not: Matching | None, there: list[Item]) -> None:
    def holds(one: Matching, item: Item) -> bool:
        above = {"a": "a", "b": "ab", "c": "abc", "d": "d"}[item.category]
        return (
            (not one.skus or item.sku in one.skus)
            and (not one.products or item.product in one.products)
            and (not one.categories or bool(set(above) & set(one.categories)))
            and (not one.brands or item.brand in one.brands)
            and all(
                any((name, value) in item.attributes for other, value in one.attributes if other == name)
                for name, _ in one.attributes
            )
        )

    selector = Selector(said.skus, said.products, said.categories, said.brands, said.attributes, but_not)
    expected = {item.sku for item in there if holds(said, item) and not (but_not and holds(but_not, item))}

    assert matching(selector, there, above(TREE)) == expected
