"""The database: transactions one can see, snapshots one can trust, and limits on how long anything may take."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, NewType

import asyncpg
from sqlalchemy import BigInteger, DateTime, MetaData, Result, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.pool import QueuePool

from commerce.kernel.clock import Clock, SystemClock
from commerce.kernel.refusals import Busy

ReadSession = NewType("ReadSession", AsyncSession)
Session = NewType("Session", ReadSession)

PATIENCE_S = 40.0
"""Longer than any limit below: whoever is not answered by then talks to a dead connection."""

LIMITS = {
    "lock_timeout": "3s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
    "jit": "off",
}

Code = Annotated[str, mapped_column(Text(collation="C"))]
Facts = Annotated[dict[str, Any], mapped_column(JSONB)]
Minor = Annotated[int, mapped_column(BigInteger)]
"""An amount in the smallest unit of the currency its row names."""


class DatabaseAway(ConnectionError):  # noqa: N818 - what it says is the error
    """No connection to the database could be made; a missing socket would else look like any missing file."""


class Table(DeclarativeBase):
    """What every table is made from. Codes compare by code point; instants carry their zone."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text(), datetime: DateTime(timezone=True)}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One PostgreSQL (and perhaps a replica) with a clock beside it."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        replica_url: str | None = None,
        pool_size: int = 10,
        limits: Mapping[str, str] = LIMITS,
        patience_s: float | None = None,
    ) -> None:
        """Open nothing yet. `patience_s` ends a call whose connection is dead without knowing it; None waits for ever.

        It must be longer than the limits, which the server keeps itself.
        """
        self.clock: Clock = clock or SystemClock()
        self.engine = _engine(url, pool_size, limits, patience_s)
        self._replica = _engine(replica_url, pool_size, limits, patience_s) if replica_url else self.engine
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._reads = async_sessionmaker(self._replica, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """All or nothing: what is done inside is kept when the block ends, and gone when it raises.

        Whoever promised to be done by an instant (`commit_by`) is held to it. Raises Busy.
        """
        async with _holding(), self._sessions.begin() as session:
            session.info[_CLOCK] = self.clock
            yield Session(ReadSession(session))
            if _DEADLINE in session.info:
                _time_left(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """Plain reads of what is committed now, from the primary."""
        async with _holding(), self._sessions() as session:
            yield ReadSession(session)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[ReadSession]:
        """Many queries, one instant: for reports and for what a till downloads. From a replica if there is one."""
        async with _holding(), self._reads() as session:
            if self._replica is not self.engine:
                async with session.begin():
                    session.info[_REPLAYED] = (await session.execute(_REPLAYED_UNTIL)).one()
            async with session.begin():
                await session.execute(_AS_OF_ONE_INSTANT)
                yield ReadSession(session)

    @asynccontextmanager
    async def beside(self, snapshot: ReadSession) -> AsyncIterator[ReadSession | None]:
        """Another session that sees what a snapshot sees, for who shares work out to two; None if none is to spare.

        Nobody is waited for, and the last connection is left to others.
        """
        pool = self._replica.pool
        if isinstance(pool, QueuePool) and pool.size() - pool.checkedout() <= 1:
            yield None
            return
        async with _holding(), self._reads() as session, session.begin():
            await session.execute(_AS_OF_ONE_INSTANT)
            name = (await snapshot.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
            await session.execute(text(f"SET TRANSACTION SNAPSHOT '{name}'"))
            yield ReadSession(session)

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()
        if self._replica is not self.engine:
            await self._replica.dispose()


_AS_OF_ONE_INSTANT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_REPLAYED = "replayed"
_REPLAYED_UNTIL = text("SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()")


def knows_until(tx: ReadSession, now: datetime) -> datetime | None:
    """Until which instant a snapshot knows all that was committed: now, or as far as its replica had heard by then.

    None where a replica cannot tell, since nothing was committed since it started. One whose primary is idle says when
    that last did anything: it cannot know that nothing is on its way.
    """
    is_replica, replayed = tx.info.get(_REPLAYED, (False, None))
    if not is_replica:
        return now
    return None if replayed is None else min(now, replayed)


_CLOCK, _DEADLINE = "clock", "deadline"
CUTS_OFF_SINCE = 17_00_00
"""PostgreSQL 17 can end a transaction that takes too long; before, only each statement has its limit."""
_IS_NEW = "current_setting('server_version_num')::int >= CAST(:since AS int)"
_CUTS_OFF = text(f"SELECT {_IS_NEW}")
_OWN_MS = "extract(epoch FROM current_setting('transaction_timeout', true)::interval) * 1000"
_REARMED = "CASE set_config('transaction_timeout', '0', true) WHEN '0' THEN CAST(:limit AS bigint) || 'ms' END"
_CUT_OFF = text(f"""
    SELECT CASE WHEN {_IS_NEW} AND ({_OWN_MS} = 0 OR {_OWN_MS} > CAST(:limit AS bigint))
                THEN set_config('transaction_timeout', {_REARMED}, true) END
""")
"""A database, a role or a server may have a limit of its own: the shorter one counts. PostgreSQL goes on with the timer
that runs when the setting changes within a transaction, unless it was set to nothing before."""


async def commit_by(tx: Session, instant: datetime) -> datetime:
    """Have this transaction committed before an instant, by our clock, or not at all; the instant that counts.

    The first one that is named does. What was waited for until now, for a connection or for somebody's lock, is taken
    off what is left; when that is used up, PostgreSQL ends the transaction, and whoever comes to the end of it too late
    all the same is refused there. Raises Busy.
    """
    if _DEADLINE not in tx.info:
        tx.info[_DEADLINE] = instant
        limit = max(1, _time_left(tx) // timedelta(milliseconds=1))
        await tx.execute(_CUT_OFF, {"since": CUTS_OFF_SINCE, "limit": limit})
    deadline: datetime = tx.info[_DEADLINE]
    return deadline


async def cuts_off(tx: ReadSession) -> bool:
    """Whether this PostgreSQL ends what is not committed in time by itself, or leaves it to our own clock alone."""
    return bool((await tx.execute(_CUTS_OFF, {"since": CUTS_OFF_SINCE})).scalar_one())


def _time_left(tx: AsyncSession) -> timedelta:
    left: timedelta = tx.info[_DEADLINE] - tx.info[_CLOCK].now()
    if left <= timedelta(0):
        raise Busy
    return left


_held: ContextVar[int] = ContextVar("database connections this task holds", default=0)


@asynccontextmanager
async def _holding() -> AsyncIterator[None]:
    token = _held.set(_held.get() + 1)
    try:
        yield
    finally:
        _held.reset(token)


def must_hold_no_connection() -> None:
    """Stop whoever is about to wait for a network with a database connection in hand: a few of them stop everybody.

    Raises RuntimeError: it is a bug, and no assertion, since those may be switched off.
    """
    if _held.get():
        raise RuntimeError("a call over the network while a database connection is held")


def rows_changed(done: Result[Any]) -> int:
    """How many rows a writing statement changed."""
    return int(getattr(done, "rowcount", 0))


def is_lost_race(error: DBAPIError) -> bool:
    """Whether somebody else was quicker: a unique key just taken, a deadlock or a serialisation that was broken up."""
    return getattr(error.orig, "sqlstate", None) in {"23505", "40001", "40P01"}


_NOT_THERE = (PoolTimeout, ConnectionError, TimeoutError)


def is_away(error: BaseException) -> bool:
    """Whether there is no database to ask: it is gone, full or starting, or the connection to it is."""
    if isinstance(error, _NOT_THERE):
        return True
    if not isinstance(error, DBAPIError):
        return False
    gone = str(getattr(error.orig, "sqlstate", None) or "")[:3] in {"57P", "080", "530", "533"}
    return gone or error.connection_invalidated or isinstance(error, InterfaceError)


def took_too_long(error: BaseException) -> bool:
    """Whether somebody else's lock, or our own slowness, used up the patience of a statement."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in {"55P03", "57014"}


def is_passing(error: BaseException) -> bool:
    """Whether a database error says "not now" rather than "never": sending the same request again is right."""
    if isinstance(error, _NOT_THERE):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return _says_not_now(error)  # As it comes out of a cursor of the database: nobody wraps it there.
    if not isinstance(error, DBAPIError):
        return False
    return (
        _says_not_now(error.orig)
        or error.connection_invalidated
        or isinstance(error, InterfaceError | OperationalError)
    )


def _says_not_now(error: BaseException | None) -> bool:
    state = str(getattr(error, "sqlstate", "") or getattr(error, "pgcode", "") or "")
    return state[:2] in {"08", "40", "53", "57"} or state in {"55P03", "25P04"}


def _engine(url: str, pool_size: int, limits: Mapping[str, str], patience_s: float | None) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        # Parameters are names, addresses and hashes, and the text of an error ends in logs and on the dead shelf.
        hide_parameters=True,
        connect_args={
            "async_creator_fn": _connect,
            "server_settings": {**limits, "application_name": "commerce"},
            "timeout": 10,
            "command_timeout": patience_s,
        },
    )


_NO_CONNECTION = (OSError, asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


async def _connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:  # noqa: ANN401 - what SQLAlchemy hands on
    try:
        return await asyncpg.connect(*args, **kwargs)
    except _NO_CONNECTION as error:
        raise DatabaseAway(str(error)) from error
