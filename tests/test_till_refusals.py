"""Till sales that do not add up: each is refused by its own name, before the buyer leaves, and leaves no trace."""

from collections.abc import AsyncIterator

import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json, problem
from tests.shop import rows
from tests.stories import TRACES, card, cash, eur, every_law_holds, lines, numbered, open_store, plant, sale


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """The store in Berlin; whatever happens in it, every law holds."""
    await open_store(db)
    yield
    await every_law_holds(db)


WATCHES = lines(("WATCH", 1))
REFUSED: list[tuple[str, Json, tuple[int, str], str]] = [
    ("too little", {"tenders": [cash(24899)]}, (422, "tenders_do_not_add_up"), "tenders"),
    ("nothing", {"tenders": []}, (422, "tenders_do_not_add_up"), "tenders"),
    ("too much by card", {"tenders": [card(24901)]}, (422, "tenders_do_not_add_up"), "tenders"),
    ("a coin beside a card", {"tenders": [cash(100), card(24900)]}, (422, "tenders_do_not_add_up"), "tenders[0].given"),
    ("more change than cash", {"tenders": [cash(100), card(25100)]}, (422, "tenders_do_not_add_up"), "tenders"),
    ("a zero tender", {"tenders": [card(24900), cash(0)]}, (422, "tenders_do_not_add_up"), "tenders[1].given"),
    ("a needless note", {"tenders": [cash(30000), cash(50000)]}, (422, "tenders_do_not_add_up"), "tenders[1].given"),
    ("a promise", {"tenders": [{"kind": "pay_on_collection", "given": eur(24900)}]}, (422, "tenders_do_not_add_up"),
     "tenders[0].kind"),
    ("unknown kind", {"tenders": [{"kind": "cheque", "given": eur(24900)}]}, (400, "invalid_input"), "tenders[0].kind"),
    ("negative", {"tenders": [card(24900), cash(-1)]}, (400, "invalid_input"), "tenders[1].given.amount"),
    ("a string", {"tenders": [cash(24900) | {"given": {"amount": "24900", "currency": "EUR"}}]}, (400, "invalid_input"),
     "tenders[0].given.amount"),
    ("eleven tenders", {"tenders": [cash(2500)] * 11}, (400, "invalid_input"), "tenders"),
    ("no tenders said", {"tenders": None}, (400, "invalid_input"), "tenders"),
    ("tender in dollars", {"tenders": [{"kind": "cash", "given": {"amount": 24900, "currency": "USD"}}]},
     (422, "mixed_currency"), "tenders[0].given"),
    ("total in dollars", {"shown_total": {"amount": 24900, "currency": "USD"}}, (422, "mixed_currency"),
     "shown_total.currency"),
    ("stale total", {"shown_total": eur(24800), "tenders": [cash(24800)]}, (409, "stale_total"), "shown_total.amount"),
    ("another store", {"location": "munich"}, (403, "wrong_location"), "location"),
    ("another channel", {"channel": "retail-us"}, (403, "wrong_channel"), "channel"),
    ("the web channel", {"channel": "web-de"}, (403, "wrong_channel"), "channel"),
    ("a draft", {"lines": lines(("DRAFT-1", 1))}, (422, "not_listed"), "lines[0].sku"),
    ("unknown sku", {"lines": lines(("NOPE", 1))}, (422, "unknown_reference"), "lines[0].sku"),
    ("uncertified", {"lines": lines(("CASE-BLK", 1), ("CHARGER", 1))}, (422, "not_certified"), "lines[1].sku"),
    ("no lines", {"lines": []}, (400, "invalid_input"), "lines"),
    ("zero units", {"lines": lines(("WATCH", 0))}, (400, "invalid_input"), "lines[0].quantity"),
    ("a string of units", {"lines": lines(("WATCH", "1"))}, (400, "invalid_input"), "lines[0].quantity"),
    ("a fraction of units", {"lines": lines(("WATCH", 1.0))}, (400, "invalid_input"), "lines[0].quantity"),
    ("a truth of units", {"lines": lines(("WATCH", True))}, (400, "invalid_input"), "lines[0].quantity"),
    ("not an id", {"id": "ord_1"}, (400, "invalid_input"), "id"),
    ("unknown field", {"cashier": "Kim"}, (400, "invalid_input"), "cashier"),
    ("impossible phone", {"buyer": {"phone": "12", "country": "DE"}}, (400, "invalid_input"), "buyer.phone"),
    ("phone without a country", {"buyer": {"phone": "030 23125051"}}, (400, "invalid_input"), "buyer.phone"),
    ("no serial", {"lines": [numbered(1)]}, (422, "serials_wanted"), "lines[0].serials"),
    ("one serial for two", {"lines": [*WATCHES, numbered(2, "A")]}, (422, "serials_wanted"), "lines[1].serials"),
    ("two serials for one", {"lines": [numbered(1, "A", "B")]}, (422, "too_many_serials"), "lines[0].serials"),
    ("the same serial twice", {"lines": [numbered(2, "A", "A")]}, (422, "serial_named_twice"), "lines[0].serials"),
    ("the same serial in two lines", {"lines": [numbered(1, "A"), numbered(1, "a")]}, (422, "serial_named_twice"),
     "lines[1].serials"),
    ("serials for more than there are", {"lines": [numbered(1, "A", "B", sku="WATCH")]}, (422, "too_many_serials"),
     "lines[0].serials"),
]  # fmt: skip
PRICE = {"WATCH": 24900, "PHONE-BLK": 79900}


@pytest.mark.parametrize(
    ("change", "refusal", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_a_refused_sale_leaves_no_trace(
    till: Api, db: Database, change: Json, refusal: tuple[int, str], field: str
) -> None:
    await plant(db, "UPDATE listings SET certified_from = '2027-01-01Z' WHERE sku = 'CHARGER'")
    before = await rows(db, TRACES)
    total = sum(
        PRICE.get(line["sku"], 0) * line["quantity"]
        for line in change.get("lines", WATCHES)
        if type(line["quantity"]) is int
    )
    body = {**sale(total=total, tenders=[cash(total)]), "lines": WATCHES, **change}

    answer = await till.post("/v1/till-sales", body)

    assert problem(answer) == refusal, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert await rows(db, TRACES) == before


async def test_only_a_till_books_sales(callers: Callers, db: Database) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(24900)])
    before = await rows(db, TRACES)

    for role in (Role.STOREFRONT, Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN):
        caller = await callers(role, channel="retail-de", location="berlin")
        assert problem(await caller.post("/v1/till-sales", body)) == (403, "wrong_role")
    storeless = await callers(Role.TERMINAL, channel="retail-de")
    assert problem(await storeless.post("/v1/till-sales", body)) == (403, "wrong_location")
    warehouse = await callers(Role.TERMINAL, channel="retail-de", location="wh-de")
    assert problem(await warehouse.post("/v1/till-sales", {**body, "location": "wh-de"})) == (403, "wrong_location")
    assert problem(await callers.nobody().post("/v1/till-sales", body)) == (401, "unauthenticated")
    assert await rows(db, TRACES) == before


async def test_a_sale_without_an_idempotency_key_is_refused(till: Api) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(24900)])

    answer = await till.send("POST", "/v1/till-sales", body)

    assert problem(answer) == (400, "idempotency_key_missing")
