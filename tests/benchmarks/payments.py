"""From checkout to paid, with everybody on one machine: shoppers, API, worker, database, queue and the provider.

The provider is the sandbox. It answers in 300 ms and lets one call in a hundred go wrong. Two hundred shoppers each
place an order, begin to pay, confirm at the provider, and go on to the next; an order counts when our books say that it
is paid. Nobody asks whether it is: the worker hears of it by webhook. The second measure charges saved cards at the
rate that the provider allows.
"""

import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psutil  # type: ignore[import-untyped]  # its annotations are not published with it
import uvloop
from sqlalchemy import text

from commerce.embedded.parts import Program
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.db import Database
from orders.payments.stripe_words import EVENTS
from tests.benchmarks import shop
from tests.benchmarks.load import post
from tests.processes import Line
from tests.waiting import a_moment, soon, status_at

SHOPPERS = 200
ORDERS = 3_000
WARM_UP = 400
LATENCY_MS = 300
FAULTS = 0.01
API_PROCESSES = 2
WANTED_PER_S = 100
PLENTY = 5_000
"""Calls a second: here it is not the limit that is measured."""
SECRET, PUBLISHABLE, KEY = "whsec_bench", "pk_test_bench", "sk_test_bench"
PAID_S_MAX = 180

Say = Callable[[str], None]


def run(say: Say) -> dict[str, object]:
    """Measure orders from checkout to paid; who used the processors, and how long a buyer's order took."""
    with paying_stack(rate=PLENTY) as stack:
        return _measured(stack, say)


class Stack:
    """What runs, and where."""

    def __init__(self, url: str, api: int, sandbox: int, key: str) -> None:
        self.url, self.api, self.sandbox, self.key = url, api, sandbox, key
        self.processes: dict[str, psutil.Process] = {"load": psutil.Process()}

    def cpu_s(self) -> dict[str, float]:
        """Processor time of each part since it began, with all its children."""
        return {name: _cpu_of(process) for name, process in self.processes.items()}


def _cpu_of(process: psutil.Process) -> float:
    whole = [process] if process.pid == os.getpid() else [process, *process.children(recursive=True)]
    used = 0.0
    for one in whole:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
        if one is not whole[0]:
            continue
        # What has ended counts with the process that started it: PostgreSQL has a process for each connection.
        used += times.children_user + times.children_system if one.pid != os.getpid() else 0
    return used


