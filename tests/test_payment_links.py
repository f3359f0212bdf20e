"""Links to pay: who has to come back to pay is told so, and only those who act for the buyer see by which link."""

from datetime import timedelta

from commerce.kernel.access import Role
from commerce.kernel.relay import react
from orders.payments.call_back import write_link_to_buyer
from tests.conftest import Callers, Json, problem
from tests.paying import Checkout, whats
from tests.shop import rows
from tests.stories import eur, told

FAILS_LATER, WRITTEN = "pm_card_chargeCustomerFail", "payment_link_written"
TO_BERLIN = {"fulfilment": "collect", "collect_at": "berlin"}
DEADLINE = "2026-11-04T12:00:00Z"


async def not_charged(shop: Checkout) -> str:
    """An order of two cases to be collected in Berlin, whose saved card declined when it was charged; its id."""
    order_id = await shop.paid(("CASE-BLK", 2), total=5800, payment="later", method=FAILS_LATER, **TO_BERLIN)
    assert (await shop.operator.post(f"/v1/orders/{order_id}/charge")).status_code == 200
    await shop.settle()
    return order_id


async def link_of(shop: Checkout) -> str:
    """The link that was told, however it is shown."""
    [needed] = await told(shop.db, "buyer_needed")
    return str(needed["link"])


def written(history: Json) -> list[Json]:
    """What the timeline says the buyer was told."""
    return [entry["facts"] for entry in history["timeline"] if entry["what"] == WRITTEN]


async def test_whose_card_was_declined_is_told_by_which_link_and_until_when(shop: Checkout) -> None:
    """The storefront that sold it reads there what it mails, and the buyer pays with another card."""
    order_id = await not_charged(shop)
    link = await link_of(shop)
    operators, theirs = await shop.history(order_id), (await shop.web.get(f"/v1/orders/{order_id}")).json()
    page = (await shop.web.get(f"/v1/payment-links/{theirs['payments'][-1]['link']}")).json()
    await shop.buyer_pays(page)
    await shop.settle()
    paid = await shop.history(order_id)

    [balance] = operators["payments"]
    for history in (operators, theirs):
        assert written(history) == [{"payment": balance["id"], "link": link, "deadline": DEADLINE}]
        assert (history["payments"][-1]["link"], history["payments"][-1]["deadline"]) == (link, DEADLINE)
    assert (paid["owed"], [payment["link"] for payment in paid["payments"]]) == (eur(0), [None])


async def test_only_those_who_act_for_the_buyer_see_the_link(shop: Checkout) -> None:
    """A till in whose store the goods wait sees that the buyer was written to, and no more; others see nothing."""
    order_id = await not_charged(shop)
    link, callers = await link_of(shop), Callers(shop.db, shop.client)
    path = f"/v1/orders/{order_id}"
    payment = (await shop.payment(order_id))["id"]
    at_the_till = await shop.till.get(path)
    boss = await callers(Role.ADMIN)
    strangers = [
        await (await callers(Role.STOREFRONT, channel="web-us")).get(path),
        await (await callers(Role.TERMINAL, channel="retail-de", location="munich")).get(path),
        await (await callers(Role.ANALYST)).get(path),
        await (await callers(Role.MERCHANDISER)).get(f"/v1/payments/{payment}"),
        await shop.web.get(f"/v1/payments/{payment}"),
    ]
    moved = await shop.web.post(f"{path}/cancel", {"reason": "changed my mind"}, once="cancel")
    refused = await shop.till.post(f"{path}/ready", {"location": "berlin"})

    assert at_the_till.status_code == 200, at_the_till.text
    assert written(at_the_till.json()) == [{"payment": payment, "deadline": DEADLINE}]
    assert link not in at_the_till.text
    assert ["link" in one for one in at_the_till.json()["payments"]] == [False]
    assert [problem(answer) for answer in strangers] == [
        (403, "wrong_channel"), (404, "not_found"), (403, "wrong_role"), (403, "wrong_role"), (403, "wrong_role"),
    ]  # fmt: skip
    assert [link in answer.text for answer in (*strangers, refused)] == [False] * 6
    assert written(moved.json()) == [{"payment": payment, "link": link, "deadline": DEADLINE}]
    assert written((await boss.get(path)).json()) == written(moved.json())


async def test_a_till_that_moves_an_order_is_not_shown_the_link(shop: Checkout) -> None:
    """The buyer paid through it; the word stays on the timeline, for those who act for the buyer."""
    order_id = await not_charged(shop)
    link = await link_of(shop)
    await shop.buyer_pays((await shop.web.get(f"/v1/payment-links/{link}")).json())
    await shop.settle()
    ready = await shop.till.post(f"/v1/orders/{order_id}/ready", {"location": "berlin"})

    assert (ready.status_code, ready.json()["order"]["state"]) == (200, "ready")
    assert (whats(ready.json(), WRITTEN), link in ready.text) == ([WRITTEN], False)


async def test_what_the_buyer_is_told_is_written_once_however_often_the_bell_rings(shop: Checkout) -> None:
    order_id = await not_charged(shop)
    found = "SELECT message_id FROM outbox_deliveries WHERE reaction = 'write_link_to_buyer'"
    [(message_id,)] = await rows(shop.db, found)
    again = await react(shop.db, "write_link_to_buyer", message_id, write_link_to_buyer)

    assert (again, whats(await shop.history(order_id), WRITTEN)) == (False, [WRITTEN])


async def test_nobody_is_asked_to_pay_what_is_paid_or_over(shop: Checkout) -> None:
    """News may lie for days before a worker reads it."""
    order_id = await not_charged(shop)
    [needed] = await told(shop.db, "buyer_needed")

    async def read_late(by: timedelta = timedelta(0)) -> list[str]:
        async with shop.db.transaction() as tx:
            await write_link_to_buyer(tx, needed, shop.clock.now() + by)
        return whats(await shop.history(order_id), WRITTEN)

    too_late = await read_late(timedelta(hours=48))
    in_time = await read_late(timedelta(hours=47))
    await shop.buyer_pays((await shop.web.get(f"/v1/payment-links/{needed['link']}")).json())
    await shop.settle()
    paid = await read_late()

    assert (too_late, in_time, paid) == ([WRITTEN], [WRITTEN] * 2, [WRITTEN] * 2)
