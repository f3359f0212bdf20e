"""Refunds that go wrong: refused, sent back, late, or made by others; the buyer is owed what did not come."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from commerce.kernel.money import Money
from orders.payments.port import SeenRefund
from orders.payments.reconcile import Reconciliation, reconcile_between
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.stripe_words import Refund, seen_refund
from orders.payments.tasks import NIGHT, Caller
from tests.conftest import Json, problem
from tests.front import Parcel, in_front_of
from tests.paid_store import back, intent_of, refunds, shipped
from tests.paying import Checkout, money
from tests.stories import eur, every_law_holds, ledger


async def test_a_refund_that_fails_is_still_owed_and_is_promised_anew(shop: Checkout) -> None:
    """The bank takes it at first, and sends it back a minute later; the second time it does the same."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()
    made = await shop.history(order_id)
    await shop.advance(timedelta(seconds=61))
    await shop.settle()
    failed = await shop.history(order_id)
    [first] = failed["refunds"]
    cases = await shop.cases()
    more = await shop.refund(order_id, **back(1))
    retried = await shop.operator.post(f"/v1/refunds/{first['id']}/retry", once="again")
    replayed = await shop.operator.post(f"/v1/refunds/{first['id']}/retry", once="again")
    twice = await shop.operator.post(f"/v1/refunds/{first['id']}/retry")
    await shop.settle()
    back_again = await shop.history(order_id)
    await shop.advance(timedelta(seconds=61))
    await shop.settle()

    assert (refunds(made), made["owed"]) == ([("line", 3900, "succeeded")], eur(0))
    assert (refunds(failed), first["failure"]) == ([("line", 3900, "failed")], "expired_or_canceled_card")
    assert (failed["owed"], failed["payments"][0]["refunded"]) == (eur(-3900), eur(0))
    assert cases == [("refund_failed", first["id"])]
    assert problem(more) == (409, "refund_too_large")
    assert retried.status_code == 201, retried.text
    assert retried.content == replayed.content
    assert problem(twice) == (409, "move_not_allowed")
    assert sorted(refunds(back_again)) == [("line", 3900, "replaced"), ("line", 3900, "succeeded")]
    assert back_again["owed"] == eur(0)
    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("line", 3900, "failed"), ("line", 3900, "replaced")]
    assert history["owed"] == eur(-3900)
    assert len(await shop.cases()) == 2
    assert money(await shop.sandbox.ledger()) == [
        ("capture", 3900), ("refund", -3900), ("refund_failed", 3900), ("refund", -3900), ("refund_failed", 3900),
    ]  # fmt: skip


async def test_only_a_refund_that_failed_is_promised_anew(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    promised = await shop.refund(order_id, **back(100))
    [refund] = promised.json()["refunds"]
    early = await shop.operator.post(f"/v1/refunds/{refund['id']}/retry")
    await shop.settle()
    made = await shop.operator.post(f"/v1/refunds/{refund['id']}/retry")
    never = await shop.operator.post(f"/v1/refunds/rfd_{'0' * 32}/retry")

    assert [problem(early), problem(made)] == [(409, "move_not_allowed")] * 2
    assert problem(never) == (404, "not_found")
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -100)]


