"""The conformance vectors: what is published is what the tables give, and catches who is wrong."""

import json
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pricing.conformance import (
    NOTHING,
    Difference,
    Engine,
    differences,
    published_schema,
    published_vectors,
    read_vectors,
)
from pricing.rules.quoted import REASONS
from tests.books import basket, book, item
from tests.conformance.cases import Table, case, made
from tests.conformance.publish import TABLES, schema_text, vectors_text
from tests.json_schema import faults, is_schema

WRITTEN_ANEW = "Run python -m tests.conformance, look at what changed, and raise version or minor (see the charter)."
KNOWN = read_vectors(published_vectors())
KINDS = {"percent", "amount", "fixed_price", "buy_get", "bundle", "tiers", "gift"}


def test_what_is_checked_in_is_what_the_tables_give() -> None:
    assert published_vectors() == vectors_text(), WRITTEN_ANEW
    assert published_schema() == schema_text(), WRITTEN_ANEW


def test_there_are_enough_and_most_were_worked_out_by_hand() -> None:
    by_hand = [one.by_hand for table in TABLES for one in table.cases]

    assert len(KNOWN.vectors) >= 300
    assert all(by_hand)
    assert sum(1 for said in by_hand if said.keys() & {"total", "off", "landed"}) >= 400


def test_a_table_that_disagrees_with_the_engine_is_not_published() -> None:
    wrong = Table("wrong", ["prices"], book([item("A", 1000)]), [case("one", "Not so.", basket(("A", 1)), total=999)])

    with pytest.raises(AssertionError, match="total: by hand 999, the engine 1000"):
        list(made(wrong))


def test_the_file_is_what_its_schema_says() -> None:
    schema = json.loads(published_schema())

    assert is_schema(schema)
    assert list(faults(json.loads(published_vectors()), schema, {})) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file["vectors"][0].pop("instant"),
        lambda file: file["vectors"][0]["basket"]["lines"][0].update(quantity=0),
        lambda file: file["vectors"][0]["expected"].update(refused={"code": "x", "line": None}),
        lambda file: file["vectors"][0].update(expected={}),
        lambda file: file["books"]["prices"].update(currency=978),
        lambda file: file["books"]["cap"]["promotions"][0]["benefit"].update(kind="magic"),
        lambda file: file["vectors"][0]["expected"]["quote"].pop("total"),
    ],
)
def test_the_schema_catches_what_is_none(spoil: Callable[[Any], object]) -> None:
    whole = json.loads(published_vectors())
    books = {name: whole["books"][name] for name in ("prices", "cap")}
    file = {**whole, "books": books, "vectors": whole["vectors"][:1]}
    assert list(faults(file, json.loads(published_schema()), {})) == []
    spoil(file)

    assert list(faults(file, json.loads(published_schema()), {})) != []


def test_every_kind_of_promotion_and_every_reason_is_in_them() -> None:
    benefits = [one["benefit"] for each in KNOWN.books.values() for one in each["promotions"]]
    quotes = [one.expected["quote"] for one in KNOWN.vectors if "quote" in one.expected]
    refused = {one.expected["refused"]["code"] for one in KNOWN.vectors if "refused" in one.expected}

    assert {one["kind"] for one in benefits} == KINDS
    assert {(one["kind"], one["on"]) for one in benefits if "on" in one} >= {
        *(("percent", on) for on in ("cheapest", "order", "shipping")),
        *(("amount", on) for on in ("cheapest", "order", "shipping")),
        *(("fixed_price", on) for on in ("cheapest", "shipping")),
    }
    assert {one["reason"] for quote in quotes for one in quote["verdicts"]} == REASONS.keys()
    assert refused == {"unknown_channel", "unknown_sku", "not_priced", "not_taxed", "duplicate_line", "beyond_book"}
    assert {(one["prices_include_tax"], one["tax_rounding"]) for one in KNOWN.books.values()} == {
        (included, rounding) for included in (True, False) for rounding in ("line", "order")
    }


