"""The sandbox as a process: what it was told is there again after it was killed, and it ends when it is asked to."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from commerce.embedded.supervisor import OUR_COMMAND
from tests.conftest import NOON
from tests.stripe_backends import SECRET, Server, StripeSandbox, client_of, close, sandbox_server

HELD = {
    "amount": "1999", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true",
    "allowed_payment_method_types[]": "card", "capture_method": "manual", "expand[]": "latest_charge",
}  # fmt: skip


def payment(method: str = "pm_card_visa", **words: object) -> Any:  # noqa: ANN401 - what the SDK takes
    """What pays 19.99 by a card."""
    cards = {"amount": 1999, "currency": "eur", "confirm": True, "allowed_payment_method_types": ["card"]}
    return {**cards, "payment_method": method, **words}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A sandbox of one's own, with a journal."""
    made = sandbox_server(tmp_path, "--data", str(tmp_path / "journal.jsonl"))
    made.start()
    yield made
    made.sweep()


async def test_everything_is_there_again_after_kill_9(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        sandbox = StripeSandbox(server.url, http)
        client = client_of(server.url)
        await sandbox.set_clock(NOON)
        told_before = await client.v1.customers.create_async({"email": "ines@example.com"})
        await sandbox.deliver()
        paid = await client.v1.payment_intents.create_async(payment(), {"idempotency_key": "k1"})
        held = await client.v1.payment_intents.create_async(payment(capture_method="manual"))
        back = await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 99})
        ledger = await sandbox.ledger()
        await close(client)

        server.sweep()
        server.start()

        client = client_of(server.url)
        assert await sandbox.ledger() == ledger
        assert (await client.v1.customers.retrieve_async(told_before.id)).email == "ines@example.com"
        assert (await client.v1.refunds.retrieve_async(back.id)).amount == 99
        again = await client.v1.payment_intents.create_async(payment(), {"idempotency_key": "k1"})
        assert again.last_response is not None
        assert paid.last_response is not None
        assert again.last_response.body == paid.last_response.body
        events = await sandbox.deliver()
        assert [json.loads(each["body"])["type"] for each in events if paid.id in each["body"]][:2] == [
            "payment_intent.created",
            "charge.succeeded",
        ]
        assert told_before.id not in [json.loads(each["body"])["data"]["object"]["id"] for each in events]
        stripe.Webhook.construct_event(events[0]["body"], events[0]["signature"], SECRET, tolerance=10**9)
        new = await client.v1.customers.create_async({})
        assert new.created == int(NOON.timestamp()), "a clock that was set stands where it stood"
        assert new.id not in {told_before.id, paid.id, held.id}
        await close(client)


async def test_what_was_to_come_still_comes(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        sandbox = StripeSandbox(server.url, http)
        client = client_of(server.url)
        await sandbox.set_clock(NOON)
        held = await client.v1.payment_intents.create_async(payment(capture_method="manual"))
        paid = await client.v1.payment_intents.create_async(payment("pm_card_refundFail"))
        back = await client.v1.refunds.create_async({"payment_intent": paid.id})
        await close(client)
        server.sweep()
        server.start()
        client = client_of(server.url)

        await http.post("/_sandbox/clock", json={"now": int(NOON.timestamp()) + 8 * 24 * 3600})

        assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "canceled"
        assert (await client.v1.refunds.retrieve_async(back.id)).status == "failed"
        await close(client)


async def test_a_line_that_was_torn_never_happened(server: Server, tmp_path: Path) -> None:
    client = client_of(server.url)
    kept = await client.v1.customers.create_async({})
    await close(client)
    server.sweep()
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"made":99,"put":{"customer":[{"id":"cus_torn"')
    server.start()

    client = client_of(server.url)
    listed = await client.v1.customers.list_async({})
    new = await client.v1.customers.create_async({})
    await close(client)
    server.sweep()
    server.start()
    client = client_of(server.url)
    after = await client.v1.customers.list_async({})
    await close(client)

    assert [each.id for each in listed.data] == [kept.id]
    assert [each.id for each in after.data] == [new.id, kept.id]


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """What a command says and how it ends."""
    return subprocess.run(  # noqa: S603 - our own words
        [*OUR_COMMAND, "stripe-sandbox", "--json", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_journal_belongs_to_one_sandbox(server: Server, tmp_path: Path) -> None:
    assert server.url
    refused = typed("--data", str(tmp_path / "journal.jsonl"))
    (tmp_path / "other.jsonl").write_text("nonsense\n")
    broken = typed("--data", str(tmp_path / "other.jsonl"))

    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (2, "journal_unusable")
    assert json.loads(refused.stdout)["detail"].endswith("belongs to another sandbox that is running.")
    assert (broken.returncode, "cannot be read at byte 0" in json.loads(broken.stdout)["detail"]) == (2, True)


def test_it_says_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [*OUR_COMMAND, "stripe-sandbox", "--json", "--api-key", "sk_test_mine", "--no-multicapture"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - our own words
    assert process.stdout is not None
    said = "".join(iter(process.stdout.readline, "}\n"))
    facts = json.loads(said + "}")
    assert facts["pid"] == process.pid
    transport = httpx.HTTPTransport(retries=10)
    with httpx.Client(transport=transport, base_url=facts["url"]) as http:
        answers = [
            http.get("/v1/balance", headers={"Authorization": f"Bearer {key}"}).status_code
            for key in ("sk_test_mine", "sk_test_other", "sk_live_mine")
        ]
        asked = {**HELD, "payment_method_options[card][request_multicapture]": "if_available"}
        http.headers["Authorization"] = "Bearer sk_test_mine"
        held = http.post("/v1/payment_intents", data=asked).json()
        found = [http.get(f"/v1/payment_intents{way}").json() for way in ("/search?query=currency:'eur'", "")]

    process.send_signal(signal.SIGTERM)

    assert answers == [200, 401, 401]
    assert held["status"] == "requires_capture"
    assert [[each["id"] for each in way["data"]] for way in found] == [[], [held["id"]]]  # Search lags, as at Stripe.
    assert held["latest_charge"]["payment_method_details"]["card"]["multicapture"] == {"status": "unavailable"}
    assert process.wait(20) == 0
    process.stdout.close()
