"""`commerce payments`: what whoever runs the shop types to see payments, to close cases, and to try again."""

from datetime import timedelta

import pytest

from commerce.kernel.clock import SetClock, SystemClock
from orders.payments.stripe_words import EVENTS
from tests.conftest import problem
from tests.paying import DECLINED, Checkout, money
from tests.payments_terminal import CHARGER, PHONE, Typed
from tests.shop import rows
from tests.stories import eur, every_law_holds, plant
from tests.stripe_backends import StripeSandbox


@pytest.fixture
def clock() -> SetClock:
    """Two days ago at noon: commands have the real clock, and what is younger than five minutes they leave alone."""
    return SetClock(SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2))


@pytest.fixture
def typed(url: str, stripe_sandbox: StripeSandbox) -> Typed:
    """Type a command of this kind, with the story's database and provider in the settings."""
    return Typed(url, stripe_sandbox.url)


async def test_payments_are_listed_by_what_one_wants_to_know(shop: Checkout, typed: Typed) -> None:
    paid = await shop.paid(PHONE, total=79900)
    await shop.advance(timedelta(seconds=1))
    begun = await shop.place(CHARGER, total=3900)
    await shop.begin(begun)
    await shop.advance(timedelta(seconds=1))
    unheard = await shop.place(CHARGER, total=3900)
    await shop.sandbox.faults({"match": {"path": "/v1/payment_intents"}, "fault": "error_before"})
    away = await shop.web.post(f"/v1/orders/{unheard}/payments")
    ids = {order_id: (await shop.payment(order_id))["id"] for order_id in (paid, begun, unheard)}
    seen = await typed("list")

    assert away.status_code == 503
    assert await typed.listed() == [ids[unheard], ids[begun], ids[paid]]
    assert await typed.listed("--state", "captured") == [ids[paid]]
    assert await typed.listed("--order", begun) == [ids[begun]]
    assert await typed.listed("--order", (await shop.history(begun))["order"]["order_number"]) == [ids[begun]]
    assert await typed.refused("list", "--order", "nonsense") == (
        2, "invalid_input", "order: 'nonsense' is neither the id nor the number of an order."
    )  # fmt: skip
    assert problem(await shop.operator.get("/v1/payments", order="nonsense")) == (400, "invalid_input")
    assert await typed.listed("--in-doubt") == [ids[unheard]]
    assert (await typed.json("list", "--limit", "1"))["more"] is True
    assert (await typed("list", "--limit", "1")).stdout.endswith("These are the newest 1; there are more: --limit N\n")
    assert (await typed("list", "--state", "cancelled")).stdout == "There is no such payment.\n"
    shown = [[cell.strip() for cell in line.split("│")[1:-1]] for line in seen.stdout.splitlines() if "│" in line]
    row = next(at for at, cells in enumerate(shown) if cells[0] == ids[paid])
    assert shown[row] == [ids[paid], "captured", "799.00 EUR"]
    assert shown[row + 1][0].endswith(" (whole)")
    assert [cells[2] for cells in shown[row + 1 : row + 3]] == ["799.00 EUR", "0.00 EUR"]
    row = next(at for at, cells in enumerate(shown) if cells[0] == ids[unheard])
    assert [cells[1] for cells in shown[row : row + 2]] == ["intended", "in doubt"]


async def test_a_payment_is_shown_with_every_try_and_every_call(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.place(CHARGER, total=3900)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page, DECLINED)
    await shop.settle()
    payment_id = page["payment"]["id"]
    told = await typed.json("show", payment_id)
    seen = await typed("show", payment_id)

    assert (told["order"], told["payment"]["state"], told["payment"]["amount"]) == (order_id, "waiting", eur(3900))
    assert [(one["state"], one["decline_code"]) for one in told["attempts"]] == [("declined", "generic_decline")]
    assert [(one["operation"], one["state"], one["tries"]) for one in told["calls"]] == [("open", "answered", 1)]
    assert seen.exit_code == 0
    for word in (payment_id, order_id, "39.00 EUR", "generic_decline", "visa 0002", told["calls"][0]["id"]):
        assert word in seen.stdout
    assert await typed.refused("show", "pay_1") == (2, "not_found", "There is no payment 'pay_1'.")