def test_every_quote_adds_up_by_itself() -> None:
    """Looked at without the engine: what a reader of the file may rely on."""
    for vector in KNOWN.vectors:
        quote = vector.expected.get("quote")
        if quote is None:
            continue
        everything = [*quote["lines"], *([quote["shipping"]] if quote["shipping"] else [])]
        left = sum(one["total"] for one in everything)
        assert quote["total"] == left + (0 if quote["prices_include_tax"] else quote["tax"]), vector.id
        assert quote["tax"] == sum(one["tax"] for one in everything), vector.id
        assert all(one["total"] >= 0 and one["tax"] >= 0 for one in everything), vector.id
        for line in quote["lines"]:
            assert line["discount"] == sum(one["amount"] for one in line["discounts"]), vector.id
            assert line["total"] == line["price"] * line["quantity"] - line["discount"], vector.id
        taken = sum(one["amount"] for each in everything for one in each["discounts"])
        assert taken == sum(one["amount"] for one in quote["verdicts"]), vector.id


def test_our_own_engine_is_right_about_all_of_them_in_any_order() -> None:
    engine = Engine()

    for vector in reversed(KNOWN.vectors):
        assert differences(vector.expected, engine.answer(KNOWN.question(vector)), strict=True) == [], vector.id


SPOILT: dict[str, tuple[Callable[[Any], object], str]] = {
    "a step that says nothing": (lambda q: q["book"]["promotions"][0]["benefit"].update(steps=[{"at": 1}]), "a step"),
    "a zone without offsets": (lambda q: q["book"]["time_zone"].update(offsets=[]), "time_zone.offsets"),
    "a price below nothing": (lambda q: q["book"]["items"][0].update(recommended=[[0, None, -5]]), "recommended"),
    "items out of order": (lambda q: q["book"]["items"].reverse(), "items"),
    "an instant beyond all calendars": (lambda q: q.update(instant=2**70), "instant"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_question_about_a_book_that_is_wrong_is_answered_with_what_is(what: str) -> None:
    spoil, blamed = SPOILT[what]
    books = [(name, book) for name, book in KNOWN.books.items() if len(book["items"]) > 1]
    name = next(name for name, book in books if [one["benefit"]["kind"] for one in book["promotions"]] == ["tiers"])
    question = deepcopy(KNOWN.question(next(one for one in KNOWN.vectors if one.book == name)))
    spoil(question)

    said = Engine().answer(question)

    assert said.keys() == {"error"}
    assert blamed in said["error"]


def test_differences_are_named_path_by_path() -> None:
    verdict = {"applied": False, "reason": "hours"}
    wanted = {"quote": {"total": 10, "lines": [{"key": "A", "tax": 1}], "verdicts": [verdict]}}
    theirs = {"applied": 0, "reason": "code"}
    got = {"quote": {"total": 10.0, "lines": [{"key": "A"}, {"key": "B"}], "verdicts": [theirs], "more": 1}}

    found = differences(wanted, got)

    assert found == [
        Difference("quote.total", 10, 10.0),
        Difference("quote.lines[0].tax", 1, NOTHING),
        Difference("quote.lines[1]", NOTHING, {"key": "B"}),
        Difference("quote.verdicts[0].applied", wanted=False, got=0),
    ]
    assert differences(wanted, got, strict=True)[-1] == Difference("quote.verdicts[0].reason", "hours", "code")
    assert differences({"refused": {"code": "x", "line": None}}, {"error": "no"}) == [
        Difference("refused", {"code": "x", "line": None}, NOTHING),
        Difference("error", NOTHING, "no"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "truncated"),
        ('{"version": 1}', "missing required field"),
        ('{"version": 1, "made_for_format": 7, "books": {}, "vectors": []}', "known is 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_vectors(text)


def test_a_vector_without_its_book_is_refused() -> None:
    file = json.loads(published_vectors())
    del file["books"]["prices"]

    with pytest.raises(ValueError, match="no book called 'prices'"):
        read_vectors(json.dumps(file))


def test_both_files_come_with_the_package() -> None:
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()

    assert {path.name for path in files("pricing.conformance").iterdir()} >= {"vectors.json", "schema.json"}
    assert '"pricing.conformance" = ["vectors.json", "schema.json"]' in project