@contextmanager
def paying_stack(*, rate: int) -> Iterator[Stack]:
    """The shop, its servers and worker, and the provider, which is asked no more often than `rate` times a second."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as made, ExitStack() as running:
        folder = Path(made)
        folder.chmod(0o711)
        postgres, valkey = EmbeddedPostgres(folder / "data"), EmbeddedValkey(folder / "data")
        for server in (postgres, valkey):
            running.callback(server.stop)
            server.start()
        yield _bring_up(postgres, valkey, folder, rate, running)


def _bring_up(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, folder: Path, rate: int, running: ExitStack) -> Stack:
    """Our programs, one after the other."""
    shop.migrate(postgres.url)
    key, _ = asyncio.run(shop.open_shop(postgres.url))
    api, sandbox = free_port(), free_port()
    env = {
        **os.environ,
        "COMMERCE_DATABASE_URL": postgres.url,
        "COMMERCE_REDIS_URL": valkey.url,
        "COMMERCE_DATA": str(folder / "serve"),
        "COMMERCE_LOG": "json",
        "COMMERCE_STRIPE_RATE": str(max(rate, 100)),
        "COMMERCE_STRIPE_ENDPOINT_RATE": str(rate),
        "STRIPE_API_KEY": KEY,
        "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE,
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{sandbox}",
    }
    commands = {
        "sandbox": [
            "stripe-sandbox", "--port", str(sandbox), "--webhook-secret", SECRET,
            "--webhook-url", f"http://127.0.0.1:{api}/v1/webhooks/stripe", "--data", str(folder / "journal.jsonl"),
            *(word for event in EVENTS for word in ("--webhook-event", event)),
        ],
        "api": ["serve", "--port", str(api), "--workers", str(API_PROCESSES)],
        "worker": ["work"],
    }  # fmt: skip
    answers = {
        "sandbox": lambda: status_at(f"http://127.0.0.1:{sandbox}/_sandbox/health") == 200,
        "api": lambda: status_at(f"http://127.0.0.1:{api}/health/live") == 200,
    }
    stack = Stack(postgres.url, api, sandbox, key)
    stack.processes["postgres"] = psutil.Process(postgres.pid)
    for name, words in commands.items():
        log, look = folder / f"{name}.log", answers.get(name)
        program = Program(name, [*OUR_COMMAND, *words], log=log, env=env, answers=look)
        running.callback(program.stop)
        program.start()
        stack.processes[name] = psutil.Process(program.pid)
    return stack


def _measured(stack: Stack, say: Say) -> dict[str, object]:
    control = f"http://127.0.0.1:{stack.sandbox}/_sandbox"
    httpx.post(f"{control}/latency", json={"ms": LATENCY_MS}).raise_for_status()
    calls = [
        {"match": {"path": "/v1/payment_intents*", "share": FAULTS / 2}, "fault": "error_after"},
        {"match": {"path": "/v1/payment_intents*", "share": FAULTS / 2}, "fault": "drop_after"},
    ]
    say("warming up")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_shop_until_paid(stack, "warm", WARM_UP))
        httpx.post(f"{control}/faults", json={"calls": calls, "seed": 1}).raise_for_status()
        say(f"{ORDERS} orders from checkout to paid")
        before, began = stack.cpu_s(), time.perf_counter()
        retries = runner.run(_shop_until_paid(stack, "paid", ORDERS))
        seconds = time.perf_counter() - began
        used = {name: round(cpu - before[name], 1) for name, cpu in stack.cpu_s().items()}
        facts = runner.run(_look(stack.url, WARM_UP))
    httpx.delete(f"{control}/faults").raise_for_status()
    rate = ORDERS / seconds
    return {
        "orders_paid_per_s": round(rate, 1),
        "shoppers": SHOPPERS,
        "seconds": round(seconds, 1),
        "asked_again": dict(retries),
        **facts,
        "processor_s": used,
        "processor_ms_per_order": round(1000 * sum(used.values()) / ORDERS, 1),
        "ratios": {"paid_per_s_to_100": (round(rate / WANTED_PER_S, 2), 1.0)},
    }


async def _shop_until_paid(stack: Stack, tag: str, count: int) -> Counter[str]:
    """Let the shoppers buy so many, and wait until our books say that all are paid."""
    db = Database(stack.url, pool_size=1)
    already = await _paid(db)
    turns = iter(range(count))
    retries: Counter[str] = Counter()
    await asyncio.gather(*(_shopper(stack, tag, turns, retries) for _ in range(SHOPPERS)))

    async def all_are_paid() -> bool:
        return await _paid(db) >= already + count

    await soon(all_are_paid, PAID_S_MAX, every_s=0.2)
    await db.close()
    return retries


async def _paid(db: Database) -> int:
    async with db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM payments WHERE state = 'captured'"))).scalar_one())


async def _shopper(stack: Stack, tag: str, turns: Iterator[int], retries: Counter[str]) -> None:
    ours, theirs = _Way(stack.api, retries), _Way(stack.sandbox, retries)
    for n in turns:
        order = await ours.ask(post("/v1/orders", stack.key, f"{tag}-{n}", _order(n)), 201)
        page = await ours.ask(post(f"/v1/orders/{order['id']}/payments", stack.key, f"{tag}-pay-{n}", b"{}"), 201)
        # Asked again after a broken line it says 400: the first time was heard.
        await theirs.ask(_confirmation(page["client_secret"]), 200, 400)


class _Way:
    """A line to one server, opened again when it breaks; whoever is not answered asks again with the same key."""

    def __init__(self, port: int, retries: Counter[str]) -> None:
        self._port = port
        self._retries = retries
        self._line: Line | None = None

    async def ask(self, request: bytes, *wanted: int) -> dict[str, Any]:
        """Ask until the answer is one that is wanted."""
        while True:
            try:
                self._line = self._line or await Line.to(self._port)
                answer = await self._line.ask(request)
            except OSError as broken:
                self._line = None
                self._retries[type(broken).__name__] += 1
                continue
            if answer.status in wanted:
                return dict(json.loads(answer.body))
            self._retries[str(answer.status)] += 1
            await a_moment(0.5)


def _order(n: int) -> bytes:
    wish = {
        "channel": "web",
        "lines": [{"sku": f"SKU-{n % shop.SKUS:04d}", "quantity": 1}],
        "shown_total": {"amount": shop.PRICE, "currency": "EUR"},
        "buyer": {"email": f"buyer{n % shop.BUYERS}@example.com"},
        "payment": "now",
    }
    return json.dumps(wish).encode()


def _confirmation(client_secret: str) -> bytes:
    """What the buyer's browser sends to the provider."""
    intent = client_secret.partition("_secret_")[0]
    body = urlencode({"client_secret": client_secret, "payment_method": "pm_card_visa"}).encode()
    head = (
        f"POST /v1/payment_intents/{intent}/confirm HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {PUBLISHABLE}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _look(url: str, skip: int) -> Mapping[str, object]:
    """How long orders took from placed to paid, and whether anything is left open."""
    db = Database(url, pool_size=1)
    async with db.read() as tx:
        took = await tx.execute(
            text("""
                SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM took))
                  FROM (SELECT e.entered_at - o.placed_at AS took FROM orders o
                          JOIN ledger_entries e ON e.order_id = o.id AND e.kind = 'payment'
                         ORDER BY o.placed_at OFFSET :skip) AS t
            """),
            {"skip": skip},
        )
        p50, p99 = took.scalar_one()
        open_calls = (
            await tx.execute(text("SELECT count(*) FROM provider_calls WHERE state = 'intended'"))
        ).scalar_one()
    await db.close()
    return {"placed_to_paid_s": {"p50": round(p50, 2), "p99": round(p99, 2)}, "calls_left_open": open_calls}
