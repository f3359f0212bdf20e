"""Disputes: a buyer objects at their bank; it is recorded, shown wherever the order is, and put before a person."""

from datetime import datetime, timedelta

import pytest

from commerce.kernel.pages import encode_cursor
from orders.payments.note_dispute import note_dispute
from orders.payments.port import SeenDispute
from orders.payments.reconcile import reconcile_between
from tests.conftest import NOON, Json, problem
from tests.paid_store import back, intent_of, refunds, shipped
from tests.paying import DISPUTED, Checkout, money, whats
from tests.shop import rows
from tests.stories import eur, ledger

STATES = "SELECT state FROM disputes ORDER BY provider_id"


async def listed(shop: Checkout, state: str = "every") -> list[Json]:
    """The disputes that operators see."""
    answer = await shop.operator.get("/v1/disputes", state=state)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def seen(state: str, payment: str | None = None, dispute: str = "dp_1", due_by: datetime | None = None) -> SeenDispute:
    """A dispute as the provider tells it."""
    return SeenDispute(
        provider_id=dispute, payment=payment, amount=3900, currency="EUR", reason="fraudulent", state=state,
        due_by=due_by, created_at=NOON,
    )  # fmt: skip


async def test_a_disputed_payment_is_recorded_and_shown(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)

    history = await shop.history(order_id)
    [payment] = history["payments"]
    [dispute] = await listed(shop)
    assert dispute == {
        "id": dispute["id"], "payment": payment["id"], "order": order_id, "amount": eur(3900),
        "reason": "fraudulent", "state": "needs_response", "due_by": "2026-11-16T12:00:00Z",
        "created_at": "2026-11-02T12:00:00Z",
    }  # fmt: skip
    assert (payment["state"], payment["disputes"]) == ("captured", [f"{dispute['id']} needs_response"])
    [told] = [entry for entry in history["timeline"] if entry["what"] == "payment_disputed"]
    assert told["facts"] == {
        "dispute": dispute["id"], "state": "needs_response", "reason": "fraudulent", "amount": 3900,
    }  # fmt: skip
    assert await shop.cases() == [("dispute", dispute["id"])]
    assert (history["order"]["state"], history["owed"]) == ("placed", eur(0))
    assert await ledger(shop.db, order_id) == [("charge", 3900), ("payment", -3900)]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("dispute", -3900)]


async def test_only_operators_see_disputes_and_close_their_cases(shop: Checkout) -> None:
    await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    strangers = [await shop.web.get("/v1/disputes"), await shop.till.get("/v1/payment-cases")]
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    path = f"/v1/payment-cases/{case['id']}/close"
    blank = await shop.operator.post(path, {"note": "  "})
    closed = await shop.operator.post(path, {"note": "evidence sent"})
    twice = await shop.operator.post(path, {"note": "evidence sent"})
    never = await shop.operator.post(f"/v1/payment-cases/pcs_{'0' * 32}/close", {"note": "which?"})
    every = (await shop.operator.get("/v1/payment-cases", only_open="false")).json()["items"]

    assert [problem(answer) for answer in strangers] == [(403, "wrong_role")] * 2
    assert blank.status_code == 400
    assert (closed.status_code, closed.json()["note"], closed.json()["closed_by"]) == (
        200, "evidence sent", every[0]["closed_by"],
    )  # fmt: skip
    assert problem(twice) == (409, "move_not_allowed")
    assert problem(never) == (404, "not_found")
    assert (await shop.cases(), [one["id"] for one in every]) == ([], [case["id"]])


async def test_what_must_be_answered_first_is_on_top(shop: Checkout) -> None:
    """The provider's ids are random; those that nobody can or need answer any more come when they are asked for."""
    day = timedelta(days=1)
    disputes = [
        seen("needs_response", dispute="dp_a", due_by=NOON + 9 * day),
        seen("warning_needs_response", dispute="dp_b", due_by=NOON + 2 * day),
        seen("under_review", dispute="dp_c", due_by=NOON + day),
        seen("needs_response", dispute="dp_d", due_by=NOON + 2 * day),
        seen("lost", dispute="dp_e", due_by=NOON - 2 * day),
        seen("warning_closed", dispute="dp_f"),
        seen("appeal_needs_response", dispute="dp_g"),
        seen("won", dispute="dp_h", due_by=NOON - day),
    ]
    async with shop.db.transaction() as tx:
        for one in disputes:
            await note_dispute(tx, one, NOON, NOON)
    usual = (await shop.operator.get("/v1/disputes")).json()["items"]
    found = {
        state: [one["id"] for one in await listed(shop, state)] for state in ("to_answer", "open", "over", "every")
    }

    assert [one["id"] for one in usual] == found["open"]
    assert found == {
        "to_answer": ["dp_b", "dp_d", "dp_a", "dp_g"],
        "open": ["dp_c", "dp_b", "dp_d", "dp_a", "dp_g"],
        "over": ["dp_e", "dp_h", "dp_f"],
        "every": ["dp_e", "dp_h", "dp_c", "dp_b", "dp_d", "dp_a", "dp_f", "dp_g"],
    }
    assert (await shop.operator.get("/v1/disputes", state="lost")).status_code == 400


