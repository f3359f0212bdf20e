"""Orders with promotions: counted in the order's own transaction, kept on the receipt, given back as they say."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.laws import Law
from orders.laws import DiscountsAreWhatPromotionsTook, LinesCiteTheirBook
from tests.conftest import Api, Callers, Json, problem
from tests.promoting import Desk, basket, open_desk, said, total
from tests.shop import no_law_is_broken, put_stock, rows
from tests.statements import statements
from tests.stories import cash, eur, every_law_holds, order, plant, sale

CASES: Json = {"items": {"categories": ["cases"]}}
HALF: Json = {"kind": "percent", "share": 5000}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, and plenty on stock."""
    made = await open_desk(db, clock, callers)
    for sku in ("CASE-BLK", "CHARGER", "WATCH", "PHONE-BLK"):
        await put_stock(db, sku, "wh-de", 1000)
        await put_stock(db, sku, "berlin", 1000)
    return made


async def why(api: Api, *wanted: tuple[str, Any], **more: Any) -> str:  # noqa: ANN401 - parts of a body
    """What became of the only promotion, in a word."""
    [verdict] = said(await api.post("/v1/quotes", basket(*wanted, explain=True, **more)))["promotions"]
    return str(verdict["reason"])


async def test_web_and_store_start_at_one_instant(desk: Desk, clock: SetClock, web: Api, till: Api) -> None:
    start = clock.now() + timedelta(minutes=2)
    await desk.scheduled(HALF, conditions=CASES, starts_at=start.isoformat())

    totals = []
    for instant in (start - timedelta(microseconds=1), start):
        clock.set(instant)
        totals.append([await total(web, ("CASE-BLK", 1)), await total(till, ("CASE-BLK", 1), channel="retail-de")])

    assert totals == [[2900, 2900], [1450, 1450]]


async def test_a_promotion_adds_no_statement_to_an_order(desk: Desk, web: Api, till: Api) -> None:
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900)), 201)  # The book is ready from here on.
    with statements(desk.db) as plain:
        said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900)), 201)
    await desk.live(HALF, conditions=CASES)
    await total(web, ("CASE-BLK", 1))

    with statements(desk.db) as promoted:
        said(await web.post("/v1/orders", order(("CASE-BLK", 2), total=2900)), 201)
    with statements(desk.db) as sold:
        said(await till.post("/v1/till-sales", sale(("CASE-BLK", 2), total=2900, tenders=[cash(2900)])), 201)

    assert len(promoted) == len(plain) == 7
    for sent in (promoted, sold):
        assert len([one for one in sent if "INTO order_lines" in one or "INTO idempotency_keys" in one]) == 1


async def test_an_order_keeps_what_each_promotion_took(desk: Desk, web: Api, operator: Api) -> None:
    half = await desk.live(HALF, conditions=CASES, lane=1)
    off = await desk.live({"kind": "amount", "amount": 500, "on": "order"}, lane=2)

    quote = said(await web.post("/v1/quotes", basket(("CASE-BLK", 2), ("CHARGER", 1))))
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 2), ("CHARGER", 1), total=6300)), 201)
    history = said(await operator.get(f"/v1/orders/{placed['id']}"))

    assert quote["total"] == eur(6300)
    assert [line["discounts"] for line in quote["lines"]] == [
        [{"promotion": half, "amount": 2900}, {"promotion": off, "amount": 213}],
        [{"promotion": off, "amount": 287}],
    ]
    assert [(verdict["promotion"], verdict["applied"], verdict["amount"]) for verdict in quote["promotions"]] == [
        (half, True, 2900),
        (off, True, 500),
    ]
    for view in (placed, history["order"]):
        assert [line["discounts"] for line in view["lines"]] == [line["discounts"] for line in quote["lines"]]
        assert {line["book"] for line in view["lines"]} == {quote["book"]}
        assert (view["discount_total"], view["total"]) == (eur(3400), eur(6300))
    await every_law_holds(desk.db)


async def test_a_total_from_before_the_start_is_not_charged_after_it(desk: Desk, clock: SetClock, web: Api) -> None:
    await desk.scheduled(HALF, conditions=CASES)
    shown = await total(web, ("CASE-BLK", 1))
    clock.advance(timedelta(seconds=10))

    answer = await web.post("/v1/orders", order(("CASE-BLK", 1), total=shown))

    assert problem(answer) == (409, "stale_total")
    assert answer.json()["facts"]["total"] == 1450


async def test_a_code_opens_its_promotion_however_it_is_typed(desk: Desk, web: Api) -> None:
    await desk.live(HALF, conditions=CASES, codes=["WELCOME-10"])

    assert await total(web, ("CASE-BLK", 1)) == 2900
    assert await total(web, ("CASE-BLK", 1), codes=["no such code"]) == 2900
    assert await total(web, ("CASE-BLK", 1), codes=[" welcome-10"]) == 1450


