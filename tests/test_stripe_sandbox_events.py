"""The sandbox's events on their way: signed, five-fold, late, lost, and posted until somebody takes them."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import stripe

from tests.conftest import NOON
from tests.stripe_backends import StripeSandbox

OLD, NEW = "whsec_old", "whsec_new"


async def customers(sandbox: StripeSandbox, count: int) -> list[str]:
    """So many events, each of another customer: their ids."""
    client = sandbox.client()
    return [(await client.v1.customers.create_async({})).id for _ in range(count)]


def about(deliveries: list[dict[str, str]]) -> list[str]:
    """Whom deliveries tell of, in the order in which they came."""
    return [json.loads(each["body"])["data"]["object"]["id"] for each in deliveries]


async def test_a_delivery_is_signed_with_every_secret(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.set_clock(NOON)
    await stripe_sandbox.webhook(None, OLD, NEW)
    [customer] = await customers(stripe_sandbox, 1)

    [delivery] = await stripe_sandbox.deliver()

    instant = int(NOON.timestamp())
    assert delivery["signature"].startswith(f"t={instant},v1=")
    for secret in (OLD, NEW):
        event = stripe.Webhook.construct_event(delivery["body"], delivery["signature"], secret, tolerance=10**9)
        assert (event.id, event.type, event.created) == (delivery["event_id"], "customer.created", instant)
        assert event.data.object["id"] == customer
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(delivery["body"], delivery["signature"], "whsec_other", tolerance=10**9)
    assert await stripe_sandbox.deliver() == []


async def test_an_event_says_which_call_it_came_from(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    made = await client.v1.customers.create_async({}, {"idempotency_key": "k1"})

    [delivery] = await stripe_sandbox.deliver()

    body = json.loads(delivery["body"])
    assert made.last_response is not None
    assert body["request"] == {"id": made.last_response.request_id, "idempotency_key": "k1"}
    assert (body["object"], body["livemode"], body["api_version"]) == ("event", False, stripe.api_version)


async def test_a_payment_tells_its_story(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    held = await client.v1.payment_intents.create_async(
        {
            "amount": 1999,
            "currency": "eur",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "capture_method": "manual",
            "return_url": "https://shop.example.com/",
        }
    )
    await stripe_sandbox.authenticate(held.id)
    await client.v1.payment_intents.capture_async(held.id)
    await client.v1.refunds.create_async({"payment_intent": held.id})

    deliveries = await stripe_sandbox.deliver()

    assert [json.loads(each["body"])["type"] for each in deliveries] == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    ]
    states = [json.loads(each["body"])["data"]["object"].get("status") for each in deliveries[:2]]
    assert states == ["requires_confirmation", "requires_action"], "an event shows what was so then"


async def test_events_come_five_times_in_any_order(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.faults(events={"duplicate": 5, "shuffle": True, "seed": 7})
    made = await customers(stripe_sandbox, 10)

    first = await stripe_sandbox.deliver(20)
    rest = await stripe_sandbox.deliver()

    heard = about([*first, *rest])
    assert (len(first), len(rest)) == (20, 30)
    assert Counter(heard) == dict.fromkeys(made, 5)
    assert heard != sorted(heard, key=made.index)


async def test_events_come_late_by_the_sandboxs_clock(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.set_clock(NOON)
    await stripe_sandbox.faults(events={"delay_s": [10, 30], "seed": 7})
    made = await customers(stripe_sandbox, 20)

    await stripe_sandbox.set_clock(NOON + timedelta(seconds=9))
    assert await stripe_sandbox.deliver() == []
    await stripe_sandbox.set_clock(NOON + timedelta(seconds=20))
    first = await stripe_sandbox.deliver()
    await stripe_sandbox.set_clock(NOON + timedelta(seconds=30))
    rest = await stripe_sandbox.deliver()

    assert 0 < len(first) < 20
    assert sorted(about([*first, *rest])) == sorted(made)
    due = [each["due_at"] - NOON.timestamp() for each in (*first, *rest)]
    assert due == sorted(due)
    assert (min(due) >= 10, max(due) <= 30) == (True, True)


async def test_what_never_comes_can_be_looked_up(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.faults(events={"drop": 0.5, "seed": 7})
    made = await customers(stripe_sandbox, 20)

    heard = about(await stripe_sandbox.deliver())
    client = stripe_sandbox.client()
    listed = await client.v1.events.list_async({"type": "customer.created", "limit": 100})

    assert 5 <= len(heard) <= 15
    assert [event.data.object["id"] for event in listed.data] == made[::-1]


async def test_events_are_listed_in_pages_by_type_and_time(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.set_clock(NOON)
    made = await customers(stripe_sandbox, 3)
    await stripe_sandbox.set_clock(NOON + timedelta(minutes=1))
    client = stripe_sandbox.client()
    await client.v1.customers.update_async(made[0], {"name": "Ines"})
    events = client.v1.events

    early = await events.list_async({"created": {"lte": int(NOON.timestamp())}, "limit": 2})
    more = await events.list_async({"created": {"lte": int(NOON.timestamp())}, "starting_after": early.data[-1].id})
    both = await events.list_async({"types": ["customer.updated", "customer.created"]})

    newer = await events.list_async({"ending_before": more.data[-1].id, "type": "customer.created", "limit": 1})
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        await events.list_async({"ending_before": "evt_nobody"})

    assert [event.data.object["id"] for event in (*early.data, *more.data)] == made[::-1]
    assert ([event.data.object["id"] for event in newer.data], newer.has_more) == ([made[1]], True)
    assert (early.has_more, more.has_more) == (True, False)
    assert [event.type for event in both.data] == ["customer.updated", *["customer.created"] * 3]
    await stripe_sandbox.set_clock(NOON + timedelta(days=31))
    assert (await events.list_async({})).data == []


class Shop:
    """A server that takes webhooks, and answers with the statuses it was given, the last one for ever."""

    def __init__(self, statuses: list[int]) -> None:
        self.statuses = statuses
        self.heard: list[tuple[str, str]] = []
        self.url = ""
        self._news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request after the other from a connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = (await reader.readexactly(int(fields["Content-Length"]))).decode()
                async with self._news:
                    self.heard.append((body, fields["Stripe-Signature"]))
                    self._news.notify_all()
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok".encode())
        except asyncio.IncompleteReadError:
            writer.close()

    async def has_heard(self, count: int) -> None:
        """Wait until so many came."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= count)

    @property
    def bodies(self) -> list[str]:
        """What came, in order."""
        return [body for body, _ in self.heard]


