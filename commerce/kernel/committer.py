"""The group committer: what arrives while one commit is under way shares the next one.

It never waits to fill a group. One transaction serves up to 200 requests; each gets its own verdict. A request that
poisons its group fails alone: the group is rolled back and its requests are tried one by one. So are those of a group
whose work says that they cannot be decided together; but if it can say who lost to somebody since it looked, only they
are decided apart, after the others. If the database goes away in the middle, everybody is told to send the same request
again; their idempotency keys settle what happened.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Generic, TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.db import Database, Session, is_away, is_lost_race, is_passing, took_too_long
from commerce.kernel.idempotency import Replay
from commerce.kernel.metrics import GROUP_SIZE, QUEUE_FULL
from commerce.kernel.refusals import Busy, Refusal

GROUP_MAX = 200
QUEUE_MAX = 4_000
SINGLES_S_MAX = 2.0
"""How long a lane spends on requests one by one while somebody else's lock is in the way."""

HURRY_S = 10.0
"""How long a lane waits for nobody's lock any more, once it has waited for one in vain."""

_HURRY = text("SET LOCAL lock_timeout = '100ms'")
_log = structlog.get_logger()

Request = TypeVar("Request")
Verdict = TypeVar("Verdict")

Work = Callable[[Session, Sequence[Request], datetime], Awaitable[Sequence[Verdict | Refusal | Replay]]]


class NotTogetherError(Exception):
    """What these requests want cannot be decided together: each must see what became of those before it.

    Raised by the work for a group, never for one alone. Where the work knows by their places in the group who is
    behind the others, only they must see what became of these.
    """

    def __init__(self, behind: Iterable[int] = ()) -> None:
        super().__init__()
        self.behind = frozenset(behind)