async def test_the_link_of_whoever_has_to_come_back_is_shown(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.paid(PHONE, total=79900, payment="later", method="pm_card_chargeCustomerFail")
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()
    payment, until = await shop.payment(order_id), shop.clock.now() + timedelta(days=2)
    detail = (await shop.operator.get(f"/v1/payments/{payment['id']}")).json()
    told, seen = await typed.json("show", payment["id"]), await typed("show", payment["id"], COLUMNS="80")

    [(link,)] = await rows(shop.db, "SELECT link FROM payments")
    assert [one["payment"]["link"] for one in (detail, told)] == [link] * 2
    shown = [[cell.strip() for cell in line.split("│")[1:-1]] for line in seen.stdout.splitlines() if "buyer" in line]
    assert shown == [["buyer may pay until", f"{until:%Y-%m-%d %H:%M:%S}"], ["buyer's link", link]]


async def test_no_word_is_broken_where_a_terminal_is_narrow(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.paid(PHONE, total=79900, method="pm_card_createDispute")
    await shop.sandbox.faults({"match": {"path": "/v1/refunds"}, "fault": "error_before"})
    await shop.refund(order_id, reason="goodwill", amount=eur(1000))
    await shop.settle()
    payment = (await typed.json("list"))["payments"][0]
    detail = await typed.json("show", payment["id"])
    [case] = (await typed.json("cases"))["cases"]
    seen = [(await typed(*words, COLUMNS="80")).stdout for words in (["list"], ["show", payment["id"]], ["cases"])]

    def at_(instant: str) -> str:
        return instant[:19].replace("T", " ")

    opened, refunded = detail["calls"]
    [tried] = detail["attempts"]
    whole = [
        [payment["id"], f"{payment['order_number']} (whole)", at_(payment["created_at"]), "captured", "799.00 EUR"],
        [
            *(tried["provider_id"], at_(tried["seen_at"]), tried["method"], "succeeded"),
            *(opened["id"], "open", "answered", at_(opened["sent_at"]), at_(opened["answered_at"])),
            *(refunded["id"], "refund", "intended", at_(refunded["sent_at"])),
        ],
        [case["id"], "dispute", case["subject"], at_(case["opened_at"]), "amount: 79900"],
    ]
    for words, shown in zip(whole, seen, strict=True):
        assert [word for word in words if word not in shown] == []
        assert max(map(len, shown.splitlines())) <= 80


async def test_a_case_that_is_closed_is_shown_to_whoever_asks_for_all(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.paid(PHONE, total=79900, method="pm_card_createDispute")
    [opened] = (await typed.json("cases"))["cases"]
    await shop.operator.post(f"/v1/payment-cases/{opened['id']}/close", {"note": "answered at Stripe"})

    assert (opened["kind"], opened["order"]) == ("dispute", order_id)
    assert (await typed("cases")).stdout == "Nothing waits for a person.\n"
    [closed] = (await typed.json("cases", "--all"))["cases"]
    assert (closed["id"], closed["note"]) == (opened["id"], "answered at Stripe")


async def test_cases_are_closed_with_a_note_all_of_them_or_none(shop: Checkout, typed: Typed) -> None:
    for _ in range(3):
        await shop.paid(CHARGER, total=3900, method="pm_card_createDispute")
    first, second, third = (case["id"] for case in (await typed.json("cases"))["cases"])
    nobody = f"pcs_{'0' * 32}"
    done = await typed.json("close", second, first, second, "--note", "answered at Stripe")
    refused = [
        await typed.refused("close", third, first, "--note", "again"),
        await typed.refused("close", third, nobody, "--note", "which?"),
        await typed.refused("close", third),
        await typed.refused("close", "--note", "which?"),
        await typed.refused("close", third, "--note", "  "),
        await typed.refused("close", third, "--note", "x" * 201),
    ]
    left = [case["id"] for case in (await typed.json("cases"))["cases"]]
    to_a_person = await typed("close", first, "--note", "again")
    seen = await typed("close", third, "--note", "x" * 200)

    blank = "Invalid value for '--note': write 1 to 200 characters, and not only blank ones"
    assert done == {"closed": [second, first]}
    assert refused == [
        (2, "case_is_closed", f"{first} is closed already."),
        (2, "not_found", f"There is no payment case '{nobody}'."),
        (2, "invalid_usage", "Missing option '--note'."),
        (2, "invalid_usage", "Missing argument 'CASE...'."),
        (2, "invalid_usage", blank),
        (2, "invalid_usage", blank),
    ]
    assert left == [third], "whoever names one that cannot be closed has closed none"
    assert to_a_person.stderr == (
        f"{first} is closed already.\nNothing was done. What still waits for a person: commerce payments cases\n"
    )
    assert (seen.exit_code, third in seen.stdout) == (0, True)
    closed = (await typed.json("cases", "--all"))["cases"]
    assert [(case["closed_by"], case["note"]) for case in closed] == [
        ("terminal", "answered at Stripe"), ("terminal", "answered at Stripe"), ("terminal", "x" * 200),
    ]  # fmt: skip


async def test_a_refund_that_failed_is_promised_anew(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.paid(PHONE, total=79900, method="pm_card_refundFail")
    await shop.refund(order_id, reason="goodwill", amount=eur(1000))
    await shop.settle()
    await shop.advance(timedelta(minutes=2))
    await shop.settle()
    [(_, failed)] = await shop.cases()
    retried = await typed("retry", failed)
    again = await typed.refused("retry", failed)
    await shop.advance(timedelta(days=3))
    await shop.settle()

    assert (retried.exit_code, failed in retried.stdout) == (0, True)
    assert again == (2, "move_not_allowed", "A refund that is replaced cannot become replaced.")
    assert [refund["state"] for refund in (await shop.history(order_id))["refunds"]] == ["replaced", "succeeded"]
    assert money(await shop.sandbox.ledger()) == [
        ("capture", 79900), ("refund", -1000), ("refund_failed", 1000), ("refund", -1000),
    ]  # fmt: skip
    await every_law_holds(shop.db)


async def test_a_cancellation_that_was_refused_is_made_anew(shop: Checkout, typed: Typed) -> None:
    order_id = await shop.paid(PHONE, total=79900, payment="on_shipment")
    await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    refused = "UPDATE provider_calls SET state = 'refused', last_error = 'no' WHERE operation = 'cancel'"
    await plant(shop.db, refused)
    [(call_id,)] = await rows(shop.db, "SELECT id FROM provider_calls WHERE operation = 'cancel'")
    await plant(shop.db, f"UPDATE provider_calls SET next_at = '{shop.clock.now()}'")
    told = await typed.json("retry", call_id)
    again = await typed.refused("retry", call_id)
    await shop.advance(timedelta(days=3))
    await shop.settle()

    assert told == {"retried": call_id}
    assert again == (2, "nothing_to_retry", f"{call_id} is no capture or cancellation that was refused.")
    assert (await shop.payment(order_id))["state"] == "cancelled"
    assert await rows(shop.db, "SELECT state, tries FROM provider_calls WHERE id = :id", id=call_id) == [
        ("answered", 1)
    ]


async def test_a_charge_that_was_refused_is_not_made_behind_our_books_back(shop: Checkout, typed: Typed) -> None:
    """Its payment is over; charged now, the buyer would pay for nothing that we know of."""
    order_id = await shop.paid(PHONE, total=79900, payment="later")
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await plant(shop.db, "UPDATE mandates SET method = 'pm_gone'")
    await shop.settle()
    [(call_id,)] = await rows(shop.db, "SELECT id FROM provider_calls WHERE operation = 'open' AND state = 'refused'")

    assert (await typed.refused("retry", call_id))[1] == "nothing_to_retry"
    assert await shop.sandbox.ledger() == []


async def test_what_to_enter_at_the_provider_is_what_we_listen_to(typed: Typed) -> None:
    told, seen = await typed.json("webhook"), await typed("webhook")

    assert told == {"url": "https://<where your API is>/v1/webhooks/stripe", "events": list(EVENTS)}
    assert all(event in seen.stdout for event in EVENTS)


async def test_who_says_what_makes_no_sense_is_told(typed: Typed, shop: Checkout) -> None:
    wrong = [
        await typed.refused("retry", "ord_1"),
        await typed.refused("retry", "rfd_1"),
        await typed.refused("reconcile", "--since", "yesterday"),
        await typed.refused("reconcile", "--since", "2026-02-01"),
    ]
    await shop.begin(await shop.place(CHARGER, total=3900))
    first, earlier = f"{shop.clock.now():%Y-%m-%d}", shop.clock.now() - timedelta(days=1)
    wrong += [
        await typed.refused("reconcile", "--since", "1900-01-01"),
        await typed.refused("reconcile", "--since", f"{earlier:%Y-%m-%d}"),
        await typed.refused("reconcile", "--since", first, "--until", "2026-01-01"),
    ]
    told = await typed.json("reconcile", "--until", "9999-12-31")

    since = "Invalid value for --since: "
    assert wrong == [
        (2, "invalid_usage", "Name a call (pcl_...) or a refund (rfd_...)."),
        (2, "not_found", "There is no refund 'rfd_1'."),
        (2, "invalid_usage", "Invalid value for '--since': write it like 2027-01-31 or 2027-01-31T18:00:00+01:00"),
        (2, "invalid_usage", f"{since}we have no payment of before today; before that there is nothing to compare."),
        (2, "invalid_usage", f"{since}our first payment is of {first}; before that there is nothing to compare."),
        (2, "invalid_usage", f"{since}our first payment is of {first}; before that there is nothing to compare."),
        (2, "invalid_usage", f"{since}it is not before --until."),
    ]
    assert (told["since"], told["payments"]) == (f"{first}T00:00:00Z", 1), "where our books begin, and up to now"
