"""The bytes of a book: one form, that any program can write; deltas that make one book of another, to the byte."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.books.canonical import canonical, read_strictly, split
from pricing.books.delta import apply, compose, difference, pack, unpack
from pricing.books.errors import BookFormatUnknown, BookMalformed, BookOfAnotherMarket, DeltaBackwards
from pricing.books.turns import Clash, all_turns, first_clash, parts_of
from pricing.books.verify import Trusted, verify, verify_file
from pricing.rules.book import Book, Channel, Item, Price, PriorRule, Tax, TimeZone
from tests.book_values import books
from tests.books import promotion

UNHURRIED = settings(deadline=None, max_examples=60)
TIERS = {"kind": "tiers", "by": "quantity"}
ITEM = Item(sku="A", product="p", category="c", tax_class="standard", recommended=[Price(0, None, 100)])
BOOK = Book(
    market="de",
    number=1,
    compiled_at=0,
    complete_until=10,
    currency="EUR",
    prices_include_tax=True,
    tax_rounding="line",
    time_zone=TimeZone("UTC", [(0, 0)]),
    prior=PriorRule(),
    keys=[],
    channels=[Channel("a", "online"), Channel("b", "retail")],
    categories=[],
    taxes=[Tax("standard", [Price(0, 5, 1900), Price(5, None, 2000)])],
    items=[ITEM],
    promotions=[],
)


def like_anybody(book: Book) -> bytes:
    """The canonical bytes as a program in another language would come to write them: with its own JSON library."""
    plain = json.loads(msgspec.json.encode(book))
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@UNHURRIED
@given(books())
def test_another_json_library_writes_the_same_bytes(book: Book) -> None:
    assert canonical(book) == like_anybody(book)


@pytest.mark.parametrize(
    "read_it",
    [
        read_strictly,
        split,
        unpack,
        lambda sent: verify(sent, Trusted("de", {})),
        lambda sent: verify_file(sent, None, None),
    ],
    ids=["book", "parts", "delta", "envelope", "file"],
)
@pytest.mark.parametrize("member", ["book", "delta", "header", "items"])
def test_brackets_without_an_end_are_no_book(read_it: Callable[[bytes], object], member: str) -> None:
    with pytest.raises(BookMalformed):
        read_it(f'{{"{member}":'.encode() + b"[" * 100_000)
    with pytest.raises(BookMalformed):
        read_it(f'{{"{member}":{{"x":'.encode() + b"[" * 100_000 + b"]" * 100_000 + b"}}")


@UNHURRIED
@given(books())
def test_a_book_is_read_back_as_it_was(book: Book) -> None:
    assert read_strictly(canonical(book)) == book
    assert canonical(split(canonical(book))) == canonical(book)


def test_every_control_character_is_written_as_the_standard_says() -> None:
    """RFC 8785, 3.2.2.2."""
    name = "".join(map(chr, range(0x21))) + '"\\/\x7f\x80\u2028\ufeff\U0001f4f1'
    written = canonical(msgspec.structs.replace(BOOK, currency=name))
    expected = (
        '"currency":"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f'
        "\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f"
        ' \\"\\\\/\x7f\x80\u2028\ufeff\U0001f4f1"'
    )

    assert expected.encode() in written


OTHERWISE: dict[str, Callable[[str], str]] = {
    "blanks": lambda text: text.replace(":", ": ", 1),
    "a line feed at the end": lambda text: text + "\n",
    "a byte order mark": lambda text: "\ufeff" + text,
    "another order": lambda text: text.replace('"currency":"EUR",', "").replace("{", '{"currency":"EUR",', 1),
    "a name twice": lambda text: text.replace("{", '{"categories":[],', 1),
    "a default left out": lambda text: text.replace('"costs":[],', ""),
    "an escape nobody needs": lambda text: text.replace("EUR", "\\u0045UR"),
    "a fraction": lambda text: text.replace('"number":1', '"number":1.0'),
    "an exponent": lambda text: text.replace('"complete_until":10', '"complete_until":1e1'),
    "a member that is not known": lambda text: text.replace('"items"', '"more":1,"items"'),
    "nothing": lambda _: "",
    "half of it": lambda text: text[: len(text) // 2],
    "no object": lambda _: "[]",
    "a text for a number": lambda text: text.replace('"number":1', '"number":"1"'),
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_a_book_in_another_form_is_refused(how: str) -> None:
    text = canonical(BOOK).decode()
    other = OTHERWISE[how](text)
    assert other != text

    with pytest.raises(BookMalformed):
        read_strictly(other.encode())


def test_a_book_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(BookMalformed):
        read_strictly(canonical(BOOK).replace(b"EUR", b"\xff"))


def test_a_book_of_a_format_that_is_not_known_is_refused_as_that() -> None:
    with pytest.raises(BookFormatUnknown) as refused:
        read_strictly(canonical(BOOK).replace(b'"format":1', b'"format":2,"new":{}'))

    assert refused.value.facts() == {"format": 2, "known": 1}


DISORDER: dict[str, dict[str, Any]] = {
    "channels": {"channels": [Channel("b", "retail"), Channel("a", "online")]},
    "channels twice": {"channels": [Channel("a", "retail"), Channel("a", "online")]},
    "items": {"items": [msgspec.structs.replace(ITEM, sku="B"), ITEM]},
    "offsets": {"time_zone": TimeZone("UTC", [(5, 0), (0, 0)])},
    "rates": {"taxes": [Tax("standard", [Price(0, None, 1900), Price(5, None, 2000)])]},
    "attributes": {"items": [msgspec.structs.replace(ITEM, attributes=[("b", "1"), ("a", "1")])]},
    "prices that overlap": {"items": [msgspec.structs.replace(ITEM, recommended=[Price(0, 6, 1), Price(5, 9, 1)])]},
    "prices that never hold": {"items": [msgspec.structs.replace(ITEM, recommended=[Price(5, 5, 1)])]},
}


@pytest.mark.parametrize("what", DISORDER)
def test_a_book_out_of_order_is_refused(what: str) -> None:
    with pytest.raises(BookMalformed, match="not in order"):
        read_strictly(canonical(msgspec.structs.replace(BOOK, **DISORDER[what])))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a step that says nothing": ({"promotions": [promotion("P", {**TIERS, "steps": [{"at": 1}]})]}, "one of share"),
    "a step that says two things": (
        {"promotions": [promotion("P", {**TIERS, "steps": [{"at": 1, "share": 1, "price": 1}]})]},
        "one of share",
    ),
    "a zone without offsets": ({"time_zone": TimeZone("UTC", [])}, "time_zone.offsets"),
    "a price below nothing": (
        {"items": [msgspec.structs.replace(ITEM, recommended=[Price(0, None, -5)])]},
        "recommended",
    ),
    "a cap below nothing": (
        {"promotions": [msgspec.structs.replace(promotion("P", {"kind": "percent", "share": 1}), cap=-1)]},
        "cap",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_book_that_no_engine_could_make_sense_of_is_refused(what: str) -> None:
    spoilt, blamed = WRONG[what]
    with pytest.raises(BookMalformed, match=blamed):
        read_strictly(canonical(msgspec.structs.replace(BOOK, **spoilt)))


NESTED = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "reading",
    [
        lambda: read_strictly(b'{"format":1,"items":' + NESTED + b"}"),
        lambda: split(b'{"items":' + NESTED + b"}"),
        lambda: unpack(b'{"market":"de","since":1,"number":2,"header":{"currency":' + NESTED + b"}}"),
        lambda: verify(b'{"market":"de","number":1,"book":' + NESTED + b"}", Trusted("de", {})),
    ],
)
def test_what_is_nested_too_deep_to_be_followed_is_no_book(reading: Callable[[], object]) -> None:
    with pytest.raises(BookMalformed):
        reading()


# Deltas


@UNHURRIED
@given(books(3), books(7))
def test_a_delta_makes_the_newer_book_of_the_older_one(old: Book, new: Book) -> None:
    delta = difference(split(canonical(old)), split(canonical(new)))

    assert apply(canonical(old), unpack(pack(delta))) == canonical(new)


@UNHURRIED
@given(st.tuples(*(books(number) for number in (1, 2, 3, 4))))
def test_deltas_that_follow_upon_one_another_make_one(some: tuple[Book, ...]) -> None:
    editions = [canonical(one) for one in some]
    deltas = [difference(split(one), split(other)) for one, other in pairwise(editions)]

    assert apply(editions[0], unpack(pack(compose(deltas)))) == editions[-1]
    assert apply(editions[1], compose(deltas[1:])) == editions[-1]


def test_a_delta_says_what_changed_and_nothing_else() -> None:
    cheaper = msgspec.structs.replace(ITEM, recommended=[Price(0, 7, 100), Price(7, None, 90)])
    more = msgspec.structs.replace(BOOK, number=2, compiled_at=6, items=[cheaper], channels=BOOK.channels[:1])

    assert json.loads(pack(difference(split(canonical(BOOK)), split(canonical(more))))) == {
        "market": "de",
        "since": 1,
        "number": 2,
        "header": {"number": 2, "compiled_at": 6},
        "channels": {"drop": ["b"]},
        "items": {"put": {"A": json.loads(msgspec.json.encode(cheaper))}},
    }


def test_a_book_that_is_only_younger_says_nothing_new() -> None:
    younger = msgspec.structs.replace(BOOK, number=2, compiled_at=1, complete_until=11)
    dearer = msgspec.structs.replace(younger, tax_rounding="order")

    assert not difference(split(canonical(BOOK)), split(canonical(younger))).says_something()
    assert difference(split(canonical(BOOK)), split(canonical(dearer))).says_something()


def test_a_delta_fits_one_book_only() -> None:
    two, three = (msgspec.structs.replace(BOOK, number=number) for number in (2, 3))
    to_three = difference(split(canonical(two)), split(canonical(three)))

    with pytest.raises(DeltaBackwards):
        apply(canonical(BOOK), to_three)
    with pytest.raises(BookOfAnotherMarket):
        apply(canonical(msgspec.structs.replace(two, market="us")), to_three)
    with pytest.raises(DeltaBackwards):
        compose([to_three, to_three])
    with pytest.raises(DeltaBackwards):
        difference(split(canonical(three)), split(canonical(two)))
    with pytest.raises(BookMalformed):
        unpack(b'{"market":"de","since":1,"number":2,"surprise":1}')
    with pytest.raises(BookMalformed):
        apply(canonical(two), unpack(b'{"market":"de","since":2,"number":3,"header":{"surprise":1}}'))


# What two books say of the same instants


@UNHURRIED
@given(books(1), books(2), st.integers(-1000, 1000), st.integers(1, 500))
def test_a_clash_is_found_where_a_naive_look_finds_one(old: Book, new: Book, since: int, length: int) -> None:
    until = since + length
    clash = first_clash(parts_of(old), parts_of(new), since, until)

    first = next((at for at in range(since, until) if charges(old, at) != charges(new, at)), None)
    assert (clash.at if clash else None) == first


def test_costs_clash_while_a_promotion_must_not_go_below_them() -> None:
    """And at no other time: what was in force before the promotion comes along with it."""
    tenth = {"kind": "percent", "share": 1000}
    running = [
        promotion("a", tenth, starts=10, ends=20),
        promotion("b", tenth, starts=30, ends=40, floor={"cost": True}),
    ]
    old = msgspec.structs.replace(BOOK, promotions=running)
    new = msgspec.structs.replace(old, items=[msgspec.structs.replace(ITEM, costs=[Price(0, None, 90)])])

    clashes = [first_clash(parts_of(old), parts_of(new), since, 50) for since in (0, 35, 40)]
    assert clashes == [Clash("cost of A", 30), Clash("cost of A", 35), None]
    turns = all_turns(parts_of(new)) - all_turns(parts_of(old))
    assert turns == {(30, "cost of A", 90), (40, "cost of A", None)}


def charges(book: Book, at: int) -> object:
    """Everything a book charges at an instant: by what units cost, too, while a promotion must not go below it."""
    running = {
        one.id: msgspec.structs.replace(one, name="", starts=0, ends=None)
        for one in book.promotions
        if one.starts <= at and (one.ends is None or at < one.ends)
    }
    lines = {("price", item.sku, ""): item.recommended for item in book.items}
    lines |= {("price", item.sku, one.channel): one.prices for item in book.items for one in item.channels}
    lines |= {("tax", tax.tax_class, ""): tax.rates for tax in book.taxes}
    if any(one.floor.cost for one in running.values()):
        lines |= {("cost", item.sku, ""): item.costs for item in book.items}
    live = {
        what: price.amount
        for what, prices in lines.items()
        for price in prices
        if price.begins <= at and (price.ends is None or at < price.ends)
    }
    return live, running