@pytest.mark.usefixtures("web")
async def test_the_last_use_of_a_code_goes_to_one_of_two_hundred_in_web_and_store(
    desk: Desk, web: Api, till: Api
) -> None:
    promotion = await desk.live(HALF, conditions={**CASES, "unique_codes": True})
    [code] = await desk.codes(promotion, 1)

    async def buy(n: int) -> Any:  # noqa: ANN401 - an answer
        if n % 2:
            return await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, codes=[code]))
        body = sale(("CASE-BLK", 1), total=1450, tenders=[cash(1450)], codes=[code])
        return await till.post("/v1/till-sales", body)

    answers = await asyncio.gather(*(buy(n) for n in range(200)))

    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "promotion_used_up",
        "stale_total",
    }
    assert await rows(desk.db, "SELECT uses, most FROM promotion_codes WHERE NOT shared") == [(1, 1)]
    assert await total(web, ("CASE-BLK", 1), codes=[code]) == 2900
    assert await why(web, ("CASE-BLK", 1), codes=[code]) == "used_up"
    assert await why(web, ("CASE-BLK", 1), codes=["NOSUCH"]) == "code"
    await every_law_holds(desk.db)


async def test_one_person_has_one_use_whichever_channel(desk: Desk, web: Api, till: Api) -> None:
    await desk.live(HALF, conditions=CASES, limits={"per_person": 1})
    mara: Json = {"buyer": {"email": "mara@example.com"}}
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, **mara)), 201)

    store = {"channel": "retail-de"}
    assert await total(till, ("CASE-BLK", 1), **mara, **store) == 2900
    body = sale(("CASE-BLK", 1), total=1450, tenders=[cash(1450)], **mara)
    assert problem(await till.post("/v1/till-sales", body)) == (409, "stale_total")
    assert await total(till, ("CASE-BLK", 1), buyer={"email": "otto@example.com"}, **store) == 1450
    assert await total(till, ("CASE-BLK", 1), **store) == 2900, "nobody in particular has no use of their own"
    assert await why(till, ("CASE-BLK", 1), **store) == "nobody"
    assert await why(till, ("CASE-BLK", 1), **mara, **store) == "used_up"


@pytest.mark.parametrize(
    ("limit", "units", "bought"),
    [
        (1, [5000, 5000, 1, 1], [1]),  # Too much for all to see.
        (2, [600, 600, 1, 1], [600, 1]),  # The first takes what the second one would have needed.
    ],
)
async def test_whoever_is_refused_for_the_stock_leaves_the_use_to_the_next(
    desk: Desk, web: Api, limit: int, units: list[int], bought: list[int]
) -> None:
    await desk.live(HALF, conditions=CASES, limits={"total": limit})
    first = web.post("/v1/orders", order(("CASE-BLK", 1), total=1))  # While it is refused, the others gather.
    wishes = [web.post("/v1/orders", order(("CASE-BLK", n), total=1450 * n)) for n in units]

    _, *answers = await asyncio.gather(first, *wishes)

    assert [n for n, answer in zip(units, answers, strict=True) if answer.status_code == 201] == bought
    assert problem(answers[1]) == (409, "not_enough_stock")
    assert answers[3].json()["code"] in {"promotion_used_up", "stale_total"}, "the latter if it came alone"
    assert await rows(desk.db, "SELECT uses, most FROM promotion_counters") == [(limit, limit)]
    await every_law_holds(desk.db)


async def test_two_orders_of_one_new_person_at_once_get_one_use(desk: Desk, web: Api) -> None:
    await desk.live(HALF, conditions=CASES, limits={"per_person": 1})
    body = order(("CASE-BLK", 1), total=1450, buyer={"email": "new@example.com"})

    answers = await asyncio.gather(*(web.post("/v1/orders", body) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert await rows(desk.db, "SELECT uses FROM promotion_person_counters") == [(1,)]
    assert await rows(desk.db, "SELECT count(*) FROM orders") == [(1,)]
    await every_law_holds(desk.db)


async def test_groups_and_first_purchases_are_looked_up(desk: Desk, web: Api, operator: Api) -> None:
    await desk.live(HALF, conditions={**CASES, "groups": ["staff"]}, lane=1)
    await desk.live(
        {"kind": "amount", "amount": 100, "on": "order"}, conditions={**CASES, "first_purchase": True}, lane=2
    )
    otto: Json = {"buyer": {"account": "otto-1"}}
    assert await total(web, ("CASE-BLK", 1)) == 2900
    assert await total(web, ("CASE-BLK", 1), **otto) == 2800
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2800, **otto)), 201)

    groups = await operator.send("PUT", f"/v1/customers/{placed['customer']}/groups", {"groups": ["staff"]})

    assert said(groups)["groups"] == ["staff"]
    assert await total(web, ("CASE-BLK", 1), **otto) == 1450


