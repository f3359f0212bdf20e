"""Rates: run a question against the facts, and give its counts by group."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import NamedTuple

from sqlalchemy import text

from catalog.members import Member
from commerce.kernel.db import Database, ReadSession
from commerce.kernel.refusals import InvalidInput
from orders.reports.persons import Merges, merges_known
from orders.reports.places import Place
from orders.reports.rates_sql import Half, Reach, cohorts, followed_rates, net_lines, order_rates, rates_by_attach
from orders.reports.rules import GroupBy, Kind, Question, follows
from orders.reports.scope import conditions_of, scan_range, values_of

MEMORY = "128MB"
"""For each sort and hash of a report: more than the server's default, and little beside what a report reads."""
ROWS_MAX = 50_000
"""What is answered at once lies in memory; who wants more of it asks for a part at a time."""
_ROOM = {
    "work_mem": MEMORY,
    "hash_mem_multiplier": "2",
    "plan_cache_mode": "force_custom_plan",
    # Lines cost more to hand on than the server thinks: what can be joined and sorted before is, by all that read.
    "parallel_tuple_cost": "0.3",
}
_ALONE = text("SELECT set_config('max_parallel_workers_per_gather', '0', true)")
_MAKE_ROOM = text(f"SELECT {', '.join(f'set_config({name!r}, {value!r}, true)' for name, value in _ROOM.items())}")


class Tally(NamedTuple):
    """Counts of a group; of those that are open, too. `key` is in the order of the groups."""

    key: tuple[str | None, ...]
    denominator: int
    numerator: int
    open_denominator: int
    open_numerator: int


_Counted = tuple[list[Tally], Tally | None]
"""The counts of every group, and those of the whole if the statement has them as well."""

Hands = Sequence[ReadSession]
"""Sessions that see the same, the first one being the snapshot itself: one, or two that share the customers."""


class Known(NamedTuple):
    """What a question is answered with: its sets and the places as they were known."""

    places: Sequence[Place]
    anchor: Sequence[Member]
    attach: Sequence[Member]


async def make_room(tx: ReadSession) -> None:
    """Let this transaction use memory as a report needs it, and be planned for what is asked."""
    await tx.execute(_MAKE_ROOM)


class Prepared(NamedTuple):
    """The parts that statements about one question are put together from, and what all of them bind."""

    net: str
    everything: str
    filters: str
    attach: str
    facts: dict[str, object]


@asynccontextmanager
async def shared(db: Database, tx: ReadSession, question: Question) -> AsyncIterator[Hands]:
    """A snapshot in which there is room, and another beside it if that helps and a connection is to spare.

    What follows customers is looked at customer by customer, which PostgreSQL leaves to one process: two sessions do it
    in half the time. An attach's product has its row only where it came at all, which no half knows of the other.
    """
    await make_room(tx)
    if not follows(question.basis) or GroupBy.ATTACH_PRODUCT in question.group_by:
        yield [tx]
        return
    async with db.beside(tx) as other:
        hands = [tx] if other is None else [tx, other]
        if other is not None:
            await make_room(other)
            for one in hands:
                await one.execute(_ALONE)
        yield hands


async def prepare(tx: ReadSession, question: Question, known: Known, *, bounded: bool = False) -> Prepared:
    """Read what had become of customers, and write the parts of a question's statements.

    `bounded` is for who binds `scan_from` and `scan_to` anew, though the question may have no period.
    """
    return _prepared(question, known, await merges_known(tx, question.as_of), bounded=bounded)


def _prepared(
    question: Question, known: Known, merges: Merges, *, bounded: bool = False, half: Half | None = None
) -> Prepared:
    merged, count_at = bool(merges.merged), question.count_at
    bounded = bounded or scan_range(question.period) is not None
    by_product = bool({GroupBy.ANCHOR_PRODUCT, GroupBy.ATTACH_PRODUCT} & set(question.group_by))
    net = net_lines(
        members=True,
        bounded=bounded,
        merges=merged,
        followed=follows(question.basis),
        count_at=count_at,
        products=by_product,
        half=half,
    )
    everything = net_lines(members=False, bounded=False, merges=merged, followed=True, count_at=count_at, half=half)
    facts = parameters(question, known, merges)
    return Prepared(net, everything, filters_of(question), attach_of(question), facts)


async def count_rates(hands: Hands, question: Question, known: Known) -> tuple[list[Tally], Tally]:
    """The counts of every group, in order, and those of the question without groups.

    Raises InvalidInput for too many groups.
    """
    merges = await merges_known(hands[0], question.as_of)
    halves: Sequence[Half | None] = [None] if len(hands) == 1 else list(Half)
    share = [(tx, _prepared(question, known, merges, half=half)) for tx, half in zip(hands, halves, strict=True)]
    groups, whole = await _count(share, question, question.group_by)
    if not question.group_by:
        groups = [whole or groups[0]]
    if whole is None and {GroupBy.ANCHOR_PRODUCT, GroupBy.ATTACH_PRODUCT} & set(question.group_by):
        alone, whole = await _count(share, question, ())
        whole = whole or alone[0]
    return sorted(groups, key=_in_order), whole or _sum(groups)


