"""The matrix: every place from which the provider is asked, times every fault, once and three times in a row."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from orders.payments.stripe_gateway import StripeGateway
from tests.chaos.acts import Story
from tests.chaos.books import DISPUTED, in_doubt, judge
from tests.chaos.shop import Place, let_pass, nothing_is_left_to_settle
from tests.chaos.sites import Site
from tests.conftest import Json
from tests.paying import Checkout, money
from tests.shop import rows

FAULTS = ("error_before", "error_after", "drop_after", "rate_limit", "lock_timeout", "hang", "hang_after")
TIMES = (1, 3)
SETTLED_WITHIN = timedelta(seconds=60)
STEP = timedelta(seconds=2)

_ENDS = """
    SELECT state FROM payments WHERE order_id = :id
     UNION ALL SELECT state FROM mandates WHERE order_id = :id
     UNION ALL SELECT d.state FROM disputes d JOIN payments p ON p.id = d.payment_id WHERE p.order_id = :id
     ORDER BY 1
"""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One story under one fault: how long it was in doubt (set time), and what was wrong afterwards."""

    site: str
    fault: str
    times: int
    befell: int
    """How often the fault struck; less where nobody had to ask again."""
    settled_s: int | None
    real_s: float
    violations: list[str]


class Trial(NamedTuple):
    """A story to be told under a fault, which strikes so many times in a row."""

    site: Site
    fault: str
    times: int


def trials_of(site: Site) -> list[Trial]:
    """A site's row of the matrix."""
    return [Trial(site, fault, times) for times in TIMES for fault in FAULTS]


async def play(
    place: Place,
    trials: Sequence[Trial],
    *,
    tell: Callable[[Cell], None] = lambda _: None,
    gateway: type[StripeGateway] = StripeGateway,
) -> list[Cell]:
    """Tell one story after the other in one shop, and judge after each.

    Where something was wrong, the next story begins in a new shop: one fault's harm is not another's.
    """
    left = list(trials)
    cells: list[Cell] = []
    while left:
        async with place.shop(gateway) as shop:
            await let_pass(shop, STEP)  # The schedule begins.
            cases: Counter[str] = Counter()
            good = True
            while left and good:
                trial = left.pop(0)
                cases.update(trial.site.cases)
                cell = await _play_one(shop, trial, cases)
                if not left:
                    cell.violations.extend(await nothing_is_left_to_settle(shop))
                good = not cell.violations
                cells.append(cell)
                tell(cell)
    return cells


async def _play_one(shop: Checkout, trial: Trial, cases: Counter[str]) -> Cell:
    site, fault, times = trial
    began = time.monotonic()
    story = site.story(shop)
    order_id = await anext(story)
    heard = len(await shop.sandbox.calls())
    strike: Json = {"match": {"agent": site.place, "nth": 1, "times": times}, "fault": fault}
    await shop.sandbox.faults(strike, *site.meanwhile, events=site.news, search_lag_s=site.search_lag_s)
    settled_s = await _settle(shop, story)
    befell = sum(
        call["fault"] == fault and call["agent"] == site.place for call in (await shop.sandbox.calls())[heard:]
    )
    await shop.sandbox.faults()
    violations = await _violations(shop, site, order_id, cases)
    if settled_s is None:
        violations.insert(0, f"not settled within {SETTLED_WITHIN}")
    if not befell:
        violations.append("the fault never struck")
    real_s = round(time.monotonic() - began, 2)
    return Cell(
        site=site.name, fault=fault, times=times, befell=befell, settled_s=settled_s, real_s=real_s,
        violations=violations,
    )  # fmt: skip


async def _settle(shop: Checkout, story: Story) -> int | None:
    """Go on until the story is over and nothing is in doubt; how many seconds it took, None if it took too many."""
    since, over = shop.clock.now(), False
    while shop.clock.now() - since <= SETTLED_WITHIN:
        over = over or await anext(story, None) is None
        await let_pass(shop, timedelta(0))
        if over and not await in_doubt(shop.db):
            return round((shop.clock.now() - since).total_seconds())
        await shop.advance(STEP)
    return None


async def _violations(shop: Checkout, site: Site, order_id: str, cases: Counter[str]) -> list[str]:
    """What is wrong: in the books as a whole, and in how this story ended."""
    ledger = await shop.sandbox.ledger()
    verdict = await judge(shop.db, ledger)
    found = msgspec.structs.replace(verdict, cases=[]).violations()
    kinds = Counter(case.split(" ", 1)[0] for case in verdict.cases)
    if kinds != cases:
        found.append(f"cases are {dict(kinds)}, not {dict(cases)}: {verdict.cases}")
    of_this = [row for row in ledger if row["metadata"].get("order") == order_id and row["kind"] not in DISPUTED]
    moved = tuple(money(of_this))
    if moved != site.money:
        found.append(f"moved {moved}, not {site.money}")
    ends = tuple(row[0] for row in await rows(shop.db, _ENDS, id=order_id))
    if ends != site.ends:
        found.append(f"ended {ends}, not {site.ends}")
    return found