async def test_the_price_for_a_group_is_not_had_by_typing_a_members_address(
    desk: Desk, web: Api, till: Api, operator: Api
) -> None:
    await desk.live(HALF, conditions={**CASES, "groups": ["staff"]})
    boss = {"account": "boss-1", "loyalty": "L-1", "email": "boss@example.com", "phone": "+493023125051"}
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900, buyer=boss)), 201)
    said(await operator.send("PUT", f"/v1/customers/{placed['customer']}/groups", {"groups": ["staff"]}))

    prices = {}
    for kind, value in boss.items():
        buyer: Json = {"buyer": {kind: value}}
        store = await total(till, ("CASE-BLK", 1), channel="retail-de", **buyer)
        prices[kind] = (await total(web, ("CASE-BLK", 1), **buyer), store)

    member, anybody = (1450, 1450), (2900, 2900)
    assert prices == {"account": member, "loyalty": member, "email": anybody, "phone": anybody}
    typed = {"email": "boss@example.com"}
    assert await why(web, ("CASE-BLK", 1), buyer=typed) == "group"
    at_half = order(("CASE-BLK", 1), total=1450, buyer=typed)
    assert problem(await web.post("/v1/orders", at_half)) == (409, "stale_total")
    body = sale(("CASE-BLK", 1), total=1450, tenders=[cash(1450)], buyer={**typed, "loyalty": "L-9"})
    assert problem(await till.post("/v1/till-sales", body)) == (409, "stale_total"), "another card beside it"
    shown = {**body, "buyer": {"loyalty": "L-1"}}
    assert said(await till.post("/v1/till-sales", shown), 201)["customer"] == placed["customer"]
    await every_law_holds(desk.db)


async def test_refunds_of_three_for_two_add_up_to_what_was_paid(desk: Desk, till: Api, operator: Api) -> None:
    await desk.live({"kind": "buy_get", "buy": 2, "get": 1}, conditions=CASES)
    sold = said(await till.post("/v1/till-sales", sale(("CASE-BLK", 3), total=5800, tenders=[cash(5800)])), 201)

    amounts = []
    for _ in range(3):
        wish = {"reason": "line", "line": 1, "quantity": 1, "tender": "cash"}
        refunded = said(await operator.post(f"/v1/orders/{sold['id']}/refunds", wish), 201)
        amounts.append(refunded["refunds"][-1]["amount"]["amount"])

    assert amounts == [1933, 1934, 1933]
    assert sum(amounts) == 5800
    await every_law_holds(desk.db)


async def test_shipping_may_be_free_above_an_amount(desk: Desk, web: Api, operator: Api) -> None:
    free = await desk.live({"kind": "percent", "share": 10_000, "on": "shipping"}, conditions={"subtotal": 5000})
    below = said(await web.post("/v1/quotes", basket(("CASE-BLK", 1), shipping=eur(490))))
    above = said(await web.post("/v1/quotes", basket(("CASE-BLK", 2), shipping=eur(490))))

    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=3390, shipping=eur(490))), 201)
    freely = said(await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800, shipping=eur(490))), 201)
    history = said(await operator.get(f"/v1/orders/{freely['id']}"))

    assert below["shipping"] == {"price": 490, "total": 490, "tax_total": 78, "discounts": []}
    assert (below["total"], below["tax_total"]) == (eur(3390), eur(463 + 78))
    free_shipping = {"price": 490, "total": 0, "tax_total": 0, "discounts": [{"promotion": free, "amount": 490}]}
    assert (above["shipping"], above["total"]) == (free_shipping, eur(5800))
    assert (placed["shipping"]["total"], placed["total"]) == (490, eur(3390))
    assert history["order"]["shipping"] == free_shipping
    await every_law_holds(desk.db)


async def test_a_free_order_is_sent_or_collected_and_nothing_is_due(
    desk: Desk, web: Api, till: Api, operator: Api
) -> None:
    await desk.live({"kind": "percent", "share": 10_000}, conditions=CASES)
    sent = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=0)), 201)
    body = order(("CASE-BLK", 1), total=0, fulfilment="collect", collect_at="berlin")
    collected = said(await web.post("/v1/orders", body), 201)
    await every_law_holds(desk.db)

    said(await operator.post(f"/v1/orders/{sent['id']}/ship", {"location": "wh-de"}))
    said(await operator.post(f"/v1/orders/{sent['id']}/hand-over", {}))
    said(await till.post(f"/v1/orders/{collected['id']}/ready", {"location": "berlin"}))
    said(await till.post(f"/v1/orders/{collected['id']}/collect", {"location": "berlin", "tenders": []}))

    assert sent["tenders"] == collected["tenders"] == []
    assert await rows(desk.db, "SELECT state, count(*) FROM orders GROUP BY 1") == [("completed", 2)]
    await every_law_holds(desk.db)


