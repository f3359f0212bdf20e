"""Till sales: goods gone and money taken, to the cent, whatever we thought was on the shelf."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.idempotency import prune_keys
from commerce.kernel.ids import order_number
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import put_stock, reprice, rows
from tests.stories import (
    POOLS,
    TRACES,
    card,
    cash,
    eur,
    every_law_holds,
    ledger,
    lines,
    numbered,
    open_store,
    plant,
    sale,
    told,
)

SOLD = "2026-11-02T12:00:00Z"


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """The store in Berlin; whatever happens in it, every law holds."""
    await open_store(db)
    yield
    await every_law_holds(db)


def paid(kind: str, amount: int, given: int, change: int) -> Json:
    """A tender as it is answered."""
    return {"kind": kind, "state": "paid", "amount": eur(amount), "given": eur(given), "change": eur(change)}


async def test_a_sale_for_cash_gives_change_and_leaves_with_the_goods(till: Api, db: Database) -> None:
    body = sale(("CASE-BLK", 2), ("WATCH", 1), total=30700, tenders=[cash(35000)])

    answer = await till.post("/v1/till-sales", body)

    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "id": body["id"],
        "order_number": order_number(body["id"]),
        "source": "till",
        "channel": "retail-de",
        "location": "berlin",
        "customer": None,
        "fulfilment": "carried",
        "state": "completed",
        "placed_at": SOLD,
        "prices_include_tax": True,
        "lines": [
            {
                "line": 1, "sku": "CASE-BLK", "quantity": 2, "recommended_price": 2900, "unit_price": 2900,
                "discount_total": 0, "tax_rate_bp": 1900, "tax_total": 926, "line_total": 5800, "sent": 2,
                "cancelled": 0, "book": 1, "prior_price": None, "discounts": [],
            },
            {
                "line": 2, "sku": "WATCH", "quantity": 1, "recommended_price": 24900, "unit_price": 24900,
                "discount_total": 0, "tax_rate_bp": 1900, "tax_total": 3976, "line_total": 24900, "sent": 1,
                "cancelled": 0, "book": 1, "prior_price": None, "discounts": [],
            },
        ],
        "subtotal": eur(30700),
        "discount_total": eur(0),
        "tax_total": eur(4902),
        "total": eur(30700),
        "tenders": [paid("cash", 30700, 35000, 4300)],
        "shipping": None,
    }  # fmt: skip
    assert await rows(db, POOLS) == [
        ("CASE-BLK", "berlin", 3, 0, 0),
        ("PHONE-BLK", "berlin", 3, 0, 0),
        ("WATCH", "berlin", 1, 0, 0),
    ]
    assert await ledger(db, body["id"]) == [("charge", 30700), ("payment", -30700)]
    assert await told(db, "till_sale_booked") == [
        {
            "order_id": body["id"],
            "order_number": order_number(body["id"]),
            "channel": "retail-de",
            "location": "berlin",
        }
    ]


async def test_a_sale_is_shown_with_what_happened_to_it(till: Api) -> None:
    wanted = [numbered(2, "356938035643809", "356938035643817"), *lines(("CASE-BLK", 1))]
    body = {**sale(total=162700, tenders=[card(162700, "T-1")]), "lines": wanted}
    sold = await till.post("/v1/till-sales", body)

    shown = (await till.get(f"/v1/orders/{body['id']}")).json()

    assert shown["order"] == sold.json()
    assert shown["owed"] == eur(0)
    assert [(entry["what"], entry["happened_at"], entry["facts"]) for entry in shown["timeline"]] == [
        ("sold", SOLD, {})
    ]
    [shipment] = shown["shipments"]
    assert (shipment["kind"], shipment["location"]) == ("carried", "berlin")
    assert (shipment["left_at"], shipment["handed_over_at"]) == (SOLD, SOLD)
    assert shipment["lines"] == [
        {"line": 1, "quantity": 2, "serials": ["356938035643809", "356938035643817"]},
        {"line": 2, "quantity": 1, "serials": []},
    ]


TENDERS = [
    ("cash, exactly", [cash(30700)], [("cash", 30700, 30700, 0)]),
    ("card", [card(30700)], [("card_terminal", 30700, 30700, 0)]),
    ("cash and card", [cash(10000), card(20700)], [("cash", 10000, 10000, 0), ("card_terminal", 20700, 20700, 0)]),
    (
        "card, and cash with change",
        [card(25000), cash(6000)],
        [("card_terminal", 25000, 25000, 0), ("cash", 5700, 6000, 300)],
    ),
    (
        "several notes: the change comes out of the largest",
        [cash(700), cash(40000)],
        [("cash", 700, 700, 0), ("cash", 30000, 40000, 10000)],
    ),
    (
        "two cards and cash",
        [card(100), card(200), cash(30400)],
        [("card_terminal", 100, 100, 0), ("card_terminal", 200, 200, 0), ("cash", 30400, 30400, 0)],
    ),
]


@pytest.mark.parametrize(("given", "settled"), [case[1:] for case in TENDERS], ids=[case[0] for case in TENDERS])
async def test_tenders_pay_the_total_exactly(
    till: Api, db: Database, given: list[Json], settled: list[tuple[str, int, int, int]]
) -> None:
    body = sale(("CASE-BLK", 2), ("WATCH", 1), total=30700, tenders=given)

    answer = await till.post("/v1/till-sales", body)

    assert answer.status_code == 201, answer.text
    assert answer.json()["tenders"] == [paid(*tender) for tender in settled]
    assert (await till.get(f"/v1/orders/{body['id']}")).json()["order"] == answer.json()
    assert await rows(db, "SELECT sum(amount)::int FROM ledger_entries") == [(0,)]


async def test_a_card_payment_keeps_the_terminals_number(till: Api, db: Database) -> None:
    await till.post("/v1/till-sales", sale(("WATCH", 1), total=24900, tenders=[cash(4900), card(20000, "T-77")]))

    assert await rows(db, "SELECT kind, reference FROM tenders ORDER BY kind") == [
        ("card_terminal", "T-77"),
        ("cash", None),
    ]


async def test_a_sale_in_a_market_without_tax_in_its_prices(callers: Callers, db: Database) -> None:
    await put_stock(db, "WATCH", "nyc", 1)
    till = await callers(Role.TERMINAL, channel="retail-us", location="nyc")
    total = {"amount": 24732, "currency": "USD"}
    body = sale(("WATCH", 1), total=0, tenders=[{"kind": "card_terminal", "given": total}])

    answer = await till.post(
        "/v1/till-sales", {**body, "channel": "retail-us", "location": "nyc", "shown_total": total}
    )

    assert answer.status_code == 201, answer.text
    assert (answer.json()["subtotal"]["amount"], answer.json()["tax_total"]["amount"]) == (22900, 1832)
    assert answer.json()["total"] == total


async def test_what_costs_nothing_is_sold_without_a_tender(till: Api, db: Database) -> None:
    await reprice(db, "CASE-BLK", 0)

    gift = await till.post("/v1/till-sales", sale(("CASE-BLK", 1), total=0, tenders=[]))
    tendered = await till.post("/v1/till-sales", sale(("CASE-BLK", 1), total=0, tenders=[cash(100)]))

    assert (gift.status_code, gift.json()["tenders"]) == (201, [])
    assert problem(tendered) == (422, "tenders_do_not_add_up")


async def test_a_store_that_has_closed_sells_no_more(till: Api, db: Database, clock: SetClock) -> None:
    await plant(db, "UPDATE locations SET closed_on = '2026-11-02' WHERE code = 'berlin'")

    today = await till.post("/v1/till-sales", sale(("WATCH", 1), total=24900, tenders=[cash(24900)]))
    clock.advance(timedelta(hours=11))
    after = await till.post("/v1/till-sales", sale(("WATCH", 1), total=24900, tenders=[cash(24900)]))

    assert today.status_code == 201
    assert problem(after) == (403, "wrong_location"), "23:00 UTC is the next day in Berlin"


async def test_a_price_that_changed_since_the_quote_is_noticed(till: Api, db: Database, clock: SetClock) -> None:
    basket = {"channel": "retail-de", "lines": lines(("WATCH", 1))}
    shown = (await till.post("/v1/quotes", basket)).json()["total"]["amount"]
    await reprice(db, "WATCH", 22900, at=NOON + timedelta(seconds=1))
    clock.advance(timedelta(seconds=1))
    body = sale(("WATCH", 1), total=shown, tenders=[cash(shown)])

    stale = await till.post("/v1/till-sales", body, once="sale")
    asked_again = await till.post(
        "/v1/till-sales", {**body, "shown_total": eur(22900), "tenders": [cash(22900)]}, once="sale"
    )

    assert problem(stale) == (409, "stale_total")
    assert stale.json()["facts"] == {
        "field": "shown_total.amount", "shown": 24900, "total": 22900, "currency": "EUR",
    }  # fmt: skip
    assert asked_again.status_code == 201, "a refusal leaves no trace, not even of its key"


async def test_more_than_we_thought_was_there_is_sold_and_becomes_a_case(
    till: Api, callers: Callers, db: Database
) -> None:
    body = sale(("WATCH", 3), ("CHARGER", 1), ("WATCH", 1), total=103500, tenders=[card(103500)])

    answer = await till.post("/v1/till-sales", body)

    assert answer.status_code == 201, answer.text
    assert await rows(db, POOLS) == [
        ("CASE-BLK", "berlin", 5, 0, 0),
        ("CHARGER", "berlin", -1, 0, 1),
        ("PHONE-BLK", "berlin", 3, 0, 0),
        ("WATCH", "berlin", -2, 0, 2),
    ]
    operator = await callers(Role.OPERATOR)
    cases = (await operator.get("/v1/overdrafts")).json()["items"]
    assert [(case["sku"], case["location"], case["units"], case["reference"]) for case in cases] == [
        ("CHARGER", "berlin", 1, body["id"]),
        ("WATCH", "berlin", 2, body["id"]),
    ]
    assert await told(db, "stock_overdrawn") == [
        {"overdraft_id": case["id"], "sku": case["sku"], "location": "berlin", "units": case["units"],
         "reference": body["id"]}
        for case in cases
    ]  # fmt: skip
    [entry] = (await till.get(f"/v1/orders/{body['id']}")).json()["timeline"]
    assert (entry["what"], entry["facts"]) == (
        "sold",
        {"overdrawn": [{"sku": "CHARGER", "units": 1}, {"sku": "WATCH", "units": 2}]},
    )


async def test_what_is_held_for_others_may_be_sold_but_is_missed(till: Api, callers: Callers, db: Database) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    promised = {"channel": "web-de", "lines": lines(("WATCH", 2)), "shown_total": eur(49800),
                "fulfilment": "collect", "collect_at": "berlin"}  # fmt: skip
    assert (await web.post("/v1/orders", promised)).status_code == 201

    answer = await till.post("/v1/till-sales", sale(("WATCH", 1), total=24900, tenders=[cash(24900)]))

    assert answer.status_code == 201
    assert ("WATCH", "berlin", 1, 2, 1) in await rows(db, POOLS)
    assert [case["units"] for case in await told(db, "stock_overdrawn")] == [1]


async def test_the_same_sale_sent_again_is_the_same_sale(till: Api, db: Database) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(25000)])
    first = await till.post("/v1/till-sales", body, once="sale-1")
    before = await rows(db, TRACES)

    again = await till.post("/v1/till-sales", body, once="sale-1")
    other_body = await till.post("/v1/till-sales", {**body, "tenders": [cash(24900)]}, once="sale-1")
    other_key = await till.post("/v1/till-sales", body, once="sale-2")
    other_sale = await till.post("/v1/till-sales", {**body, "tenders": [cash(24900)]}, once="sale-2")

    for answer in (again, other_key):
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer.headers["Idempotent-Replayed"] == "true"
    assert problem(other_body) == (422, "idempotency_key_reused")
    assert problem(other_sale) == (409, "already_exists")
    assert other_sale.json()["errors"][0]["field"] == "id"
    assert await rows(db, TRACES) == before


async def test_a_sale_is_known_by_its_id_when_every_key_is_forgotten(
    till: Api, callers: Callers, db: Database, clock: SetClock
) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[card(20000, "T-1"), cash(5000)], buyer={"email": "m@example.com"})
    first = await till.post("/v1/till-sales", body, once="sale-1")
    async with db.transaction() as tx:
        assert await prune_keys(tx, clock.advance(timedelta(days=31)), 100) == 1
    replaced = await callers(Role.TERMINAL, channel="retail-de", location="berlin")

    answers = [await till.post("/v1/till-sales", body, once="sale-1"), await replaced.post("/v1/till-sales", body)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(201, first.content)] * 2
    assert await rows(db, "SELECT count(*) FROM orders") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM movements WHERE kind = 'sold'") == [(1,)]


async def test_a_sale_that_a_till_sends_twice_at_once_is_one_sale(till: Api, db: Database) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(24900)])

    answers = await asyncio.gather(*(till.post("/v1/till-sales", body) for _ in range(8)))

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert await rows(db, "SELECT count(*) FROM orders") == [(1,)]


async def test_an_online_order_is_no_sale_of_a_till(till: Api, callers: Callers) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(24900)])
    web = await callers(Role.STOREFRONT, channel="web-de")
    online = {"channel": "web-de", "lines": lines(("WATCH", 1)), "shown_total": eur(24900),
              "fulfilment": "collect", "collect_at": "berlin", "id": body["id"]}  # fmt: skip
    assert (await web.post("/v1/orders", online)).status_code == 201

    assert problem(await web.post("/v1/orders", online)) == (409, "already_exists")
    assert problem(await till.post("/v1/till-sales", body)) == (409, "already_exists")


async def test_an_id_whose_number_is_taken_is_refused(till: Api, db: Database) -> None:
    body = sale(("WATCH", 1), total=24900, tenders=[cash(24900)])
    await till.post("/v1/till-sales", body)
    mine = body["id"]
    twin = f"{mine[:21]}{int(mine[21:25], 16) ^ 1:04x}{mine[25:]}"
    assert order_number(twin) == order_number(mine), "a number has the id's millisecond and its last 25 bits"

    answer = await till.post("/v1/till-sales", {**body, "id": twin})

    assert problem(answer) == (409, "already_exists")
    assert await rows(db, "SELECT count(*) FROM orders") == [(1,)]


async def test_serial_numbers_leave_with_their_devices(till: Api, db: Database) -> None:
    wanted = [numbered(1, "A"), numbered(2, "B", "C"), numbered(1, "W-1", sku="WATCH")]
    body = {**sale(total=264600, tenders=[card(264600)]), "lines": wanted}

    answer = await till.post("/v1/till-sales", body)

    assert answer.status_code == 201, answer.text
    assert await rows(db, "SELECT line, serials FROM shipment_lines ORDER BY line") == [
        (1, ["A"]),
        (2, ["B", "C"]),
        (3, ["W-1"]),
    ]


async def test_a_device_is_sold_once(till: Api, db: Database) -> None:
    first = {**sale(total=79900, tenders=[card(79900)]), "lines": [numbered(1, "A")]}
    second = {**sale(total=104800, tenders=[card(104800)]), "lines": [*lines(("WATCH", 1)), numbered(1, "A")]}
    other_sku = {**sale(total=24900, tenders=[card(24900)]), "lines": [numbered(1, "A", sku="WATCH")]}
    assert (await till.post("/v1/till-sales", first)).status_code == 201
    before = await rows(db, TRACES)

    answer = await till.post("/v1/till-sales", second)

    assert problem(answer) == (409, "serial_already_sold")
    assert answer.json()["facts"] == {"field": "lines[1].serials", "sku": "PHONE-BLK", "serial": "A"}
    assert await rows(db, TRACES) == before
    assert (await till.post("/v1/till-sales", other_sku)).status_code == 201, "each maker counts for itself"
    assert await rows(db, "SELECT sku, serial, order_id, line FROM sold_serials ORDER BY sku") == [
        ("PHONE-BLK", "A", first["id"], 1),
        ("WATCH", "A", other_sku["id"], 1),
    ]


async def test_of_two_who_sell_one_device_at_once_one_does(till: Api, db: Database) -> None:
    sales = [{**sale(total=79900, tenders=[card(79900)]), "lines": [numbered(1, "A")]} for _ in range(6)]

    answers = await asyncio.gather(*(till.post("/v1/till-sales", body) for body in sales))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"serial_already_sold"}
    assert await rows(db, "SELECT count(*) FROM sold_serials") == [(1,)]


@pytest.mark.parametrize("serial", ["", " ", " A", "A ", "A\n", "A\tB", "A\x00", "Ä", "\u200b", "x" * 65])
async def test_a_serial_number_can_be_printed(till: Api, serial: str) -> None:
    body = {**sale(total=79900, tenders=[card(79900)]), "lines": [numbered(1, serial)]}

    answer = await till.post("/v1/till-sales", body)

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"].startswith("lines[0].serials")