async def _count(
    share: Sequence[tuple[ReadSession, Prepared]], question: Question, groups: Sequence[GroupBy]
) -> _Counted:
    """By each of the hands its share of the customers, all at once."""
    runs = (_run(tx, _statement(question, parts, groups), parts) for tx, parts in share)
    # Whoever fails first waits for the other, whose session would be closed under it.
    found = await asyncio.gather(*runs, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return _together([one for one in found if not isinstance(one, BaseException)])


def _together(halves: Sequence[_Counted]) -> _Counted:
    """Counts of customers of whom each is in one half. Raises InvalidInput for too many groups."""
    by_key: dict[tuple[str | None, ...], list[Tally]] = {}
    for tally in (tally for groups, _ in halves for tally in groups):
        by_key.setdefault(tally.key, []).append(tally)
    wholes = [whole for _, whole in halves if whole is not None]
    groups = [_sum(tallies, key) for key, tallies in by_key.items()]
    _must_fit(groups)
    return groups, _sum(wholes) if wholes else None


async def count_by_attach(
    tx: ReadSession, question: Question, known: Known, by: str
) -> tuple[list[Tally], list[Tally]]:
    """Of the anchors of each group: those with the attach in the same order, and those that came for it later.

    The latter by the group and the attach's `by` (a column of its line), where there are any.
    """
    parts = await prepare(tx, question, known)
    same, _ = await _run(tx, _statement(question, parts, question.group_by, Reach.SAME), parts)
    later = rates_by_attach(
        parts.net, question.basis, question.group_by, Reach.LATER, filters=parts.filters, attach=parts.attach, more="",
        by=by,
    )  # fmt: skip
    return sorted(same, key=_in_order), sorted((await _run(tx, later, parts))[0], key=_in_order)


async def _run(tx: ReadSession, statement: str, parts: Prepared) -> _Counted:
    """The counts of every group, and of the whole if the statement has them as well. Raises InvalidInput for too many.

    PostgreSQL plans what is inside as if all of it were wanted.
    """
    bounded = f"WITH every AS MATERIALIZED ({statement}) SELECT * FROM every LIMIT :rows_most"  # noqa: S608 - as it was put together
    rows = (await tx.execute(text(bounded), {**parts.facts, "rows_most": ROWS_MAX + 2})).all()
    groups = [Tally(_key(row[1:-4]), *row[-4:]) for row in rows if not row[0]]
    _must_fit(groups)
    return groups, next((Tally((), *row[-4:]) for row in rows if row[0]), None)


def _must_fit(groups: Sequence[Tally]) -> None:
    if len(groups) > ROWS_MAX:
        raise InvalidInput(
            "group_by",
            f"More than {ROWS_MAX} rows: group by fewer or larger things, or narrow the period or the channel.",
        )


def _sum(groups: Sequence[Tally], key: tuple[str | None, ...] = ()) -> Tally:
    """Together, where each anchor is in one of them only."""
    return Tally(key, *([sum(column) for column in list(zip(*groups, strict=True))[1:]] or [0] * 4))


def _in_order(tally: Tally) -> tuple[tuple[bool, str], ...]:
    return tuple((word is None, word or "") for word in tally.key)


def _statement(question: Question, parts: Prepared, groups: Sequence[GroupBy], reach: Reach | None = None) -> str:
    more = f"{cohorts(parts.everything)}," if GroupBy.COHORT in groups else ""
    if not follows(question.basis):
        return order_rates(parts.net, question.basis, groups, filters=parts.filters, more=more)
    reach = reach or (Reach.LATER if question.later_only else Reach.EITHER)
    return followed_rates(
        parts.net, question.basis, groups, reach, filters=parts.filters, attach=parts.attach, more=more
    )


def filters_of(question: Question) -> str:
    """What an anchor's line must be, as a condition on `x`."""
    conditions = conditions_of(question)
    if question.launch is not None:
        conditions.append("x.launch = :launch")
    if question.wave is not None:
        conditions.append("x.wave = :wave")
    return " AND ".join(conditions) or "true"


def attach_of(question: Question) -> str:
    """What a line must be to count as an attach, as a condition on `x`."""
    conditions = ["NOT x.a"]
    if question.attach_channel is not None:
        conditions.append("x.channel = :attach_channel")
    if question.attach_channel_kind not in {None, Kind.ALL}:
        conditions.append("x.kind = :attach_channel_kind")
    return " AND ".join(conditions)


def parameters(question: Question, known: Known, merges: Merges) -> dict[str, object]:
    """Everything that any statement of this question binds."""
    both = [*known.anchor, *known.attach]
    return {
        **values_of(question, known.places, merges, question.window_days or 0),
        "sku_nos": [member.sku_no for member in both],
        "anchor_nos": [member.sku_no for member in known.anchor],
        "products": [member.product for member in both],
        "window": question.window_days,
        "launch": question.launch,
        "wave": question.wave,
        "attach_channel": question.attach_channel,
        "attach_channel_kind": str(question.attach_channel_kind or ""),
    }


def _key(words: Sequence[object]) -> tuple[str | None, ...]:
    return tuple(None if word is None else _said(word) for word in words)


def _said(word: object) -> str:
    return word.isoformat() if isinstance(word, date) else str(word)