async def test_what_is_collected_is_not_shipped(desk: Desk, web: Api) -> None:
    del desk
    body = order(("CASE-BLK", 1), total=3390, shipping=eur(490), fulfilment="collect", collect_at="berlin")

    answer = await web.post("/v1/orders", body)

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "shipping"


async def test_a_reduced_price_shows_its_prior_price_on_product_quote_and_receipt(
    desk: Desk, web: Api, clock: SetClock
) -> None:
    await desk.live(HALF, conditions=CASES)
    since = clock.now().isoformat().replace("+00:00", "Z")

    shelf = said(await web.get("/v1/products", channel="web-de", category="cases"))
    quote = said(await web.post("/v1/quotes", basket(("CASE-BLK", 1))))
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450)), 201)

    [case] = shelf["items"][0]["variants"]
    assert (case["price"], case["reduced_price"], case["prior_price"]) == (eur(2900), eur(1450), eur(2900))
    assert quote["lines"][0]["prior_price"] == {"amount": 2900, "since": since}
    assert placed["lines"][0]["prior_price"] == 2900


async def test_a_gift_is_offered_until_it_is_in_the_basket(desk: Desk, web: Api) -> None:
    promotion = await desk.live({"kind": "gift", "sku": "CASE-BLK"}, conditions={"items": {"skus": ["PHONE-BLK"]}})

    without = said(await web.post("/v1/quotes", basket(("PHONE-BLK", 1))))
    with_it = said(await web.post("/v1/quotes", basket(("PHONE-BLK", 1), ("CASE-BLK", 1))))

    assert without["gifts"] == [{"promotion": promotion, "sku": "CASE-BLK", "quantity": 1}]
    assert (with_it["gifts"], with_it["total"]) == ([], eur(79900))


async def test_every_running_promotion_says_why_if_asked(desk: Desk, web: Api) -> None:
    case = await desk.live(HALF, conditions={**CASES, "quantity": 3}, lane=1)
    other = await desk.live(HALF, conditions={"items": {"skus": ["WATCH"]}}, lane=1)

    short = said(await web.post("/v1/quotes", basket(("CASE-BLK", 1))))
    whole = said(await web.post("/v1/quotes", basket(("CASE-BLK", 1), explain=True)))

    assert [(v["promotion"], v["reason"]) for v in short["promotions"]] == [(case, "quantity")]
    assert [(v["promotion"], v["reason"]) for v in whole["promotions"]] == [
        (case, "quantity"),
        (other, "no_matching_item"),
    ]


async def test_a_store_has_promotions_of_its_own(desk: Desk, callers: Callers, till: Api, web: Api) -> None:
    await desk.live(HALF, conditions={**CASES, "stores": ["berlin"]})
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")

    assert await total(till, ("CASE-BLK", 1), channel="retail-de") == 1450
    assert await total(munich, ("CASE-BLK", 1), channel="retail-de") == 2900
    assert await total(web, ("CASE-BLK", 1)) == 2900


async def test_merging_two_persons_adds_up_what_they_used(desk: Desk, web: Api, operator: Api) -> None:
    await desk.live(HALF, conditions=CASES, limits={"per_person": 2})
    ids = []
    for email in ("mara@example.com", "mara@example.org"):
        placed = await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, buyer={"email": email}))
        ids.append(said(placed, 201)["customer"])

    said(await operator.post(f"/v1/customers/{ids[0]}/merge", {"into": ids[1], "reason": "one person"}), 201)

    assert await total(web, ("CASE-BLK", 1), buyer={"email": "mara@example.com"}) == 2900
    await every_law_holds(desk.db)


@pytest.mark.parametrize(
    ("law", "planted"),
    [
        (DiscountsAreWhatPromotionsTook, "UPDATE order_line_discounts SET amount = amount - 1"),
        (DiscountsAreWhatPromotionsTook, "DELETE FROM order_shipping_discounts"),
        (LinesCiteTheirBook, "UPDATE order_lines SET book = 99"),
        (LinesCiteTheirBook, "UPDATE order_lines SET book = NULL"),
    ],
)
async def test_the_laws_of_promoted_orders_catch_what_is_planted(
    desk: Desk, web: Api, law: type[Law], planted: str
) -> None:
    await desk.live(HALF, conditions=CASES)
    await desk.live({"kind": "amount", "amount": 100, "on": "shipping"})
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1840, shipping=eur(490))), 201)
    await every_law_holds(desk.db)

    await plant(desk.db, planted)

    with pytest.raises(AssertionError):
        await no_law_is_broken(desk.db, law)