async def test_a_page_of_disputes_goes_on_where_the_last_one_ended(shop: Checkout) -> None:
    """What is decided or comes in meanwhile moves nothing: each that stays is seen once."""
    async with shop.db.transaction() as tx:
        for n, due_by in enumerate([NOON, NOON, NOON + timedelta(days=1), None, None]):
            await note_dispute(tx, seen("needs_response", dispute=f"dp_{n}", due_by=due_by), NOON, NOON)
    yesterday = NOON - timedelta(days=1)
    pages: list[list[str]] = []
    cursor: Json = {}
    for turn in range(5):
        page = (await shop.operator.get("/v1/disputes", limit=1, **cursor)).json()
        pages.append([one["id"] for one in page["items"]])
        cursor = {"cursor": page["next_cursor"]}
        async with shop.db.transaction() as tx:
            await note_dispute(tx, seen("won", dispute=f"dp_{turn}"), NOON, NOON)
            await note_dispute(tx, seen("needs_response", dispute=f"dp_new{turn}", due_by=yesterday), NOON, NOON)
    wrong = [encode_cursor("dp_0"), encode_cursor("soon", "dp_0"), encode_cursor("0001-01-01T00:00:00+14:00", "dp_0")]

    assert (pages, cursor) == ([["dp_0"], ["dp_1"], ["dp_2"], ["dp_3"], ["dp_4"]], {"cursor": None})
    assert [problem(await shop.operator.get("/v1/disputes", cursor=each)) for each in wrong] == [
        (400, "invalid_input")
    ] * 3


async def test_storefronts_and_tills_see_nothing_of_a_dispute(shop: Checkout) -> None:
    """Neither that there is one, nor why, nor that money cannot go back because of it."""
    to_berlin = {"fulfilment": "collect", "collect_at": "berlin"}
    order_id = await shop.paid(("CASE-BLK", 1), total=2900, method=DISPUTED, **to_berlin)
    path, payment = f"/v1/orders/{order_id}", await shop.payment(order_id)
    ready = await shop.till.post(f"{path}/ready", {"location": "berlin"})
    collected = await shop.till.post(f"{path}/collect", {"location": "berlin"})
    await shop.refund(order_id, **back(500))
    await shop.settle()
    known = await shop.history(order_id)
    seen_by = [
        ready, collected, await shop.web.get(path), await shop.till.get(path),
        await shop.web.post(f"/v1/payments/{payment['id']}/confirm"),
    ]  # fmt: skip

    assert (whats(known, "payment_disputed"), len(payment["disputes"])) == (["payment_disputed"], 1)
    assert [one["failure"] for one in known["refunds"]] == ["charge_disputed"]
    assert [entry["facts"]["why"] for entry in known["timeline"] if entry["what"] == "refund_failed"] == [
        "charge_disputed"
    ]
    for answer in seen_by:
        assert answer.status_code == 200, answer.text
        assert [word for word in ("disput", "fraudulent", "charge_disputed") if word in answer.text] == []
    theirs = seen_by[2].json()
    assert refunds(theirs) == [("goodwill", 500, "failed")]
    assert whats(theirs) == [what for what in whats(known) if what != "payment_disputed"]


@pytest.mark.parametrize("verdict", ["won", "lost"])
async def test_a_dispute_is_decided_once_and_stays_so(shop: Checkout, verdict: str) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    intent = await intent_of(shop, order_id)
    await shop.advance(timedelta(hours=1))
    await shop.sandbox.dispute(intent, "under_review")
    await shop.settle()
    reviewed = await rows(shop.db, STATES)
    await shop.sandbox.dispute(intent, verdict)
    await shop.settle()
    decided = await shop.history(order_id)
    [dispute] = await listed(shop)
    async with shop.db.transaction() as tx:
        for late in ("needs_response", "under_review", "lost" if verdict == "won" else "won"):
            await note_dispute(tx, seen(late, intent, dispute["id"]), shop.clock.now(), shop.clock.now())

    assert (reviewed, dispute["state"]) == ([("under_review",)], verdict)
    assert await shop.history(order_id) == decided
    assert decided["payments"][0]["disputes"] == [f"{dispute['id']} {verdict}"]
    assert whats(decided, "payment_disputed") == ["payment_disputed"] * 3
    [only] = await shop.cases()
    assert only == ("dispute", dispute["id"])