class GroupCommitter(Generic[Request, Verdict]):
    """Runs one kind of use-case, written for many, one transaction at a time for each lane."""

    def __init__(self, name: str, db: Database, work: Work[Request, Verdict], *, lanes: int = 1) -> None:
        self._name = name
        GROUP_SIZE.labels(name)  # Shown from the start, so that nothing yet is told from nothing there.
        QUEUE_FULL.labels(name)
        self._db = db
        self._work = work
        self._lanes = lanes
        self._waiting: deque[tuple[Request, asyncio.Future[Verdict]]] = deque()
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._hurry_until = 0.0

    def start(self) -> None:
        """Begin to serve; needs a running event loop."""
        self._tasks = [asyncio.create_task(self._serve(), name=f"{self._name}-{n}") for n in range(self._lanes)]

    async def stop(self) -> None:
        """Serve nobody any more: whoever still waits is told to send the same request again."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self._tell_waiting_to_retry()

    async def submit(self, request: Request) -> Verdict:
        """Have one request decided and committed. Raises its Refusal, or Busy when too many wait."""
        if len(self._waiting) >= QUEUE_MAX or not self._tasks:
            QUEUE_FULL.labels(self._name).inc()
            raise Busy
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._bell.set()
        return await future

    async def _serve(self) -> None:
        while True:
            await self._bell.wait()
            group = self._next_group()
            if not group:
                continue
            try:
                await self._decide(group)
            except asyncio.CancelledError:
                _fail(group, Busy())
                raise
            except Exception:  # noqa: BLE001 - whatever went wrong, the waiting must hear of it
                _log.exception("committer_failed", committer=self._name)
                _fail(group, Busy())

    def _next_group(self) -> list[tuple[Request, "asyncio.Future[Verdict]"]]:
        group: list[tuple[Request, asyncio.Future[Verdict]]] = []
        while self._waiting and len(group) < GROUP_MAX:
            request, future = self._waiting.popleft()
            if not future.done():
                group.append((request, future))
        if not self._waiting:
            self._bell.clear()
        return group

    async def _decide(self, group: list[tuple[Request, "asyncio.Future[Verdict]"]]) -> None:
        """Commit together; if that fails, each by itself, so that one poisoned request does not take the others along.

        Where the work says who is behind, they are a group of their own, which comes after the others.

        If the database is away, nobody is tried alone. Somebody else's lock stops everybody for as long as a lock may
        be waited for, once: from then on whom it does not concern get through in a moment, and the others hear in a
        moment that they should come again.
        """
        GROUP_SIZE.labels(self._name).observe(len(group))
        groups = [group]
        while groups:
            first, *later = groups
            groups = [*await self._decide_or_part(first), *later]

    async def _decide_or_part(
        self, group: list[tuple[Request, "asyncio.Future[Verdict]"]]
    ) -> list[list[tuple[Request, "asyncio.Future[Verdict]"]]]:
        """Decide this group, or tell into which smaller ones it falls, in their order."""
        try:
            await self._commit_again_if_outrun(group, hurry=self._now_s() < self._hurry_until)
        except Exception as error:  # noqa: BLE001 - see above
            if took_too_long(error):
                self._hurry_until = self._now_s() + HURRY_S
            if len(group) == 1 or is_away(error):
                self._fail_aloud(group, error)
                return []
            if isinstance(error, NotTogetherError) and error.behind:
                _log.info("group_parted", committer=self._name, size=len(group), behind=len(error.behind))
                return _parted(group, error.behind)
            _log.warning("group_split", committer=self._name, size=len(group), error=repr(error)[:300])
            await self._decide_singly(group, hurry=took_too_long(error))
        return []

    async def _decide_singly(self, group: list[tuple[Request, "asyncio.Future[Verdict]"]], *, hurry: bool) -> None:
        over_at = self._now_s() + SINGLES_S_MAX
        for one in group:
            if hurry and self._now_s() > over_at:
                _fail([one], Busy())
                continue
            try:
                await self._commit_again_if_outrun([one], hurry=hurry)
            except Exception as error:  # noqa: BLE001 - one poisoned request must not take the others along
                self._fail_aloud([one], error)

    async def _commit_again_if_outrun(
        self, group: list[tuple[Request, "asyncio.Future[Verdict]"]], *, hurry: bool = False
    ) -> None:
        """A single request that lost a race (its key was just used elsewhere) is decided once more, on what is now."""
        try:
            await self._commit(group, hurry=hurry)
        except DBAPIError as error:
            if len(group) > 1 or not is_lost_race(error):
                raise
            await self._commit(group, hurry=hurry)

    async def _commit(self, group: list[tuple[Request, "asyncio.Future[Verdict]"]], *, hurry: bool) -> None:
        async with self._db.transaction() as tx:
            if hurry:
                await tx.execute(_HURRY)
            verdicts = await self._work(tx, [request for request, _ in group], self._db.clock.now())
            # Pair them before the commit: a verdict too few must not leave an effect that nobody hears of.
            decided = list(zip(group, verdicts, strict=True))
        for (_, future), verdict in decided:
            if future.done():
                continue
            if isinstance(verdict, Refusal | Replay):
                future.set_exception(verdict)
            else:
                future.set_result(verdict)

    def _fail_aloud(self, group: "Sequence[tuple[Request, asyncio.Future[Verdict]]]", error: Exception) -> None:
        """Tell everybody, and the log what was behind a Busy: who hears it cannot say."""
        if is_passing(error):
            _log.warning("not_now", committer=self._name, size=len(group), error=repr(error)[:300])
        _fail(group, error)

    @staticmethod
    def _now_s() -> float:
        """A clock that nobody can set: what it measures is patience."""
        return asyncio.get_running_loop().time()

    def _tell_waiting_to_retry(self) -> None:
        while self._waiting:
            _fail([self._waiting.popleft()], Busy())


def _parted(
    group: list[tuple[Request, "asyncio.Future[Verdict]"]], behind: Collection[int]
) -> list[list[tuple[Request, "asyncio.Future[Verdict]"]]]:
    """The others, and those behind them; where all are behind each other, the first one goes before the rest."""
    behind = behind if len(behind) < len(group) else range(1, len(group))
    return [[one for n, one in enumerate(group) if (n in behind) is late] for late in (False, True)]


def _fail(group: "Sequence[tuple[Request, asyncio.Future[Verdict]]]", error: Exception) -> None:
    """Tell everybody; what will pass is told to each as a new Busy, since an exception carries where it has been."""
    for _, future in group:
        if not future.done():
            future.set_exception(Busy() if is_passing(error) or isinstance(error, Busy) else error)
