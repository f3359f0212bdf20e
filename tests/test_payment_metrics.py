"""What whoever runs this watches of payments: what is in doubt and since when, what is under way, what was answered."""

from collections import Counter
from datetime import timedelta

from prometheus_client import REGISTRY

from commerce.kernel.metrics import PROVIDER_REQUESTS
from orders.payments.reconcile import reconcile_between
from tests.conftest import Json
from tests.paying import Checkout
from tests.stories import eur

CHARGER = ("CHARGER", 1)
INTENTS: Json = {"path": "/v1/payment_intents"}


async def watched(shop: Checkout) -> dict[str, float]:
    """The gauges of payments, read anew."""
    await shop.advance(timedelta(seconds=5))
    lines = (await shop.client.get("/metrics")).text.splitlines()
    named = (line.split() for line in lines if line.startswith(("commerce_payments_", "commerce_payment_cases")))
    return {name.removeprefix("commerce_"): float(value) for name, value in named}


def requests() -> Counter[tuple[str, str]]:
    """How many requests went to each of the provider's endpoints, by what came of them."""
    [family] = PROVIDER_REQUESTS.collect()
    return Counter(
        {
            (one.labels["endpoint"], one.labels["outcome"]): int(one.value)
            for one in family.samples
            if one.name.endswith("_total")
        }
    )


def counted(operation: str, outcome: str) -> float:
    """How many calls of this kind came to this."""
    labels = {"operation": operation, "outcome": outcome}
    return REGISTRY.get_sample_value("commerce_provider_calls_total", labels) or 0


async def test_what_is_in_doubt_is_seen_with_its_age(shop: Checkout) -> None:
    quiet = await watched(shop)
    waiting = await shop.place(CHARGER, total=3900)
    await shop.begin(waiting)
    begun = await watched(shop)
    await shop.sandbox.faults({"match": INTENTS, "fault": "error_before"})
    for _ in range(2):
        order_id = await shop.place(CHARGER, total=3900)
        assert (await shop.web.post(f"/v1/orders/{order_id}/payments")).status_code == 503
        await shop.advance(timedelta(seconds=20))
    doubtful = await watched(shop)
    await shop.sandbox.faults()
    await shop.settle()
    cleared = await watched(shop)

    nothing = {"payments_in_doubt": 0, "payments_oldest_doubt_seconds": 0, "payment_cases_open": 0}
    assert quiet == {**nothing, "payments_in_flight": 0}
    assert begun == {**nothing, "payments_in_flight": 1}
    assert doubtful == {
        "payments_in_doubt": 2,
        "payments_oldest_doubt_seconds": 45,
        "payments_in_flight": 3,
        "payment_cases_open": 0,
    }
    assert cleared == {**nothing, "payments_in_flight": 3}


async def test_what_waits_for_a_person_is_counted(shop: Checkout) -> None:
    await shop.paid(CHARGER, total=3900, method="pm_card_createDispute")
    opened = await watched(shop)
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    await shop.operator.post(f"/v1/payment-cases/{case['id']}/close", {"note": "answered"})
    closed = await watched(shop)

    assert (opened["payment_cases_open"], opened["payments_in_flight"]) == (1, 0)
    assert closed["payment_cases_open"] == 0


async def test_every_call_is_counted_by_what_came_of_it(shop: Checkout) -> None:
    kinds = [(one, two) for one in ("open", "refund") for two in ("answered", "refused", "in_doubt", "not_now")]
    before = {kind: counted(*kind) for kind in kinds}
    order_id = await shop.paid(CHARGER, total=3900)
    doubtful = await shop.place(CHARGER, total=3900)
    for fault in ("drop_after", "rate_limit"):
        await shop.sandbox.faults({"match": INTENTS, "fault": fault})
        await shop.web.post(f"/v1/orders/{doubtful}/payments")
        await shop.advance(timedelta(minutes=3))
    await shop.sandbox.faults()
    await shop.work()
    await shop.refund(order_id, reason="goodwill", amount=eur(1000))
    intent = (await shop.operator.get(f"/v1/payments/{(await shop.payment(order_id))['id']}")).json()["provider_id"]
    headers = {"Authorization": "Bearer sk_test_stories"}
    await shop.sandbox.http.post("/v1/refunds", data={"payment_intent": intent}, headers=headers)
    await shop.work()

    more = {kind: counted(*kind) - count for kind, count in before.items()}
    assert {kind: count for kind, count in more.items() if count} == {
        ("open", "answered"): 2,
        ("open", "in_doubt"): 1,
        ("open", "not_now"): 1,
        ("refund", "refused"): 1,
    }


async def test_every_request_is_counted_whatever_it_asks_for(shop: Checkout) -> None:
    """Calls that move money, looks and lists alike, and what came of each; the provider has seen as many."""
    before, seen_before = requests(), len(await shop.sandbox.calls())
    order_id = await shop.place(CHARGER, total=3900)
    page = await shop.begin(order_id)
    await shop.sandbox.faults({"match": {"method": "GET"}, "fault": "rate_limit"})
    away = await shop.web.post(f"/v1/payments/{page['payment']['id']}/confirm")
    await shop.sandbox.faults()
    back = await shop.web.post(f"/v1/payments/{page['payment']['id']}/confirm")
    await reconcile_between(shop.db, shop.gateway, shop.clock.now() - timedelta(days=1), shop.clock.now())
    more = requests() - before
    seen = await shop.sandbox.calls()

    assert (away.status_code, back.status_code) == (503, 200)
    assert more == {
        ("payment_intents", "answered"): 1,
        ("payment_intents.read", "not_now"): 1,
        ("payment_intents.read", "answered"): 1,
        ("payment_intents.list", "answered"): 1,
        ("refunds.list", "answered"): 1,
        ("setup_intents.list", "answered"): 1,
        ("disputes.list", "answered"): 1,
    }
    assert sum(more.values()) == len(seen) - seen_before