async def test_a_refund_may_take_its_time(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_pendingRefund")
    await shop.refund(order_id, **back(3900))
    await shop.settle()
    pending = await shop.history(order_id)
    more = await shop.refund(order_id, **back(1))
    await shop.advance(timedelta(seconds=61))
    await shop.settle()

    assert (refunds(pending), pending["owed"]) == ([("goodwill", 3900, "pending")], eur(-3900))
    assert problem(more) == (409, "refund_too_large")
    history = await shop.history(order_id)
    assert (refunds(history), history["owed"]) == ([("goodwill", 3900, "succeeded")], eur(0))
    assert await shop.cases() == []


async def test_a_refund_that_the_provider_refuses_is_before_a_person(shop: Checkout) -> None:
    """The buyer's bank has taken the money already, so the provider gives none."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    intent = await intent_of(shop, order_id)
    await shop.sandbox.dispute(intent)
    await shop.refund(order_id, **back(3900))
    await shop.settle()

    history = await shop.history(order_id)
    [refund] = history["refunds"]
    assert (refund["state"], refund["failure"], history["owed"]) == ("failed", "charge_disputed", eur(-3900))
    assert ("refund_failed", refund["id"]) in await shop.cases()
    assert [kind for kind, _ in money(await shop.sandbox.ledger())] == ["capture", "dispute"]


async def test_what_went_back_at_the_provider_itself_is_in_our_books_and_before_a_person(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 2), total=7800)
    intent = await intent_of(shop, order_id)
    theirs = await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent, "amount": 3000})
    await shop.settle()
    too_much = await shop.refund(order_id, **back(4801))
    await shop.refund(order_id, **back(4800))
    await shop.settle()

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 4800, "succeeded"), ("provider", 3000, "succeeded")]
    assert (history["owed"], history["payments"][0]["refunded"]) == (eur(0), eur(7800))
    assert (problem(too_much), too_much.json()["facts"]["left"]) == ((409, "refund_too_large"), 4800)
    assert await shop.cases() == [("refund_made_at_provider", theirs.id)]
    assert sorted(await ledger(shop.db, order_id)) == [
        ("charge", 7800), ("payment", -7800),
        ("refund", -4800), ("refund", -3000), ("repayment", 3000), ("repayment", 4800),
    ]  # fmt: skip


@pytest.mark.parametrize("events", [{}, {"drop": 1}], ids=["heard", "lost"])
async def test_a_second_refund_under_the_same_id_is_in_our_books_and_before_a_person(
    shop: Checkout, events: Json
) -> None:
    """It bears the id of our one refund, as one that was made under two keys does. News of it comes, or the night."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    await shop.advance(timedelta(days=4))
    [ours] = (await shop.refund(order_id, **back(500))).json()["refunds"]
    await shop.settle()
    await shop.settle()  # The news of it.
    await shop.sandbox.faults(events=events)
    theirs = await made_there(shop, order_id, ours["id"])
    await shop.settle()
    await shop.advance(timedelta(hours=1))
    nights = [await night(shop) for _ in range(2)]

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 500, "succeeded"), ("provider", 500, "succeeded")]
    assert (history["owed"], history["payments"][0]["refunded"]) == (eur(0), eur(1000))
    assert await shop.cases() == [("refund_made_at_provider", theirs)]
    assert [done.settled for done in nights] == [1 if events else 0, 0]


async def test_two_refunds_under_one_id_that_are_heard_of_together_are_two(shop: Checkout) -> None:
    """Neither was ever answered, and no news of them came."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    away = {"match": {"method": "POST", "path": "/v1/refunds"}, "fault": "rate_limit"}
    await shop.sandbox.faults(away, events={"drop": 1})
    [ours] = (await shop.refund(order_id, **back(500))).json()["refunds"]
    await shop.work()
    await shop.sandbox.faults(events={"drop": 1})
    for _ in range(2):
        await made_there(shop, order_id, ours["id"])
    await shop.advance(timedelta(minutes=10))
    done = await night(shop)

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 500, "succeeded"), ("provider", 500, "succeeded")]
    assert (history["owed"], history["payments"][0]["refunded"], done.cases) == (eur(0), eur(1000), 1)


async def test_a_refund_that_was_given_up_and_was_made_all_the_same_is_before_a_person(shop: Checkout) -> None:
    """Somebody in front of the provider refused ours; then it is made there, under our id."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)

    async def refuses(parcel: Parcel) -> web.Response | None:
        if (parcel.method, parcel.path) != ("POST", "/v1/refunds"):
            return None
        return web.json_response({"error": {"type": "invalid_request_error", "code": "no"}}, status=400)

    async with in_front_of(shop.sandbox) as front:
        front.instead = refuses
        [ours] = (await shop.refund(order_id, **back(500))).json()["refunds"]
        await replace(shop, gateway=front.gateway()).settle()
    theirs = await made_there(shop, order_id, ours["id"])
    await shop.settle()

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 500, "failed"), ("provider", 500, "succeeded")]
    assert await shop.cases() == [("refund_failed", ours["id"]), ("refund_made_at_provider", theirs)]


async def made_there(shop: Checkout, order_id: str, refund_id: str) -> str:
    """Five euros go back at the provider, under the id of a refund of ours; the provider's id of it."""
    intent = await intent_of(shop, order_id)
    made = await shop.sandbox.client().v1.refunds.create_async(
        {"payment_intent": intent, "amount": 500, "metadata": {"refund": refund_id}}
    )
    return made.id


async def night(shop: Checkout) -> Reconciliation:
    """A night's reconciliation."""
    now = shop.clock.now()
    return await reconcile_between(shop.db, shop.gateway, now - NIGHT, now)


async def test_the_provider_and_we_give_back_the_same_money_at_once(shop: Checkout) -> None:
    """Ours comes second and is refused; that it is not owed any more, only a person can know."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    intent = await intent_of(shop, order_id)
    await shop.refund(order_id, **back(3900))
    await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent})
    await shop.settle()

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 3900, "failed"), ("provider", 3900, "succeeded")]
    assert [kind for kind, _ in await shop.cases()] == ["refund_failed", "refund_made_at_provider"]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]


async def test_a_refund_that_failed_and_was_made_anew_at_the_provider_is_heard_of_at_once(shop: Checkout) -> None:
    """The news of both comes together, the younger first: never does more seem to have gone back than came."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method="pm_card_refundFail")
    await shop.refund(order_id, **back(3900))
    await shop.settle()
    intent = await intent_of(shop, order_id)
    await shop.advance(timedelta(seconds=61))
    await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent, "amount": 2000})
    await shop.settle()

    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 3900, "failed"), ("provider", 2000, "succeeded")]
    assert history["payments"][0]["refunded"] == eur(2000)


