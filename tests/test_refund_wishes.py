"""Wishes for a refund: what makes no sense is refused by its field, and what is sent twice is given once."""

from tests.conftest import Callers, Json, problem
from tests.paid_store import back, refunds, shipped
from tests.paying import Checkout, money
from tests.shop import rows
from tests.stories import card, cash, eur, ledger, sale

NEVER = "ord_" + "0" * 32


# What is refused, by its field.

WRONG: list[tuple[Json, int, str, str]] = [
    ({"reason": "line", "quantity": 1}, 400, "invalid_input", "line"),
    ({"reason": "line", "line": 1}, 400, "invalid_input", "line"),
    ({"reason": "line", "line": 1, "quantity": 1, "amount": eur(1)}, 400, "invalid_input", "amount"),
    ({"reason": "line", "line": 9, "quantity": 1}, 422, "unknown_reference", "line"),
    ({"reason": "goodwill", "line": 1, "amount": eur(1)}, 400, "invalid_input", "line"),
    ({"reason": "goodwill", "quantity": 1, "amount": eur(1)}, 400, "invalid_input", "line"),
    ({"reason": "goodwill"}, 400, "invalid_input", "amount"),
    ({"reason": "shipping", "amount": eur(0)}, 400, "invalid_input", "amount"),
    ({"reason": "shipping", "amount": {"amount": 1, "currency": "USD"}}, 422, "mixed_currency", "amount.currency"),
]
MALFORMED: list[Json] = [
    {"reason": "cancellation", "amount": eur(1)},
    {"reason": "provider", "amount": eur(1)},
    {"reason": "line", "line": 1, "quantity": 0},
    {"reason": "line", "line": 1, "quantity": -1},
    {"reason": "goodwill", "amount": eur(-1)},
    {"reason": "goodwill", "amount": {"amount": 1.5, "currency": "EUR"}},
    {"reason": "goodwill", "amount": {"amount": 1, "currency": "eur"}},
    {"reason": "goodwill", "amount": eur(1), "tender": "online"},
    {"reason": "goodwill", "amount": eur(1), "note": " "},
    {"reason": "goodwill", "amount": eur(1), "to": "somebody else"},
    {},
]


async def test_what_makes_no_sense_is_refused_by_its_field_and_leaves_nothing(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    answers = [await shop.refund(order_id, **wanted) for wanted, *_ in WRONG]
    malformed = [await shop.refund(order_id, **wanted) for wanted in MALFORMED]

    told = [(*problem(answer), answer.json()["facts"]["field"]) for answer in answers]
    assert told == [(status, code, field) for _, status, code, field in WRONG]
    assert [answer.status_code for answer in malformed] == [400] * len(MALFORMED)
    assert await rows(shop.db, "SELECT id FROM refunds") == []


async def test_only_operators_give_money_back_and_only_of_orders_that_stand(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    cancelled = await shop.paid(("CHARGER", 1), total=3900)
    await shop.web.post(f"/v1/orders/{cancelled}/cancel", {"reason": "test"})
    path = f"/v1/orders/{order_id}/refunds"
    strangers = [await shop.web.post(path, back(1)), await shop.till.post(path, back(1))]
    nobody = await Callers(shop.db, shop.client).nobody().post(path, back(1))
    gone = await shop.refund(cancelled, **back(1))
    never = await shop.refund(NEVER, **back(1))
    await shop.settle()

    assert [problem(answer) for answer in strangers] == [(403, "wrong_role")] * 2
    assert problem(nobody)[0] == 401
    assert problem(gone) == (409, "move_not_allowed")
    assert problem(never) == (404, "not_found")
    assert refunds(await shop.history(cancelled)) == [("cancellation", 3900, "succeeded")]


# At the counter.


async def test_a_till_sale_goes_back_at_the_counter_as_it_was_paid(shop: Checkout) -> None:
    sold = await shop.till.post("/v1/till-sales", sale(("CASE-BLK", 2), total=5800, tenders=[card(5000), cash(1000)]))
    order_id = sold.json()["id"]
    online = await shop.refund(order_id, **back(1))
    by_card = await shop.refund(order_id, reason="line", line=1, quantity=1, tender="card_terminal")
    in_cash = await shop.refund(order_id, **back(2900, tender="cash", note="second one broke"))
    more = await shop.refund(order_id, **back(1, tender="cash"))
    await shop.settle()

    assert sold.status_code == 201, sold.text
    assert (problem(online), online.json()["facts"]["left"]) == ((409, "refund_too_large"), 0)
    assert (by_card.status_code, in_cash.status_code) == (201, 201)
    assert problem(more) == (409, "refund_too_large")
    history = in_cash.json()
    assert sorted((one["tender"], one["payment"], one["state"]) for one in history["refunds"]) == [
        ("card_terminal", None, "succeeded"), ("cash", None, "succeeded"),
    ]  # fmt: skip
    assert history["owed"] == eur(0)
    assert sorted(await ledger(shop.db, order_id)) == [
        ("charge", 5800), ("payment", -5000), ("payment", -800),
        ("refund", -2900), ("refund", -2900), ("repayment", 2900), ("repayment", 2900),
    ]  # fmt: skip
    assert await shop.sandbox.calls() == []


async def test_what_was_paid_on_collection_goes_back_at_the_counter(shop: Checkout) -> None:
    order_id = await shop.place(
        ("CASE-BLK", 2), total=5800, payment="on_collection", fulfilment="collect", collect_at="berlin"
    )
    path = f"/v1/orders/{order_id}"
    await shop.till.post(f"{path}/ready", {"location": "berlin"})
    early = await shop.refund(order_id, **back(1, tender="cash"))
    await shop.till.post(f"{path}/collect", {"location": "berlin", "tenders": [cash(6000)]})
    returned = await shop.refund(order_id, reason="line", line=1, quantity=1, tender="cash")

    assert problem(early) == (409, "refund_too_large")
    assert refunds(returned.json()) == [("line", 2900, "succeeded")]
    assert returned.json()["owed"] == eur(0)


async def test_what_was_paid_online_does_not_go_back_out_of_the_till(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    answers = [
        await shop.refund(order_id, **back(1, tender="cash")),
        await shop.refund(order_id, reason="line", line=1, quantity=1, tender="card_terminal"),
    ]

    assert [problem(answer) for answer in answers] == [(409, "refund_too_large")] * 2


# Once for each time it was promised.


async def test_two_equal_refunds_are_two_under_two_keys_and_one_under_one(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 2), total=7800)
    path, wanted = f"/v1/orders/{order_id}/refunds", back(1000)
    first = await shop.operator.post(path, wanted, once="first")
    again = await shop.operator.post(path, wanted, once="first")
    second = await shop.operator.post(path, wanted, once="second")
    other = await shop.operator.post(path, back(1001), once="second")
    await shop.settle()
    late = await shop.operator.post(path, wanted, once="first")
    keyless = await shop.client.post(path, json=wanted, headers={"Authorization": f"Bearer {shop.operator.key}"})
    await shop.settle()

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == again.content == late.content
    assert problem(other) == (422, "idempotency_key_reused")
    assert problem(keyless)[0] == 400
    assert refunds(await shop.history(order_id)) == [("goodwill", 1000, "succeeded")] * 2
    assert money(await shop.sandbox.ledger()) == [("capture", 7800), ("refund", -1000), ("refund", -1000)]
    keys = [call["key"] for call in await shop.sandbox.calls() if call["path"] == "/v1/refunds"]
    assert len(keys) == len(set(keys)) == 2
