"""Reconciling while the provider has its troubles: what cannot be looked at does not stand in the way of the rest."""

from datetime import timedelta

import pytest

from orders.payments.port import InDoubt
from orders.payments.reconcile import Reconciliation, reconcile_between
from orders.payments.tasks import NIGHT, payment_jobs
from tests.conftest import Json
from tests.paid_store import intent_of
from tests.paying import DISPUTED, Checkout
from tests.shop import rows

RESERVED = "SELECT state FROM payments ORDER BY created_at, id"


async def reserved(shop: Checkout, count: int) -> list[str]:
    """Payments that were reserved longer ago than a night looks back, as the provider calls them, in our order."""
    orders = [await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment") for _ in range(count)]
    await shop.sandbox.faults(events={"drop": 1})
    await shop.advance(timedelta(days=4))
    return [await intent_of(shop, order_id) for order_id in orders]


def at(intent: str, fault: str = "error_before", **more: int) -> Json:
    """A fault of a look at one payment, or at all."""
    return {"match": {"method": "GET", "path": f"/v1/payment_intents/{intent}", **more}, "fault": fault}


async def looked_at(shop: Checkout, since: int) -> list[str]:
    """What was asked of the provider since so many calls, without the common beginning."""
    return [call["path"].removeprefix("/v1/") for call in (await shop.sandbox.calls())[since:]]


async def night(shop: Checkout) -> Reconciliation:
    """One night's reconciliation."""
    now = shop.clock.now()
    return await reconcile_between(shop.db, shop.gateway, now - NIGHT, now)


async def test_one_that_cannot_be_looked_at_does_not_keep_the_others_from_being_seen(shop: Checkout) -> None:
    """Three were let go at the provider and a fourth was disputed, of which no news came; the first look is in vain."""
    intents = await reserved(shop, 3)
    await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    for intent in intents:
        await shop.sandbox.client().v1.payment_intents.cancel_async(intent)
    await shop.advance(timedelta(minutes=10))
    await shop.sandbox.faults(at(intents[0]), events={"drop": 1})
    job = payment_jobs(shop.gateway)["reconcile_nightly"]
    asked = len(await shop.sandbox.calls())
    with pytest.raises(InDoubt, match=r"1 could not be looked at, the first: APIError"):
        await job.work(shop.db, shop.clock.now())
    looked = await looked_at(shop, asked)
    between = await rows(shop.db, RESERVED)
    await shop.sandbox.faults(events={"drop": 1})
    await job.work(shop.db, shop.clock.now())

    assert looked.count(f"payment_intents/{intents[0]}") == 2
    assert looked[-3:] == ["refunds", "setup_intents", "disputes"]
    assert between == [("authorised",), ("cancelled",), ("cancelled",), ("captured",)]
    assert await rows(shop.db, RESERVED) == [("cancelled",), ("cancelled",), ("cancelled",), ("captured",)]
    assert [kind for kind, _ in await shop.cases()] == ["dispute"]


async def test_one_lost_answer_is_asked_for_once_more(shop: Checkout) -> None:
    [intent] = await reserved(shop, 1)
    await shop.sandbox.client().v1.payment_intents.cancel_async(intent)
    await shop.sandbox.faults(at(intent, "drop_after", nth=1), events={"drop": 1})
    done = await night(shop)

    assert (done.settled, done.not_seen, done.trouble) == (1, 0, None)


async def test_where_the_provider_is_away_not_everything_is_waited_for(shop: Checkout) -> None:
    """Seven reservations; after five that are not told, the others of their kind wait, and other kinds are seen."""
    intents = await reserved(shop, 7)
    await shop.sandbox.faults(at("pi_*"), events={"drop": 1})
    asked = len(await shop.sandbox.calls())
    done = await night(shop)

    looked = await looked_at(shop, asked)
    twice = [f"payment_intents/{intent}" for intent in intents[:5] for _ in range(2)]
    assert looked == ["payment_intents", *twice, "refunds", "setup_intents", "disputes"]
    assert (done.not_seen, (done.trouble or "").partition(":")[0]) == (5, "APIError")


async def test_a_list_that_breaks_off_does_not_keep_the_others_from_being_read(shop: Checkout) -> None:
    [intent] = await reserved(shop, 1)
    await shop.sandbox.client().v1.payment_intents.cancel_async(intent)
    lists: list[Json] = [
        {"match": {"method": "GET", "path": f"/v1/{kind}"}, "fault": "error_before"} for kind in ("refunds", "disputes")
    ]
    await shop.sandbox.faults(*lists, events={"drop": 1})
    done = await night(shop)

    assert (done.settled, done.not_seen) == (1, 2)
