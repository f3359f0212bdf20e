"""The wire: the driver's own connection under a session, because COPY and cursors exist only there."""

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import text

from commerce.kernel.db import ReadSession

Record = Sequence[Any]


class Wire(Protocol):
    """What we use of asyncpg's connection."""

    async def execute(self, query: str) -> str:
        """Run statements without parameters; the last one's tag, such as "INSERT 0 5"."""
        ...

    async def fetch(self, query: str, *values: object) -> list[Record]:
        """All rows of a query."""
        ...

    async def fetchval(self, query: str, *values: object) -> Any:  # noqa: ANN401 - a database value may be anything
        """The first value of a query's first row."""
        ...

    async def copy_records_to_table(self, table_name: str, *, records: Iterable[Record], columns: Sequence[str]) -> str:
        """Stream rows into a table, at the pace at which the server takes them."""
        ...

    def cursor(self, query: str, *, prefetch: int) -> AsyncIterable[Record]:
        """A query's rows, fetched so many at a time."""
        ...


async def wire_of(tx: ReadSession) -> Wire:
    """The connection on which this session's transaction runs; what is done on it belongs to the transaction.

    A file of a million lines takes longer than anything else may take, so the time limits are off until it is over.
    """
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        await tx.execute(text(f"SET LOCAL {limit} = 0"))
    connection = await (await tx.connection()).get_raw_connection()
    return cast("Wire", connection.driver_connection)


def rows_of(tag: str) -> int:
    """How many rows a statement wrote, from its tag."""
    return int(tag.rsplit(" ", 1)[-1])