async def test_an_order_is_cancelled_although_more_is_on_its_way_back_than_came(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    intent = await intent_of(shop, order_id)
    await shop.sandbox.faults({"match": {"method": "POST", "path": "/v1/refunds"}, "fault": "rate_limit"})
    await shop.refund(order_id, **back(1000))
    await shop.settle()
    await shop.sandbox.faults()
    await shop.sandbox.client().v1.refunds.create_async({"payment_intent": intent})
    await shop.settle()
    cancelled = await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "nobody wants it"})
    await shop.advance(timedelta(minutes=5))
    await shop.settle()

    assert cancelled.status_code == 200, cancelled.text
    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("goodwill", 1000, "failed"), ("provider", 3900, "succeeded")]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]


async def test_what_went_back_before_does_not_go_back_again_when_the_order_is_cancelled(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 2), total=8299, shipping=eur(499))
    await shop.refund(order_id, **back(499, "shipping"))
    await shop.settle()
    await shop.refund(order_id, **back(1000))
    await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    await every_law_holds(shop.db)
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["owed"], history["payments"][0]["refunded"]) == (eur(0), eur(8299))
    assert sorted(refunds(history)) == [
        ("cancellation", 6800, "succeeded"), ("goodwill", 1000, "succeeded"), ("shipping", 499, "succeeded"),
    ]  # fmt: skip
    assert sum(amount for _, amount in await ledger(shop.db, order_id)) == 0


async def test_what_went_back_before_may_be_all_that_there_was_to_give_for_a_cancelled_rest(shop: Checkout) -> None:
    """One of two is kept, and all but eight euros went back as goodwill: the eight are what is left to give."""
    order_id = await shop.paid(("CHARGER", 2), total=7800)
    path = f"/v1/orders/{order_id}"
    await shop.operator.post(f"{path}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]})
    await shop.refund(order_id, **back(7000))
    await shop.settle()
    cancelled = await shop.operator.post(f"{path}/cancel", {"reason": "broken"})
    await every_law_holds(shop.db)
    await shop.settle()

    assert cancelled.status_code == 200, cancelled.text
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))
    assert sorted(refunds(history)) == [("cancellation", 800, "succeeded"), ("goodwill", 7000, "succeeded")]


async def test_what_is_on_its_way_back_pays_nothing_of_what_is_still_owed(shop: Checkout) -> None:
    """The second charger's money is still being taken, and a goodwill still on its way, when the third is cancelled."""
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    path, one = f"/v1/orders/{order_id}", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
    await shop.operator.post(f"{path}/ship", one)
    await shop.settle()
    await shop.refund(order_id, **back(500))
    await shop.operator.post(f"{path}/ship", one)
    await shop.operator.post(f"{path}/cancel", {"reason": "broken"})
    await every_law_holds(shop.db)
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))
    assert {t["state"] for t in history["order"]["tenders"]} == {"paid", "void"}
    assert sorted(money(await shop.sandbox.ledger())) == [("capture", 3900), ("capture", 3900), ("refund", -500)]


class NextRelease(StripeGateway):
    """A release that says one word more when it refunds."""

    async def refund(self, provider_id: str, amount: Money, *, refund_id: str, key: str) -> SeenRefund:
        """As always, with one more word."""
        metadata = {"refund": refund_id, "release": "next"}
        words = {"payment_intent": provider_id, "amount": amount.minor, "metadata": metadata}
        return seen_refund(await self._ask(Refund, "refunds", "post", "/v1/refunds", key=key, **words))


async def test_a_release_that_says_it_otherwise_does_not_refund_twice(shop: Checkout) -> None:
    """The refund is made and its answer lost; the next release sends it again in other words, under the same key."""
    order_id = await shipped(shop, ("CHARGER", 1), total=3900)
    await shop.sandbox.faults({"match": {"method": "POST", "path": "/v1/refunds"}, "fault": "drop_after"})
    assert (await shop.refund(order_id, **back(1000))).status_code == 201
    await shop.work()
    await shop.sandbox.faults()
    released = NextRelease("sk_test_stories", base=shop.sandbox.url)
    async with Caller(shop.db, released) as caller:
        await shop.advance(timedelta(seconds=10))
        assert await caller.once()
    await released.close()
    await shop.settle()

    assert refunds(await shop.history(order_id)) == [("goodwill", 1000, "succeeded")]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -1000)]
    assert await shop.cases() == []