@asynccontextmanager
async def shop(*statuses: int) -> AsyncIterator[Shop]:
    """A shop that listens."""
    made = Shop(list(statuses))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhooks/stripe"
    async with server:
        yield made


async def test_webhooks_are_posted_as_they_are_signed(stripe_sandbox: StripeSandbox) -> None:
    async with shop(200) as mine:
        await stripe_sandbox.webhook(mine.url)
        made = await customers(stripe_sandbox, 30)
        await mine.has_heard(30)
        await stripe_sandbox.webhook(None)

    told = [stripe.Webhook.construct_event(body, sign, stripe_sandbox.secret) for body, sign in mine.heard]
    assert sorted(event.data.object["id"] for event in told) == sorted(made)
    assert await stripe_sandbox.deliver() == []


async def test_a_webhook_comes_again_until_it_is_taken(stripe_sandbox: StripeSandbox) -> None:
    """The pauses grow: a second, five, thirty, by the sandbox's clock, which stands still until it is moved."""
    await stripe_sandbox.set_clock(NOON)
    async with shop(500, 302, 404, 200) as mine:
        await stripe_sandbox.webhook(mine.url)
        await customers(stripe_sandbox, 1)
        await mine.has_heard(1)
        for heard, seconds in ((2, 1), (3, 6), (4, 36)):
            await stripe_sandbox.set_clock(NOON + timedelta(seconds=seconds - 1))
            assert len(mine.heard) == heard - 1
            await stripe_sandbox.set_clock(NOON + timedelta(seconds=seconds))
            await mine.has_heard(heard)
        await stripe_sandbox.set_clock(NOON + timedelta(days=4))
        await stripe_sandbox.webhook(None)
        again = await stripe_sandbox.deliver()

    assert mine.bodies == [mine.bodies[0]] * 4
    assert len({signature for _, signature in mine.heard}) == 4
    assert again == []


async def test_a_shop_that_is_away_hears_everything_when_it_is_back(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.set_clock(NOON)
    await stripe_sandbox.webhook("http://127.0.0.1:1/webhooks/stripe")
    made = await customers(stripe_sandbox, 3)
    async with shop(200) as mine:
        await stripe_sandbox.webhook(mine.url)
        await stripe_sandbox.set_clock(NOON + timedelta(seconds=40))
        await mine.has_heard(3)
        await stripe_sandbox.webhook(None)

    assert sorted(json.loads(body)["data"]["object"]["id"] for body in mine.bodies) == sorted(made)
