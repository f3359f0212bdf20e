"""Refunds: money goes back to the cent, out of what it came with, and never more than came."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from commerce.kernel.access import Role
from commerce.kernel.money import cumulative_part, half_up
from tests.conftest import Callers, Json, problem
from tests.paid_store import back, refunds, shipped
from tests.paying import Checkout, money, whats
from tests.reported import report_anew
from tests.shop import put_stock, rows
from tests.stories import eur, ledger, order, plant

# Units of a line.


async def test_units_of_a_line_go_back_at_what_they_were_bought_for(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 3), ("PHONE-WHT", 1), total=91600)
    promised = await shop.refund(order_id, reason="line", line=1, quantity=2, note="never used")
    await shop.settle()

    assert promised.status_code == 201, promised.text
    assert refunds(promised.json()) == [("line", 7800, "intended")]
    assert promised.json()["owed"] == eur(-7800)
    history = await shop.history(order_id)
    [made] = history["refunds"]
    assert (made["line"], made["quantity"], made["tender"], made["failure"]) == (1, 2, None, None)
    assert (made["payment"], made["state"]) == (history["payments"][0]["id"], "succeeded")
    assert (history["owed"], history["payments"][0]["refunded"]) == (eur(0), eur(7800))
    assert sorted(whats(history, "refund")) == ["refund_promised", "refunded"]
    assert await ledger(shop.db, order_id) == [
        ("charge", 91600), ("repayment", 7800), ("refund", -7800), ("payment", -91600),
    ]  # fmt: skip
    assert money(await shop.sandbox.ledger()) == [("capture", 91600), ("refund", -7800)]


async def discounted(shop: Checkout, *quantities: int, discount: int) -> str:
    """An order for chargers in so many lines, each with this discount on it; it was paid and has left. Its id."""
    gross = 3900 * sum(quantities)
    net = gross - discount * len(quantities)
    order_id = await shop.place(*(("CHARGER", quantity) for quantity in quantities), total=gross)
    where = f"order_id = '{order_id}'"
    await plant(
        shop.db,
        "INSERT INTO promotions (id, market, name, state, definition, version, on_cancel, on_return, created_by,"
        " created_at) VALUES ('prm_story', 'de', 'Planted', 'draft', '{}', 1, 'keep', 'keep', 'story', '2026-01-01Z')"
        " ON CONFLICT DO NOTHING",
        "INSERT INTO promotion_steps (promotion_id, step, actor, at)"
        " SELECT 'prm_story', 'draft', 'story', '2026-01-01Z' WHERE NOT EXISTS (SELECT FROM promotion_steps)",
        "INSERT INTO order_line_discounts (order_id, line, promotion_id, place, amount)"
        f" SELECT order_id, line, 'prm_story', 1, {discount} FROM order_lines WHERE {where}",
        f"UPDATE order_lines SET discount_total = {discount}, line_total = line_total - {discount} WHERE {where}",
        f"UPDATE order_lines SET tax_total = line_total - round(line_total / 1.19)::bigint WHERE {where}",
        f"UPDATE orders SET discount_total = {gross - net}, total = {net},"
        f" tax_total = (SELECT sum(tax_total) FROM order_lines WHERE {where}) WHERE id = '{order_id}'",
        f"UPDATE tenders SET amount = {net}, given = {net} WHERE {where}",
        "ALTER TABLE ledger_entries DISABLE TRIGGER append_only",
        f"UPDATE ledger_entries SET amount = {net} WHERE {where}",
        "ALTER TABLE ledger_entries ENABLE TRIGGER append_only",
    )
    await report_anew(shop.db)
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()
    answer = await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    assert answer.status_code == 200, answer.text
    return order_id


STEPS = [(1, 1, 1, 1, 1, 1), (5, 1), (1, 5), (2, 2, 2), (3, 3), (4, 2), (1, 2, 3), (6,)]


async def test_in_whatever_steps_a_line_goes_back_its_parts_add_up_to_its_price(shop: Checkout) -> None:
    """Six chargers for 140.39, which no six equal prices add up to."""
    order_id = await discounted(shop, *[6] * len(STEPS), discount=9361)
    went_back: list[list[int]] = []
    for line, steps in enumerate(STEPS, 1):
        went_back.append([])
        for quantity in steps:
            answer = await shop.refund(order_id, reason="line", line=line, quantity=quantity)
            assert answer.status_code == 201, answer.text
            known = [one["amount"]["amount"] for one in answer.json()["refunds"] if one["line"] == line]
            went_back[-1].append(sum(known) - sum(went_back[-1]))
    await shop.settle()

    assert went_back == [
        [2340, 2340, 2340, 2339, 2340, 2340],
        [11699, 2340],
        [2340, 11699],
        [4680, 4679, 4680],
        [7020, 7019],
        [9359, 4680],
        [2340, 4680, 7019],
        [14039],
    ]
    history = await shop.history(order_id)
    assert history["payments"][0]["refunded"] == history["payments"][0]["captured"] == eur(14039 * len(STEPS))
    assert history["owed"] == eur(0)


async def test_buy_six_forty_percent_off_return_five(shop: Checkout) -> None:
    """The one that is kept and the five that go back are what was paid: 140.40, and with an odd cent 140.39."""
    order_id = await discounted(shop, 6, discount=9361)
    steps = [await shop.refund(order_id, reason="line", line=1, quantity=1) for _ in range(5)]
    await shop.settle()

    went_back = [one["amount"]["amount"] for one in steps[-1].json()["refunds"]]
    assert sorted(went_back) == [2339, 2340, 2340, 2340, 2340]
    history = await shop.history(order_id)
    kept = history["payments"][0]["captured"]["amount"] - history["payments"][0]["refunded"]["amount"]
    assert (sum(went_back), kept) == (11699, 2340)
    assert history["owed"] == eur(0)


@given(
    st.integers(0, 10**9),
    st.lists(st.integers(1, 50), min_size=1, max_size=12),
    st.integers(0, 11),
)
def test_what_goes_back_and_what_is_kept_are_what_was_paid(paid: int, steps: list[int], returned: int) -> None:
    of, before, went_back = sum(steps), 0, 0
    for quantity in steps[:returned]:
        part = cumulative_part(paid, of, before, quantity)
        assert abs(part * of - paid * quantity) <= of, "no step is off by more than a cent"
        went_back, before = went_back + part, before + quantity
    kept = cumulative_part(paid, of, before, of - before)

    assert went_back + kept == paid
    assert went_back == half_up(before * paid, of), "in one step it is the same"


async def test_only_what_has_left_and_is_not_back_yet_goes_back(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700)
    path = f"/v1/orders/{order_id}"
    nothing_left = await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.operator.post(f"{path}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 2}]})
    too_many = await shop.refund(order_id, reason="line", line=1, quantity=3)
    first = await shop.refund(order_id, reason="line", line=1, quantity=1)
    still_too_many = await shop.refund(order_id, reason="line", line=1, quantity=2)
    second = await shop.refund(order_id, reason="line", line=1, quantity=1)
    none = await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()

    answers = (nothing_left, too_many, still_too_many, none)
    assert [problem(answer) for answer in answers] == [(409, "not_refundable")] * 4
    assert [answer.json()["facts"]["left"] for answer in answers] == [0, 2, 1, 0]
    assert (first.status_code, second.status_code) == (201, 201)
    assert (await shop.payment(order_id))["refunded"] == eur(7800)


async def test_units_that_cost_nothing_by_themselves_come_back_for_nothing(shop: Checkout) -> None:
    """Two hundred chargers for sixty cents: the first cent goes back with the second of them, as it is rounded."""
    order_id = await discounted(shop, 200, discount=779940)
    answers = [await shop.refund(order_id, reason="line", line=1, quantity=units) for units in (1, 1, 198)]
    await shop.settle()

    assert [answer.status_code for answer in answers] == [201] * 3
    assert refunds(await shop.history(order_id)) == [
        ("line", 0, "succeeded"),
        ("line", 1, "succeeded"),
        ("line", 59, "succeeded"),
    ]
    assert sorted(money(await shop.sandbox.ledger())) == [("capture", 60), ("refund", -59), ("refund", -1)]


# Shipping and goodwill, and how much there is.


def usd(amount: int) -> Json:
    """An amount in cents, as it is on the wire."""
    return {"amount": amount, "currency": "USD"}


async def test_shipping_and_goodwill_go_back_besides(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=4399, shipping=eur(499))
    answers = [
        await shop.refund(order_id, **back(400, "shipping")),
        await shop.refund(order_id, **back(100, "shipping")),
        await shop.refund(order_id, **back(99, "shipping")),
        await shop.refund(order_id, **back(1, "goodwill", note="a scratch")),
        await shop.refund(order_id, reason="line", line=1, quantity=1),
        await shop.refund(order_id, **back(3899)),
    ]
    await shop.settle()

    assert [answer.status_code for answer in answers] == [201, 409, 201, 201, 409, 201]
    assert (problem(answers[1])[1], answers[1].json()["facts"]) == (
        "refund_too_large",
        {"field": "amount", "wanted": 100, "left": 99},
    )
    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [
        ("goodwill", 1, "succeeded"), ("goodwill", 3899, "succeeded"),
        ("shipping", 99, "succeeded"), ("shipping", 400, "succeeded"),
    ]  # fmt: skip
    assert (history["owed"], history["payments"][0]["refunded"]) == (eur(0), eur(4399))


async def test_the_shipping_goes_back_with_its_tax_where_that_came_on_top(shop: Checkout, callers: Callers) -> None:
    await put_stock(shop.db, "CHARGER", "wh-us", 1)
    shown: Json = {"channel": "web-us", "shown_total": usd(4320), "shipping": usd(500)}
    american = await callers(Role.STOREFRONT, channel="web-us")
    placed = await american.post("/v1/orders", order(("CHARGER", 1), total=0) | shown)
    assert placed.status_code == 201, placed.text
    order_id = placed.json()["id"]
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-us"})
    await shop.operator.post(f"/v1/orders/{order_id}/hand-over", {})

    answers = [
        await shop.refund(order_id, reason="shipping", amount=usd(amount), tender="cash") for amount in (541, 540, 1)
    ]

    assert [answer.status_code for answer in answers] == [409, 201, 409]


async def test_what_was_not_paid_for_shipping_does_not_go_back_for_it(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)

    assert problem(await shop.refund(order_id, **back(1, "shipping"))) == (409, "refund_too_large")


async def test_never_more_goes_back_than_came(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 2), total=7800)
    too_much = await shop.refund(order_id, **back(7801))
    most = await shop.refund(order_id, **back(7000))
    again = await shop.refund(order_id, **back(801))
    units = await shop.refund(order_id, reason="line", line=1, quantity=1)
    rest = await shop.refund(order_id, **back(800))
    none = await shop.refund(order_id, **back(1))
    await shop.settle()

    refused = (too_much, again, units, none)
    assert [problem(answer) for answer in refused] == [(409, "refund_too_large")] * 4
    assert [tuple(answer.json()["facts"].values()) for answer in refused] == [
        ("amount", 7801, 7800), ("amount", 801, 800), ("quantity", 3900, 800), ("amount", 1, 0),
    ]  # fmt: skip
    assert (most.status_code, rest.status_code) == (201, 201)
    assert money(await shop.sandbox.ledger()) == [("capture", 7800), ("refund", -7000), ("refund", -800)]


async def test_what_is_not_taken_yet_cannot_go_back(shop: Checkout) -> None:
    waiting = await shop.place(("CHARGER", 1), total=3900)
    reserved = await shop.paid(("CHARGER", 2), total=7800, payment="on_shipment")
    on_collection = await shop.place(("CHARGER", 1), total=3900, payment="on_collection")
    answers = [await shop.refund(order_id, **back(1)) for order_id in (waiting, reserved, on_collection)]
    await shop.operator.post(
        f"/v1/orders/{reserved}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
    )
    await shop.settle()
    taken = await shop.refund(reserved, **back(3901))
    part = await shop.refund(reserved, reason="line", line=1, quantity=1)
    await shop.settle()

    assert [problem(answer) for answer in answers] == [(409, "refund_too_large")] * 3
    assert taken.json()["facts"] == {"field": "amount", "wanted": 3901, "left": 3900}
    assert part.status_code == 201
    history = await shop.history(reserved)
    assert (history["payments"][0]["state"], history["payments"][0]["refunded"]) == ("authorised", eur(3900))


async def paid_in_two_parts(shop: Checkout, wanted: tuple[str, int], total: int) -> str:
    """An order that was paid by a deposit and a day later by a charge, and whose goods have left; its id."""
    order_id = await shop.paid(wanted, total=total, payment="later", deposit=eur(10000))
    await shop.advance(timedelta(days=1))
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    return order_id


async def test_a_refund_comes_out_of_the_balance_first_and_then_out_of_the_deposit(shop: Checkout) -> None:
    order_id = await paid_in_two_parts(shop, ("PHONE-WHT", 1), total=79900)
    little = await shop.refund(order_id, **back(900))
    whole = await shop.refund(order_id, reason="line", line=1, quantity=1)
    rest = await shop.refund(order_id, **back(79000))
    more = await shop.refund(order_id, **back(1))
    await shop.settle()

    assert refunds(little.json()) == [("goodwill", 900, "intended")]
    assert problem(whole) == (409, "refund_too_large")
    assert sorted(one["amount"]["amount"] for one in rest.json()["refunds"]) == [900, 10000, 69000]
    assert problem(more) == (409, "refund_too_large")
    history = await shop.history(order_id)
    assert [(p["purpose"], p["refunded"]) for p in history["payments"]] == [
        ("deposit", eur(10000)), ("balance", eur(69900)),
    ]  # fmt: skip
    assert sorted(money(await shop.sandbox.ledger())) == [
        ("capture", 10000), ("capture", 69900), ("refund", -69000), ("refund", -10000), ("refund", -900),
    ]  # fmt: skip


async def test_units_that_were_paid_in_two_parts_count_once(shop: Checkout) -> None:
    order_id = await paid_in_two_parts(shop, ("CHARGER", 3), total=11700)
    two = await shop.refund(order_id, reason="line", line=1, quantity=2)
    too_many = await shop.refund(order_id, reason="line", line=1, quantity=2)
    last = await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()

    parts = [(one["quantity"], one["amount"]["amount"]) for one in two.json()["refunds"]]
    assert sorted(parts) == [(0, 6100), (2, 1700)]
    assert (problem(too_many), too_many.json()["facts"]["left"]) == ((409, "not_refundable"), 1)
    assert last.status_code == 201
    history = await shop.history(order_id)
    assert (history["owed"], [p["refunded"] for p in history["payments"]]) == (eur(0), [eur(10000), eur(1700)])


async def test_what_goes_back_comes_out_of_the_payment_that_was_asked_for_last(shop: Checkout) -> None:
    """A deposit and the rest, both in one instant: time alone cannot tell them apart."""
    orders = [await shop.paid(("CHARGER", 1), total=3900, payment="later", deposit=eur(1000)) for _ in range(6)]
    for order_id in orders:
        await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()
    for order_id in orders:
        await shop.refund(order_id, **back(500))
    await shop.settle()

    found = "SELECT p.purpose, count(*)::int FROM refunds r JOIN payments p ON p.id = r.payment_id GROUP BY 1"
    assert await rows(shop.db, found) == [("balance", 6)]
