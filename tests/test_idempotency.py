"""Safe to repeat: one key is one effect, however often, wherever and whenever the request is sent again."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.access import Principal, Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.idempotency import Answer, Call, InFlight, Recalled, Replay, first_time, keep
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import Refusal
from commerce.worker import JOBS
from inventory.errors import NotEnoughStock
from inventory.receive import receive_goods
from inventory.schemas import ReceiptBody
from orders.place import PlaceOrder, place_orders
from orders.schemas import PlaceOrderBody
from pricing.books.current import CurrentBooks
from tests.benchmarks.load import get, post
from tests.benchmarks.rush import ask_at_once
from tests.conftest import NOON, Api, Callers, Json, own_database, problem
from tests.people import somebody_waits
from tests.processes import Apis, Buyer, api_processes
from tests.shop import put_stock, rows
from tests.stories import eur, every_law_holds, lines, open_lawful_shop
from tests.waiting import soon

TIMES = 50


class Repeated(NamedTuple):
    """A request that must be safe to repeat: who may send it where, two bodies, and what counts its effects."""

    path: str
    role: Role
    body: Json
    other: Json
    effects: str


def _order(quantity: int) -> Json:
    return {"channel": "web-de", "lines": lines(("WATCH", quantity)), "shown_total": eur(24900 * quantity)}


def _sale(quantity: int) -> Json:
    total = eur(24900 * quantity)
    tenders = [{"kind": "cash", "given": total}]
    facts = {"id": SALE, "channel": "retail-de", "location": "berlin", "shown_total": total, "tenders": tenders}
    return {**facts, "lines": lines(("WATCH", quantity))}


def _receipt(units: int) -> Json:
    return {"location": "munich", "lines": [{"sku": "CASE-BLK", "units": units}]}


SALE = new_id("ord", NOON)
ROUTES = [
    Repeated("/v1/orders", Role.STOREFRONT, _order(1), _order(2), "SELECT id FROM orders WHERE source = 'api'"),
    Repeated("/v1/till-sales", Role.TERMINAL, _sale(1), _sale(2), "SELECT id FROM orders WHERE source = 'till'"),
    Repeated(
        "/v1/stock/receipts", Role.OPERATOR, _receipt(7), _receipt(8), "SELECT id FROM movements WHERE units IN (7, 8)"
    ),
]


@pytest.fixture(scope="module")
async def apis(server: EmbeddedPostgres, template: str) -> AsyncIterator[Apis]:
    """Two API processes over one database, with watches in the warehouse and in Berlin."""
    async with own_database(server, template, "idempotency") as url, api_processes(url) as serving:
        for location in ("wh-de", "berlin"):
            await put_stock(serving.db, "WATCH", location, 100)
        yield serving


@pytest.mark.parametrize("route", ROUTES, ids=[route.path for route in ROUTES])
async def test_one_key_fifty_times_at_once_over_two_processes_is_one_effect(apis: Apis, route: Repeated) -> None:
    key = apis.keys[route.role]

    answer, _ = await ask_at_once(apis, post(route.path, key, "again", msgspec.json.encode(route.body)), TIMES)

    assert answer.status == 201
    assert len(await rows(apis.db, route.effects)) == 1
    for port in apis.ports:
        buyer = Buyer(port)
        refused = await buyer.insist(post(route.path, key, "again", msgspec.json.encode(route.other)))
        assert (refused.status, refused.code) == (422, "idempotency_key_reused")
        buyer.close()
    assert len(await rows(apis.db, route.effects)) == 1
    await every_law_holds(apis.db)


@pytest.mark.parametrize(("remember", "effects"), [(True, 1), (False, 8)], ids=["ours", "the twin that notes it later"])
async def test_eight_counters_receive_one_delivery(db: Database, *, remember: bool, effects: int) -> None:
    await open_lawful_shop(db)
    everybody, call = asyncio.Barrier(8), Call(Principal("opk_1", Role.OPERATOR, "operator"), "POST /", "delivery")
    receipt = msgspec.convert(_receipt(7), ReceiptBody)

    async def receive() -> None:
        async with db.transaction() as tx:
            if remember:
                await everybody.wait()
                await first_time(tx, call, receipt)
            else:
                assert await rows(db, "SELECT key FROM idempotency_keys") == []
                await everybody.wait()
            view = await receive_goods(tx, receipt, call.principal.id, NOON)
            if remember:
                await keep(tx, call, receipt, Answer(201, msgspec.json.encode(view)), NOON)

    await asyncio.gather(*(receive() for _ in range(8)), return_exceptions=True)

    assert await rows(db, "SELECT supply FROM stock_pools") == [(7 * effects,)]


# The last unit: whoever asks twice is never told that it is gone, since it is themselves who have it.


async def place_twice(db: Database, clock: SetClock) -> Answer | Refusal | Replay:
    """Order the last watch in one transaction, and with the same key in another that begins before the first ends."""
    await open_lawful_shop(db)
    await put_stock(db, "WATCH", "wh-de", 1)
    principal = Principal("sfk_1", Role.STOREFRONT, "web", "web-de")
    wish = PlaceOrder(Call(principal, "POST /v1/orders", "basket"), msgspec.convert(_order(1), PlaceOrderBody))

    async def place_again() -> Answer | Refusal | Replay:
        async with db.transaction() as there:
            [verdict] = await place_orders(CurrentBooks(), there, [wish], clock.now())
        return verdict

    async with db.transaction() as here:
        [answer] = await place_orders(CurrentBooks(), here, [wish], clock.now())
        assert isinstance(answer, Answer)
        again = asyncio.create_task(place_again())

        async def is_done_or_waits() -> bool:
            return again.done() or await rows(db, WAITING) != [(0,)]

        await soon(is_done_or_waits, 30)
    await every_law_holds(db)
    assert isinstance(await place_again(), Replay)
    return await again


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_who_repeats_the_order_for_the_last_unit_is_told_that_it_is_under_way(
    db: Database, clock: SetClock
) -> None:
    assert isinstance(await place_twice(db, clock), InFlight)


async def test_the_twin_that_claims_no_key_calls_the_last_unit_gone(
    db: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def only_look(tx: Session, _: Sequence[Call]) -> Recalled:
        kept = await tx.execute(text("SELECT principal, key, fingerprint, status, body FROM idempotency_keys"))
        return Recalled(set(), {(row[0], row[1]): (row[2], Answer(row[3], row[4])) for row in kept})

    monkeypatch.setattr("commerce.kernel.idempotency.claim_and_recall", only_look)

    assert isinstance(await place_twice(db, clock), NotEnoughStock)


_GATE = "(SELECT pg_advisory_xact_lock(7)::text AS open OFFSET 0) AS gate"
_RECALL = f"SELECT r.body FROM {_GATE}, LATERAL claim_and_recall(ARRAY['sfk_1' || gate.open], ARRAY['late']) AS r"
_LOOK_AFTER_ALL = f"SELECT k.body FROM {_GATE} LEFT JOIN idempotency_keys k ON k.key = 'late' || gate.open"


@pytest.mark.parametrize(
    ("look", "seen"), [(_RECALL, b"{}"), (_LOOK_AFTER_ALL, None)], ids=["ours", "the twin that looks in one statement"]
)
async def test_an_answer_that_is_kept_while_its_key_is_being_claimed_is_found(
    db: Database, look: str, seen: bytes | None
) -> None:
    """The statement begins, then the answer is kept, and then the keys are claimed and looked up."""
    call = Call(Principal("sfk_1", Role.STOREFRONT, "web", "web-de"), "POST /v1/orders", "late")
    async with db.transaction() as here:
        await here.execute(text("SELECT pg_advisory_xact_lock(7)"))
        looking = asyncio.create_task(rows(db, look))
        async with asyncio.timeout(30):
            await somebody_waits(db)
        await keep(here, call, None, Answer(201, b"{}"), NOON)

    assert await looking == [(seen,)]


async def test_two_bodies_fight_for_one_key_and_one_of_them_has_it(apis: Apis) -> None:
    key = apis.keys[Role.STOREFRONT]
    requests = [post("/v1/orders", key, "fought for", msgspec.json.encode(_order(n % 2 + 1))) for n in range(TIMES)]
    buyers = [Buyer(apis.ports[n // 2 % 2]) for n in range(TIMES)]

    answers = await asyncio.gather(*(buyer.insist(request) for buyer, request in zip(buyers, requests, strict=True)))

    winners, losers = answers[::2], answers[1::2]
    if winners[0].status != 201:
        winners, losers = losers, winners
    assert set(winners) == {winners[0]}
    assert {(answer.status, answer.code) for answer in losers} == {(422, "idempotency_key_reused")}
    for buyer in buyers:
        buyer.close()


async def test_an_answer_that_nobody_heard_is_heard_at_the_next_asking(apis: Apis) -> None:
    key, buyers = apis.keys[Role.STOREFRONT], [Buyer(apis.ports[n % 2]) for n in range(20)]
    requests = [post("/v1/orders", key, f"unheard-{n}", msgspec.json.encode(_order(1))) for n in range(20)]
    orders = "SELECT count(*) FROM orders"
    [(before,)] = await rows(apis.db, orders)
    await asyncio.gather(*(buyer.ask(get("/health/live", key)) for buyer in buyers))

    sent = [asyncio.create_task(buyer.ask(request)) for buyer, request in zip(buyers, requests, strict=True)]
    await asyncio.sleep(0)  # One turn of the loop: everything is sent, and nothing was heard yet.
    for buyer in buyers:
        buyer.close()
    lost = await asyncio.gather(*sent, return_exceptions=True)
    answers = await asyncio.gather(*(buyer.insist(request) for buyer, request in zip(buyers, requests, strict=True)))

    assert all(isinstance(end, OSError) for end in lost)
    assert {answer.status for answer in answers} == {201}
    assert await rows(apis.db, orders) == [(before + 20,)]
    for buyer in buyers:
        buyer.close()


async def test_a_rotated_key_is_the_same_caller_and_another_key_is_not(apis: Apis) -> None:
    old, admin = apis.keys[Role.STOREFRONT], apis.keys[Role.ADMIN]
    body = msgspec.json.encode(_order(1))
    here, there = Buyer(apis.ports[0]), Buyer(apis.ports[1])
    first = await here.insist(post("/v1/orders", old, "rotated", body))

    rotated = await there.insist(post(f"/v1/keys/{old.rpartition('_')[0]}/rotate", admin, "-", b'{"overlap_s": 60}'))
    new = msgspec.json.decode(rotated.body)["key"]
    wanted = msgspec.json.encode({"role": "storefront", "name": "another web shop", "channel": "web-de"})
    stranger = msgspec.json.decode((await there.insist(post("/v1/keys", admin, "-", wanted))).body)["key"]

    assert new != old
    for buyer, key in ((here, new), (there, new), (there, old)):
        assert await buyer.insist(post("/v1/orders", key, "rotated", body)) == first
    theirs = await here.insist(post("/v1/orders", stranger, "rotated", body))
    assert theirs.status == 201
    assert theirs.body != first.body
    here.close()
    there.close()


# What is remembered, and for how long


@pytest.fixture
async def web(db: Database, callers: Callers) -> Api:
    """The German web shop, with three watches in the warehouse."""
    await open_lawful_shop(db)
    await put_stock(db, "WATCH", "wh-de", 3)
    return await callers(Role.STOREFRONT, channel="web-de")


async def test_a_key_is_kept_for_thirty_days_and_then_forgotten(web: Api, db: Database, clock: SetClock) -> None:
    first = await web.post("/v1/orders", _order(1), once="basket")

    for days, orders in ((29, 1), (31, 2)):
        clock.set(NOON + timedelta(days=days))
        await JOBS["prune"].work(db, clock.now())
        again = await web.post("/v1/orders", _order(1), once="basket")
        assert again.status_code == 201
        assert (again.content == first.content) == (orders == 1)
        assert await rows(db, "SELECT count(*) FROM orders") == [(orders,)]


async def test_a_till_sale_is_known_by_its_own_id_when_its_key_is_long_forgotten(
    web: Api, callers: Callers, db: Database, clock: SetClock
) -> None:
    del web
    await put_stock(db, "WATCH", "berlin", 5)
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    first = await till.post("/v1/till-sales", _sale(1), once="sale")

    clock.advance(timedelta(days=400))
    await JOBS["prune"].work(db, clock.now())
    late = await till.post("/v1/till-sales", _sale(1), once="sale")

    assert (first.status_code, late.status_code, late.content) == (201, 201, first.content)
    assert await rows(db, "SELECT supply FROM stock_pools WHERE location = 'berlin'") == [(4,)]


async def test_a_replay_says_that_it_is_one(web: Api) -> None:
    first = await web.post("/v1/orders", _order(1), once="basket")
    again = await web.post("/v1/orders", _order(1), once="basket")

    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_the_same_facts_in_another_spelling_are_the_same_request(web: Api) -> None:
    dice = random.Random(7)  # noqa: S311 - shuffles fields
    first = await web.post("/v1/orders", _order(1), once="basket")

    for _ in range(5):
        assert (await web.post("/v1/orders", _shuffled(_order(1), dice), once="basket")).content == first.content


def _shuffled(value: Any, dice: random.Random) -> Any:  # noqa: ANN401 - a body's parts are of any kind
    if isinstance(value, dict):
        fields: Sequence[tuple[str, Any]] = dice.sample(list(value.items()), len(value))
        return {name: _shuffled(part, dice) for name, part in fields}
    return [_shuffled(part, dice) for part in value] if isinstance(value, list) else value


async def test_a_refusal_is_not_remembered(web: Api, db: Database) -> None:
    refused = await web.post("/v1/orders", _order(4), once="basket")
    await put_stock(db, "WATCH", "wh-de", 1)

    assert problem(refused) == (409, "not_enough_stock")
    assert (await web.post("/v1/orders", _order(4), once="basket")).status_code == 201


@pytest.mark.parametrize("key", [None, "", "x" * 256, "tab\there"])
async def test_a_request_without_a_key_is_told_to_send_one(web: Api, db: Database, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {web.key}"} | ({} if key is None else {"Idempotency-Key": key})

    answer = await web.client.post("/v1/orders", json=_order(1), headers=headers)

    assert problem(answer) == (400, "idempotency_key_missing")
    assert await rows(db, "SELECT count(*) FROM orders") == [(0,)]
