"""What payments do by themselves, again and again. Each says why it is safe to repeat."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Self

import structlog

from commerce.kernel.committer import GroupCommitter
from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from orders.payments.calls import NO_ROOM, Call, claim_calls
from orders.payments.cases import note_trouble
from orders.payments.deadlines import keep_deadlines
from orders.payments.looks import Looked, LookWanted, Settled, claim_looks, look, settle_looks
from orders.payments.no_provider import is_there
from orders.payments.perform import perform
from orders.payments.port import AccountRefused, InDoubt, NotSent, PaymentGateway
from orders.payments.reconcile import reconcile_between, reconcile_doubts

CALLS_MAX = 48
LOOKS_MAX = 80
"""Calls, and looks, that one worker waits for at once.

Each have room of their own, and looks leave some of the SDK's hundred connections: no flood of news, and no provider
that hangs, keeps money from being taken or given back.
"""
AT_NIGHT = time(2)
NIGHT = timedelta(days=3)
"""How far back a night's reconciliation looks: longer than the provider tries to tell us of anything."""
_log = structlog.get_logger()


class Room:
    """Room for so many of one kind at once; shut for a moment where the line to the provider was full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shut_until: datetime | None = None
        self.under_way: set[asyncio.Task[bool]] = set()

    def free(self, now: datetime) -> int:
        """How many more may begin."""
        shut = self._shut_until is not None and now < self._shut_until
        return 0 if shut else self._most - len(self.under_way)

    def begin(self, work: Coroutine[Any, Any, bool]) -> None:
        """Let one begin."""
        task = asyncio.create_task(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    def shut(self, now: datetime) -> None:
        """Let nobody begin for a moment: what waits keeps its place in the database."""
        self._shut_until = now + NO_ROOM


class Caller:
    """Makes the calls and looks that are due, many at once; what it claims is its own until it is answered or dead."""

    def __init__(self, db: Database, gateway: PaymentGateway) -> None:
        self._db = db
        self._gateway = gateway
        self.calls, self.looks = Room(CALLS_MAX), Room(LOOKS_MAX)
        self._settling: GroupCommitter[Looked, Settled] = GroupCommitter("settle_looks", db, settle_looks)

    async def __aenter__(self) -> Self:
        """Begin to serve; what comes of looks is committed together."""
        self._settling.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is under way."""
        await self.finish()
        await self._settling.stop()

    async def once(self) -> bool:
        """Begin whatever is due and there is room for; whether there was anything.

        Safe to repeat: a call is known by its key, a look changes nothing, and each is claimed by one caller at a time.
        """
        begun = False
        now = self._db.clock.now()
        if (room := self.calls.free(now)) > 0:
            for call in await claim_calls(self._db, now, room):
                begun = True
                self.calls.begin(self._perform(call))
        if (room := self.looks.free(now)) > 0:
            for wanted in await claim_looks(self._db, now, room):
                begun = True
                self.looks.begin(self._look(wanted))
        return begun

    async def finish(self) -> None:
        """Wait for what is under way."""
        while under_way := self.calls.under_way | self.looks.under_way:
            await asyncio.wait(under_way)

    async def _perform(self, call: Call) -> bool:
        try:
            return await perform(self._db, self._gateway, call)
        except NotSent:
            self.calls.shut(self._db.clock.now())
        except Exception:  # noqa: BLE001 - the lease ends and somebody tries again; meanwhile the log has it
            _log.exception("provider_call_failed", call=call.id, operation=str(call.operation))
        return False

    async def _look(self, wanted: LookWanted) -> bool:
        try:
            return await look(self._db, self._gateway, wanted, self._settling.submit)
        except NotSent:
            self.looks.shut(self._db.clock.now())
        except Exception:  # noqa: BLE001 - as above
            _log.exception("look_failed", about=wanted.about, provider_id=wanted.provider_id)
        return False


async def _reconcile_doubts(gateway: PaymentGateway, db: Database, now: datetime) -> None:
    """Look for what came of calls in doubt. Safe to repeat: looking changes nothing there, and news counts once."""
    await reconcile_doubts(db, gateway, now)


async def _reconcile_nightly(gateway: PaymentGateway, db: Database, now: datetime) -> None:
    """Lay the last days' books side by side. Safe to repeat: as above, and a difference is one case at a time.

    Raises InDoubt where something could not be looked at, so that it is soon done once more.
    """
    try:
        done = await reconcile_between(db, gateway, now - NIGHT, now)
    except AccountRefused as no:
        async with db.transaction() as tx:
            await note_trouble(tx, no, now)
        raise
    _log.info("payments_reconciled", payments=done.payments, settled=done.settled, cases=done.cases)
    if done.not_seen:
        raise InDoubt(f"{done.not_seen} could not be looked at, the first: {done.trouble}")


def payment_jobs(gateway: PaymentGateway) -> Mapping[str, Job]:
    """For the scheduler. The laws about deadlines read the first one's row by its name.

    Where no provider is set up there are no books to compare ours with.
    """
    jobs = {"keep_payment_deadlines": Job(timedelta(seconds=10), keep_deadlines)}
    if not is_there(gateway):
        return jobs
    return {
        **jobs,
        "reconcile_doubts": Job(timedelta(seconds=15), partial(_reconcile_doubts, gateway)),
        "reconcile_nightly": Job(timedelta(days=1), partial(_reconcile_nightly, gateway), AT_NIGHT),
    }
