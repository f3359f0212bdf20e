"""`commerce payments reconcile`: our books and the provider's, laid side by side from a terminal."""

import json
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from commerce.embedded.supervisor import free_port
from commerce.kernel.clock import SetClock, SystemClock
from tests.front import Parcel, in_front_of
from tests.paying import Checkout
from tests.payments_terminal import CHARGER, PHONE, Typed, window
from tests.stories import eur, every_law_holds, plant
from tests.stripe_backends import StripeSandbox

NOTHING = {
    "payments": 0, "refunds": 0, "mandates": 0, "disputes": 0, "settled": 0, "cases": 0, "not_seen": 0, "trouble": None,
}  # fmt: skip


@pytest.fixture
def clock() -> SetClock:
    """Two days ago at noon: commands have the real clock, and what is younger than five minutes they leave alone."""
    return SetClock(SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2))


@pytest.fixture
def typed(url: str, stripe_sandbox: StripeSandbox) -> Typed:
    """Type a command of this kind, with the story's database and provider in the settings."""
    return Typed(url, stripe_sandbox.url)


def at(instant: datetime) -> str:
    """An instant as JSON has it."""
    return instant.isoformat().replace("+00:00", "Z")


async def test_books_are_laid_side_by_side_and_what_was_missed_is_taken_over(shop: Checkout, typed: Typed) -> None:
    """No event comes, and the buyer closes the tab: nobody tells us that it is paid."""
    words, began = window(shop, days=2), shop.clock.now()
    order_id = await shop.place(PHONE, total=79900)
    await shop.buyer_pays(await shop.begin(order_id))
    first = await typed.json("reconcile", *words)
    again = await typed("reconcile", *words)
    history = await shop.history(order_id)

    until = began + timedelta(days=2)
    assert datetime.fromisoformat(first.pop("until")) <= until
    assert first == {**NOTHING, "since": at(began), "payments": 1, "settled": 1}
    assert (again.exit_code, "│ settled  │ 0 " in again.stdout) == (0, True)
    assert "waits for a person" not in again.stdout
    assert (history["owed"], history["payments"][0]["state"]) == (eur(0), "captured")
    await every_law_holds(shop.db)


async def test_what_is_wanted_on_one_day_and_made_on_the_next_is_no_difference(shop: Checkout, typed: Typed) -> None:
    words = window(shop, minutes=10)
    order_id = await shop.place(PHONE, total=79900)
    await shop.sandbox.faults({"match": {"path": "/v1/payment_intents"}, "fault": "error_before"})
    away = await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.sandbox.faults()
    await shop.advance(timedelta(minutes=11))
    await shop.settle()
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()
    told = await typed.json("reconcile", *words)

    refunding = window(shop, minutes=10)
    await shop.refund(order_id, reason="goodwill", amount=eur(1000))
    await shop.advance(timedelta(minutes=11))
    await shop.settle()
    refunded = await typed.json("reconcile", *refunding)

    assert away.status_code == 503
    assert (told["payments"], told["settled"], told["cases"]) == (0, 0, 0)
    assert (refunded["refunds"], refunded["settled"], refunded["cases"]) == (0, 0, 0)


async def test_what_the_provider_has_not_is_put_before_a_person(shop: Checkout, typed: Typed) -> None:
    words = window(shop, days=1)
    order_id = await shop.paid(PHONE, total=79900)
    await shop.refund(order_id, reason="goodwill", amount=eur(1000))
    await shop.settle()
    payment_id = (await shop.payment(order_id))["id"]
    await plant(shop.db, "UPDATE payments SET provider_id = 'pi_gone'", "UPDATE refunds SET provider_id = 're_gone'")
    await shop.sandbox.reset()
    told = await typed("reconcile", *words)
    shown = (await typed.json("cases"))["cases"]
    seen = await typed("cases")

    assert told.exit_code == 0
    assert told.stdout.endswith("What waits for a person: commerce payments cases\n")
    assert sorted((case["kind"], case["facts"]) for case in shown) == [
        (
            "payment_missing_at_provider",
            {"provider_id": "pi_gone", "state": "captured", "amount": 79900, "why": "resource_missing"},
        ),
        (
            "refund_missing_at_provider",
            {"provider_id": "re_gone", "state": "succeeded", "amount": 1000, "why": "not among the payment's"},
        ),
    ]
    assert {case["subject"] for case in shown} > {payment_id}
    assert all(case["id"] in seen.stdout for case in shown)


