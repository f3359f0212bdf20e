"""News: what the provider tells of is looked at until it is understood, and no try of a buyer's is lost on the way."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from orders.payments import stripe_words
from tests.paying import DECLINED, NO_MONEY, Checkout, whats
from tests.shop import rows


async def test_who_tries_faster_than_we_look_is_seen_with_every_try(shop: Checkout) -> None:
    """Three cards are declined and the fourth is taken, before anybody looks."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    for card in (DECLINED, NO_MONEY, DECLINED):
        await shop.buyer_pays(page, card)
    await shop.buyer_pays(page)
    await shop.settle()
    shown = (await shop.operator.get(f"/v1/payments/{page['payment']['id']}")).json()

    tries = sorted((one["state"], one["decline_code"] or "", one["method"]) for one in shown["attempts"])
    assert tries == [
        ("declined", "generic_decline", "visa 0002"),
        ("declined", "generic_decline", "visa 0002"),
        ("declined", "insufficient_funds", "visa 9995"),
        ("succeeded", "", "visa 4242"),
    ]
    assert len(whats(await shop.history(order_id), "payment_declined")) == 3
    assert shown["payment"]["state"] == "captured"


async def test_a_payment_without_a_decline_is_looked_at_once(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()

    asked = [call for call in await shop.sandbox.calls() if call["method"] == "GET"]
    assert len(asked) == 1


async def test_news_that_is_not_understood_is_before_a_person(shop: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider tells of a payment in a word that this release does not know; the next release does."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    intent = page["client_secret"].partition("_secret_")[0]
    with monkeypatch.context() as old:
        old.delitem(stripe_words._PAYMENTS, "succeeded")  # noqa: SLF001 - a release that does not know the word
        await shop.deliver()
        for _ in range(9):
            await shop.work()
            await shop.advance(timedelta(minutes=2))
        before = await shop.cases()
        await shop.work()
        await shop.client.get("/metrics")
        seen = {
            name: REGISTRY.get_sample_value(f"commerce_payment_news_{name}") for name in ("unread", "oldest_seconds")
        }
        [(tries, error)] = await rows(shop.db, "SELECT tries, last_error FROM provider_looks")
    after = await shop.cases()
    await shop.advance(timedelta(minutes=2))
    await shop.settle()

    assert (before, after) == ([], [("news_not_understood", intent)])
    assert (tries, "succeeded" in error) == (10, True)
    assert seen == {"unread": 1, "oldest_seconds": 9 * 120}
    assert (await shop.payment(order_id))["state"] == "captured"
    assert await rows(shop.db, "SELECT 1 FROM provider_looks") == []
    assert await rows(shop.db, "SELECT closed_by, note FROM payment_cases") == [("worker", "it passed by itself")]
