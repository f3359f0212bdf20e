"""The past: what variants, categories and markets were is kept with the instant until which they were it.

Reports ask what belonged to a set at some instant of the past, or when a day was over somewhere, and must be told the
same whenever they ask. What was said first holds for all time before.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session


class Kept(NamedTuple):
    """Of which table what is kept, and where. The past has the table's key, `until`, and those facts."""

    table: str
    past: str
    key: str
    facts: tuple[str, ...]


VARIANTS = Kept("variants", "variant_pasts", "sku", ("product", "category", "brand", "options", "status"))
MARKETS = Kept("markets", "market_pasts", "code", ("time_zone",))
CATEGORIES = Kept("categories", "category_pasts", "code", ("parent",))


def said_then(what: Kept) -> str:
    """What rows that were changed since were at the instant `:at`, as a query of their pasts.

    A past has its instant behind it: of those that were still to end, the first to do so is what was said then.
    """
    return f"SELECT DISTINCT ON ({what.key}) * FROM {what.past} WHERE until > :at ORDER BY {what.key}, until"  # noqa: S608 - made of the constants above


STATUS_THEN = """
    coalesce(p.status, CASE WHEN p.sku IS NOT NULL THEN (
        SELECT s.status FROM variant_pasts s WHERE s.sku = p.sku AND s.until > p.until AND s.status IS NOT NULL
         ORDER BY s.until LIMIT 1) END, v.status)
"""
"""The status of a variant `v` that was said to be `p` then: where a past does not say, it was as it is after."""


@asynccontextmanager
async def past_kept(tx: Session, what: Kept, key: str, now: datetime) -> AsyncIterator[None]:
    """Keep what a row's facts were, if the block changes any; a row that is not there has none.

    The row is locked until the transaction ends, so that of two who change it the second finds what the first one left.
    """
    was = (await tx.execute(text(_locked(what)), {"key": key})).scalar_one_or_none()
    yield
    if was is not None:
        before = f"jsonb_populate_record(CAST(NULL AS {what.table}), CAST(:was AS jsonb))"
        await tx.execute(text(_keep(what, before, what.table)), {"was": was, "now": now})


async def keep_past(
    tx: Session, what: Kept, given: str, now: datetime, values: Mapping[str, object] = MappingProxyType({})
) -> None:
    """Keep what rows were that are about to become what they are in `given`: a query of the key and every fact.

    `values` are what that query binds. The rows are locked until the transaction ends.
    """
    # Who moves a category locks the table and then the row: nobody may come with the row and then want the table.
    await tx.execute(text(f"LOCK TABLE {what.table} IN ROW EXCLUSIVE MODE"))
    await tx.execute(text(_lock(what, given)), values)
    await tx.execute(text(_keep(what, what.table, f"({given})")), {**values, "now": now})


# All names below are of the constants above, and what is given is a caller's constant; values are bound.


def _locked(what: Kept) -> str:
    facts = ", ".join((what.key, *what.facts))
    return f"""
        SELECT CAST(to_jsonb(f) AS text)
          FROM (SELECT {facts} FROM {what.table} WHERE {what.key} = :key FOR NO KEY UPDATE) AS f
    """  # noqa: S608 - see above


def _lock(what: Kept, given: str) -> str:
    return f"""
        SELECT count(*) FROM (
            SELECT FROM {what.table} WHERE {what.key} IN (SELECT {what.key} FROM ({given}) AS g)
             ORDER BY {what.key} FOR NO KEY UPDATE) AS locked
    """  # noqa: S608 - see above


def _keep(what: Kept, before: str, after: str) -> str:
    """Whose instant lies before that of the change before (it waited for the row meanwhile) is taken for as late.

    Then, as where two changes are made at one instant, what was in between was never said: the earlier row stays.
    """
    key = what.key
    was, is_now = (", ".join(f"{row}.{fact}" for fact in what.facts) for row in ("b", "a"))
    return f"""
        INSERT INTO {what.past} ({key}, until, {", ".join(what.facts)})
        SELECT b.{key}, greatest(:now, l.latest), {was}
          FROM {before} AS b
          JOIN {after} AS a ON a.{key} = b.{key}
         CROSS JOIN LATERAL (SELECT max(p.until) AS latest FROM {what.past} p WHERE p.{key} = b.{key}) AS l
         WHERE ({was}) IS DISTINCT FROM ({is_now})
            ON CONFLICT DO NOTHING
    """  # noqa: S608 - see above
