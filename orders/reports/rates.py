"""Rates: run a question against the facts, and give its counts by group."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import text

from catalog.members import Member
from commerce.kernel.db import ReadSession
from orders.reports.persons import Merges, merges_known
from orders.reports.places import Place, as_columns_of
from orders.reports.rates_sql import Reach, cohorts, followed_rates, net_lines, order_rates
from orders.reports.rules import GroupBy, Kind, Question, follows

MEMORY = "128MB"
"""For each sort and hash of a report: more than the server's default, and little beside what a report reads."""
_PATIENT = (
    text(f"SET LOCAL work_mem = '{MEMORY}'"),
    text("SET LOCAL plan_cache_mode = 'force_custom_plan'"),
    text("SET LOCAL hash_mem_multiplier = 2"),
)
_A_DAY = timedelta(days=1)


class Tally(NamedTuple):
    """Counts of a group; of those that are open, too. `key` is in the order of the groups."""

    key: tuple[str | None, ...]
    denominator: int
    numerator: int
    open_denominator: int
    open_numerator: int


class Known(NamedTuple):
    """What a question is answered with: its sets and the places as they were known."""

    places: Sequence[Place]
    anchor: Sequence[Member]
    attach: Sequence[Member]


async def make_room(tx: ReadSession) -> None:
    """Let this transaction use memory as a report needs it, and be planned for what is asked."""
    for statement in _PATIENT:
        await tx.execute(statement)


async def count_rates(
    tx: ReadSession, question: Question, known: Known, reach: Reach | None = None
) -> tuple[list[Tally], Tally]:
    """The counts of every group, in order, and those of the question without groups."""
    merges = await merges_known(tx, max((p.known_before for p in known.places), default=question.as_of.instant),
                                question.as_of.believed_at)  # fmt: skip
    facts = {**parameters(question, known, merges)}
    rows = (await tx.execute(text(_statement(question, merges, question.group_by, reach)), facts)).all()
    groups = [Tally(_key(row[1:-4]), *row[-4:]) for row in rows if not row[0]]
    whole = next((Tally((), *row[-4:]) for row in rows if row[0]), None)
    if not question.group_by:
        groups = [whole or groups[0]]
    if whole is None:
        whole = await _whole(tx, question, groups, merges, facts, reach)
    return sorted(groups, key=lambda tally: tuple((word is None, word or "") for word in tally.key)), whole


async def _whole(
    tx: ReadSession, question: Question, groups: Sequence[Tally], merges: Merges, facts: Mapping[str, object],
    reach: Reach | None,
) -> Tally:  # fmt: skip
    """Orders that are in one group only add up; where they may be in several, everything is counted once more."""
    if not {GroupBy.ANCHOR_PRODUCT, GroupBy.ATTACH_PRODUCT} & set(question.group_by):
        sums = [sum(column) for column in zip(*(tally[1:] for tally in groups), strict=True)] or [0] * 4
        return Tally((), *sums)
    row = (await tx.execute(text(_statement(question, merges, (), reach)), facts)).one()
    return Tally((), *row[-4:])


def _statement(question: Question, merges: Merges, groups: Sequence[GroupBy], reach: Reach | None) -> str:
    followed = follows(question.basis)
    bounded = scan_range(question) is not None
    net = net_lines(
        members=True, bounded=bounded, merges=bool(merges.merged), followed=followed, count_at=question.count_at
    )
    more = ""
    if GroupBy.COHORT in groups:
        everything = net_lines(
            members=False, bounded=False, merges=bool(merges.merged), followed=True, count_at=question.count_at
        )
        more = f"{cohorts(everything)},"
    filters = filters_of(question)
    if not followed:
        return order_rates(net, question.basis, groups, filters=filters, more=more)
    reach = reach or (Reach.LATER if question.later_only else Reach.EITHER)
    return followed_rates(net, question.basis, groups, reach, filters=filters, attach=attach_of(question), more=more)


def filters_of(question: Question) -> str:
    """What an anchor's line must be, as a condition on `x`."""
    first, last = question.period
    asked = {
        "x.channel = :channel": question.channel,
        "x.market = :market": question.market,
        "x.location = :store": question.store,
        "x.launch = :launch": question.launch,
        "x.wave = :wave": question.wave,
    }
    conditions = [condition for condition, value in asked.items() if value is not None]
    if question.channel_kind is not Kind.ALL:
        conditions.append("x.kind = :channel_kind")
    if first is not None:
        conditions.append("x.at >= :first" if isinstance(first, datetime) else "x.day >= :first")
    if last is not None:
        conditions.append("x.at < :last" if isinstance(last, datetime) else "x.day <= :last")
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
    first, last = question.period
    both = [*known.anchor, *known.attach]
    facts: dict[str, object] = {
        **as_columns_of(known.places, question.as_of),
        "sku_nos": [member.sku_no for member in both],
        "anchors": [True] * len(known.anchor) + [False] * len(known.attach),
        "products": [member.product for member in both],
        "merged": merges.merged,
        "survivors": merges.survivors,
        "first": first,
        "last": last,
        "window": question.window_days,
        "channel": question.channel,
        "channel_kind": str(question.channel_kind),
        "market": question.market,
        "store": question.store,
        "launch": question.launch,
        "wave": question.wave,
        "attach_channel": question.attach_channel,
        "attach_channel_kind": str(question.attach_channel_kind or ""),
    }
    scanned = scan_range(question)
    if scanned is not None:
        facts |= {"scan_from": scanned[0], "scan_to": scanned[1]}
    return facts


_EVER, _NEVER = datetime(1900, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


def scan_range(question: Question) -> tuple[datetime, datetime] | None:
    """Between which instants everything lies that could count: days begin and end at some instant of the next ones."""
    first, last = question.period
    if first is None and last is None:
        return None
    begin, end = _EVER, _NEVER
    if first is not None:
        begin = first if isinstance(first, datetime) else datetime.combine(first, time(), UTC) - _A_DAY
    if last is not None:
        end = last if isinstance(last, datetime) else datetime.combine(last, time(), UTC) + 2 * _A_DAY
        end += timedelta(days=question.window_days or 0) + 3 * _A_DAY
    return begin, min(end, _NEVER)


def _key(words: Sequence[object]) -> tuple[str | None, ...]:
    return tuple(None if word is None else _said(word) for word in words)


def _said(word: object) -> str:
    return word.isoformat() if isinstance(word, date) else str(word)