async def test_a_closed_case_is_opened_again_when_the_dispute_moves_on(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    await shop.operator.post(f"/v1/payment-cases/{case['id']}/close", {"note": "evidence sent"})
    await shop.sandbox.dispute(await intent_of(shop, order_id), "lost")
    await shop.settle()

    [again] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    assert (again["kind"], again["facts"]["state"], again["order"]) == ("dispute", "lost", order_id)
    assert again["id"] != case["id"]


async def test_an_inquiry_only_asks(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, method="pm_card_createDisputeInquiry")
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    await shop.refund(order_id, **back(3900))
    await shop.settle()

    history = await shop.history(order_id)
    assert history["payments"][0]["disputes"][0].endswith(" warning_needs_response")
    assert (refunds(history), history["owed"]) == ([("goodwill", 3900, "succeeded")], eur(0))


async def test_disputed_money_cannot_go_back_and_a_person_hears_of_it(shop: Checkout) -> None:
    order_id = await shipped(shop, ("CHARGER", 1), total=3900, method=DISPUTED)
    await shop.refund(order_id, reason="line", line=1, quantity=1)
    await shop.settle()
    refused = await shop.history(order_id)
    [refund] = refused["refunds"]
    await shop.sandbox.dispute(await intent_of(shop, order_id), "won")
    await shop.operator.post(f"/v1/refunds/{refund['id']}/retry")
    await shop.settle()

    assert (refund["state"], refund["failure"], refused["owed"]) == ("failed", "charge_disputed", eur(-3900))
    history = await shop.history(order_id)
    assert sorted(refunds(history)) == [("line", 3900, "replaced"), ("line", 3900, "succeeded")]
    assert history["owed"] == eur(0)


async def test_news_of_a_dispute_five_times_is_told_once(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.sandbox.faults(events={"duplicate": 5, "shuffle": True})
    await shop.buyer_pays(await shop.begin(order_id), DISPUTED)
    await shop.settle()
    await shop.settle()

    assert whats(await shop.history(order_id), "payment_disputed") == ["payment_disputed"]
    assert len(await shop.cases()) == 1


async def test_a_dispute_of_a_payment_that_we_do_not_know_is_before_a_person(shop: Checkout) -> None:
    async with shop.db.transaction() as tx:
        await note_dispute(tx, seen("needs_response", "pi_of_somebody_else"), NOON, NOON)

    assert [(one["payment"], one["order"], one["amount"]) for one in await listed(shop)] == [(None, None, eur(3900))]
    assert await shop.cases() == [("dispute", "dp_1")]


async def test_a_dispute_that_came_before_we_knew_its_payment_finds_it_later(shop: Checkout) -> None:
    """A charge in the buyer's absence is disputed while its answer is still lost; at night the two come together."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later", method=DISPUTED)
    lost = {"match": {"method": "POST", "path": "/v1/payment_intents", "times": 2}, "fault": "drop_after"}
    await shop.sandbox.faults(lost)
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    events = await shop.sandbox.deliver()
    for event in events:
        if "charge.dispute.created" in event["body"]:
            await shop.hear(event["body"], event["signature"])
    await shop.work()
    alone = await listed(shop)
    await shop.advance(timedelta(minutes=10))
    await shop.work()
    await reconcile_between(shop.db, shop.gateway, NOON - timedelta(days=1), shop.clock.now())
    await shop.settle()

    assert [(one["payment"], one["state"]) for one in alone] == [(None, "needs_response")]
    history = await shop.history(order_id)
    [dispute] = await listed(shop)
    assert (dispute["payment"], dispute["order"]) == (history["payments"][0]["id"], order_id)
    assert whats(history, "payment_disputed") == ["payment_disputed"]


async def test_a_dispute_that_is_decided_weeks_later_is_heard_of_although_its_news_is_lost(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    await shop.advance(timedelta(days=60))
    await shop.sandbox.faults(events={"drop": 1})
    await shop.sandbox.dispute(await intent_of(shop, order_id), "lost")
    await shop.settle()
    before = await rows(shop.db, STATES)
    now = shop.clock.now()
    done = await reconcile_between(shop.db, shop.gateway, now - timedelta(days=3), now)
    await shop.settle()

    assert before == [("needs_response",)]
    assert await rows(shop.db, STATES) == [("lost",)]
    assert (done.payments, done.disputes, done.settled) == (0, 1, 1)


async def test_an_older_answer_takes_no_dispute_back(shop: Checkout) -> None:
    """Evidence is handed in while a look is on its way that saw none; a look that brings nothing new counts as well."""
    await shop.paid(("CHARGER", 1), total=3900, method=DISPUTED)
    [dispute] = await listed(shop)
    later = NOON + timedelta(seconds=3)
    heard = []
    for state, seconds in [("under_review", 2), ("needs_response", 1), ("under_review", 3), ("needs_response", 2)]:
        async with shop.db.transaction() as tx:
            told = seen(state, dispute=dispute["id"])
            heard.append(await note_dispute(tx, told, NOON + timedelta(seconds=seconds), later))

    assert heard == [True, False, False, False]
    assert await rows(shop.db, "SELECT state, seen_at FROM disputes") == [("under_review", later)]
    [(order_id,)] = await rows(shop.db, "SELECT id FROM orders")
    assert whats(await shop.history(order_id), "payment_disputed") == ["payment_disputed"] * 2
