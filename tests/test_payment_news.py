"""News: what the provider tells of is looked at until it is understood, and no try of a buyer's is lost on the way."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from orders.payments import stripe_words
from orders.payments.looks import claim_looks, look, settle_alone
from orders.payments.port import SeenPayment
from orders.payments.stripe_gateway import StripeGateway
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


class SlowAnswer(StripeGateway):
    """A provider whose first answer is long on its way."""

    def __init__(self, url: str) -> None:
        super().__init__("sk_test_stories", base=url)
        self.told = asyncio.Event()
        self.heard = asyncio.Event()

    async def look(self, provider_id: str) -> SeenPayment:
        """Tell how it is now, and be heard later."""
        seen = await super().look(provider_id)
        self.told.set()
        await self.heard.wait()
        return seen


async def test_news_is_not_forgotten_for_an_older_look_that_took_long(shop: Checkout) -> None:
    """A declined card is being looked at; the news of a second one is dealt with meanwhile, and then the third pays."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.settle()
    await shop.buyer_pays(page, DECLINED)
    await shop.deliver()
    [first] = await claim_looks(shop.db, shop.clock.now(), 9)
    slow = SlowAnswer(shop.sandbox.url)
    looking = asyncio.create_task(look(shop.db, slow, first, settle_alone(shop.db)))
    await slow.told.wait()
    await shop.buyer_pays(page, DECLINED)
    await shop.settle()
    between = await rows(shop.db, "SELECT 1 FROM provider_looks")
    await shop.buyer_pays(page)
    await shop.deliver()
    news = await rows(shop.db, "SELECT wanted FROM provider_looks")
    slow.heard.set()
    await looking
    await slow.close()

    assert (between, news) == ([], [(first.wanted,)])
    assert await rows(shop.db, "SELECT wanted FROM provider_looks") == news
    await shop.settle()
    assert (await shop.payment(order_id))["state"] == "captured"