async def test_without_a_provider_there_is_nothing_to_compare(shop: Checkout, typed: Typed, tmp_path: object) -> None:
    nothing = {"STRIPE_API_KEY": "", "STRIPE_WEBHOOK_SECRETS": "", "STRIPE_API_BASE": ""}
    nobody = await typed.refused("reconcile", COMMERCE_DATA=str(tmp_path), **nothing)
    nowhere = f"http://127.0.0.1:{free_port()}"
    await shop.begin(await shop.place(CHARGER, total=3900))
    since = f"{shop.clock.now():%Y-%m-%dT%H:%M:%S}+0000"
    away = await typed("reconcile", *window(shop, days=1), STRIPE_API_BASE=nowhere)

    assert nobody == (2, "no_payment_provider", "No payment provider is set up, and no sandbox runs here.")
    assert away.exit_code == 1
    assert away.stderr.startswith("The payment provider does not answer: APIConnectionError: ")
    assert away.stderr.endswith(f"Go on when it answers: commerce payments reconcile --since {since}\n")


@pytest.mark.parametrize(
    ("status", "code", "said", "then"),
    [
        (
            *(
                401,
                "payment_provider_refuses_key",
                "The payment provider does not accept our key: AuthenticationError: ",
            ),
            "Check STRIPE_API_KEY, and that it may read payments, refunds, saved cards and disputes; then go on",
        ),
        (
            *(400, "payment_provider_refuses", "The payment provider refused to tell: refused: "),
            "Its answer says what to mend; then go on",
        ),
    ],
)
async def test_who_is_refused_by_the_provider_is_told_what_to_mend(
    shop: Checkout, stripe_sandbox: StripeSandbox, typed: Typed, status: int, code: str, said: str, then: str
) -> None:
    """It answers, so waiting for it would be in vain."""
    await shop.begin(await shop.place(CHARGER, total=3900))
    since = f"{shop.clock.now():%Y-%m-%dT%H:%M:%S}+0000"

    async def refuses(_: Parcel) -> web.Response:
        return web.json_response({"error": {"type": "invalid_request_error", "message": "No."}}, status=status)

    async with in_front_of(stripe_sandbox) as front:
        front.instead = refuses
        told = await typed("reconcile", *window(shop, days=1), STRIPE_API_BASE=front.url)
        read = await typed.refused("reconcile", *window(shop, days=1), STRIPE_API_BASE=front.url)

    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith(said), told.stderr
    assert told.stderr.endswith(f"{then}: commerce payments reconcile --since {since}\n")
    assert (read[:2], read[2].startswith(said)) == ((1, code), True)


async def test_what_could_not_be_looked_at_is_told(shop: Checkout, typed: Typed) -> None:
    """The list of refunds breaks off each time; whoever typed it hears that all was not seen, and how much was."""
    await shop.paid(CHARGER, total=3900)
    words = window(shop, minutes=10)
    await shop.advance(timedelta(minutes=11))
    await shop.sandbox.faults({"match": {"path": "/v1/refunds"}, "fault": "error_before"})
    told = await typed("reconcile", *words, "--json")
    shown = await typed("reconcile", *words)

    said = json.loads(told.stdout)
    assert (said["payments"], said["not_seen"], said["trouble"].partition(":")[0]) == (1, 1, "APIError")
    assert (told.exit_code, told.stderr) == (1, "1 could not be looked at; do it once more.\n")
    assert shown.exit_code == 1
    assert "not seen" in shown.stdout
