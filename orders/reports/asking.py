"""Asking: what a caller wrote becomes a question that can be answered, or is refused with the field to blame."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from catalog.members import Member, members, must_be_apart
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import InvalidInput, UnknownReference
from orders.reports.places import Place, places
from orders.reports.rates import Known
from orders.reports.rules import (
    SETTLES_AFTER,
    AsOf,
    Basis,
    CountAt,
    GroupBy,
    Kind,
    Period,
    Question,
    each_once,
    follows,
)
from orders.reports.sets import expand

GROUPS_MAX = 4
_FIRST_YEAR, _LAST_YEAR = 1901, 2999
_DAY_LENGTH = len("2026-01-31")
_STORE = text("SELECT market FROM locations WHERE code = :store")
_LAUNCH = text(
    "SELECT EXISTS (SELECT FROM report_sales WHERE launch = :launch AND (CAST(:wave AS text) IS NULL OR wave = :wave))"
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    anchor: list[str]
    attach: list[str]
    basis: Basis
    window_days: int | None = None
    first: str | None = None
    last: str | None = None
    as_of: str | None = None
    believed_at: str | None = None
    complete_only: bool = False
    channel_kind: Kind = Kind.ALL
    channel: str | None = None
    market: str | None = None
    store: str | None = None
    launch: str | None = None
    wave: str | None = None
    attach_channel: str | None = None
    attach_channel_kind: Kind | None = None
    count_at: CountAt = CountAt.PLACING
    group_by: list[str] = []


class Clear(NamedTuple):
    """A question, with everything it takes to answer it."""

    question: Question
    known: Known
    versions: tuple[dict[str, int], dict[str, int]]
    """Of the named sets in the anchor and in the attach."""
    settled: bool


async def understand(tx: ReadSession, asked: Asked, now: datetime) -> Clear:
    """Make a question of what was asked. Raises InvalidInput, UnknownReference and SetsOverlap, naming the field."""
    _must_agree(asked)
    day, instant = _as_of(asked.as_of, now)
    found = await places(tx, day, instant)
    as_of = AsOf(max((place.known_before for place in found), default=now), day, _believed_at(asked, now))
    if day is not None and as_of.instant > now:
        raise InvalidInput("as_of", f"{day} is not over everywhere. Leave it out for what is known now.")
    if instant is not None:
        as_of = as_of._replace(instant=instant)
    question = Question(
        anchor=each_once(asked.anchor), attach=each_once(asked.attach), basis=asked.basis,
        window_days=asked.window_days, period=_period(asked), as_of=as_of, channel_kind=asked.channel_kind,
        channel=asked.channel, market=asked.market, store=asked.store, launch=asked.launch, wave=asked.wave,
        attach_channel=asked.attach_channel, attach_channel_kind=asked.attach_channel_kind,
        complete_only=asked.complete_only, count_at=asked.count_at, group_by=_groups(asked.group_by),
    )  # fmt: skip
    _must_be_places(question, found)
    await _must_be_known(tx, question)
    anchor, anchor_versions = await _set(tx, "anchor", question.anchor, as_of.last_instant)
    attach, attach_versions = await _set(tx, "attach", question.attach, as_of.last_instant)
    must_be_apart("attach", anchor, attach)
    settled = as_of.instant + SETTLES_AFTER <= now
    return Clear(question, Known(found, anchor, attach), (anchor_versions, attach_versions), settled)


def _must_agree(asked: Asked) -> None:
    followed = follows(asked.basis)
    if followed and asked.window_days is None:
        raise InvalidInput("window_days", f"The basis {asked.basis} follows customers: say for how many days.")
    if not followed:
        named: dict[str, object] = {
            "window_days": asked.window_days,
            "attach_channel": asked.attach_channel,
            "attach_channel_kind": asked.attach_channel_kind,
            "complete_only": asked.complete_only or None,
        }
        for field, said in named.items():
            if said is not None:
                raise InvalidInput(field, f"The basis {asked.basis} looks at single orders and follows nobody.")
    if asked.wave is not None and asked.launch is None:
        raise InvalidInput("wave", "A wave is of a launch: name it as well.")


def _as_of(said: str | None, now: datetime) -> tuple[date | None, datetime | None]:
    if said is None:
        return None, now
    read = _day_or_instant("as_of", said)
    if not isinstance(read, datetime):
        return read, None
    if read > now:
        raise InvalidInput("as_of", "It is still to come, and nobody knows what will be known then.")
    return None, read


def _believed_at(asked: Asked, now: datetime) -> datetime:
    if asked.believed_at is None:
        return now
    read = _day_or_instant("believed_at", asked.believed_at)
    if not isinstance(read, datetime):
        raise InvalidInput("believed_at", "It is an instant, as an answer says it.")
    if read > now:
        raise InvalidInput("believed_at", "It is still to come, and nobody knows what will be known then.")
    return read


def _day_or_instant(field: str, said: str) -> date | datetime:
    """A day, or an instant with its offset (a `+` that arrived as a blank is taken for what it was)."""
    try:
        if len(said) == _DAY_LENGTH:
            return date.fromisoformat(said)
        read = datetime.fromisoformat(said.replace(" ", "+"))
    except ValueError:
        raise InvalidInput(field, "Write a day (2026-01-31), or an instant (2026-01-31T18:00:00Z).") from None
    if read.tzinfo is None:
        raise InvalidInput(field, "An instant needs its offset: 2026-01-31T18:00:00Z.")
    if not _FIRST_YEAR <= read.year < _LAST_YEAR:
        raise InvalidInput(field, "It lies between the years 1900 and 3000.")
    return read


def _period(asked: Asked) -> Period:
    first = _day_or_instant("from", asked.first) if asked.first is not None else None
    last = _day_or_instant("to", asked.last) if asked.last is not None else None
    if first is not None and last is not None:
        if isinstance(first, datetime) != isinstance(last, datetime):
            raise InvalidInput("to", "A period is of two days, or of two instants.")
        if last < first:
            raise InvalidInput("to", "It is before the period begins.")
    return Period(first, last)


def _groups(said: Sequence[str]) -> tuple[GroupBy, ...]:
    words = [word for one in said for word in one.split(",")]
    known = {str(group) for group in GroupBy}
    for word in words:
        if word not in known:
            raise InvalidInput("group_by", f"{word!r} is no group; there are {', '.join(sorted(known))}.")
    if len(set(words)) < len(words):
        raise InvalidInput("group_by", "A group is named twice.")
    if len(words) > GROUPS_MAX:
        raise InvalidInput("group_by", f"No more than {GROUPS_MAX} groups at once.")
    return tuple(GroupBy(word) for word in words)


def _must_be_places(question: Question, found: Sequence[Place]) -> None:
    by_code = {place.channel: place for place in found}
    markets = {place.market for place in found}
    if question.market is not None and question.market not in markets:
        raise UnknownReference("market", question.market)
    for field, code, kind in (
        ("channel", question.channel, question.channel_kind),
        ("attach_channel", question.attach_channel, question.attach_channel_kind),
    ):
        if code is None:
            continue
        if code not in by_code:
            raise UnknownReference(field, code)
        if kind not in {None, Kind.ALL} and by_code[code].kind != kind:
            raise InvalidInput(f"{field}_kind", f"{code} is {by_code[code].kind}.")
    if question.channel is not None and question.market not in {None, by_code[question.channel].market}:
        raise InvalidInput("market", f"{question.channel} sells in {by_code[question.channel].market}.")


async def _must_be_known(tx: ReadSession, question: Question) -> None:
    if question.store is not None:
        market = (await tx.execute(_STORE, {"store": question.store})).scalar_one_or_none()
        if market is None:
            raise UnknownReference("store", question.store)
        if question.market not in {None, market}:
            raise InvalidInput("store", f"{question.store} is in the market {market}.")
    if question.launch is None:
        return
    for field, wave in (("launch", None), ("wave", question.wave)):
        if not (await tx.execute(_LAUNCH, {"launch": question.launch, "wave": wave})).scalar_one():
            raise UnknownReference(field, question.launch if wave is None else wave)


async def _set(tx: ReadSession, field: str, said: Sequence[str], at: datetime) -> tuple[list[Member], dict[str, int]]:
    """The members of a set, and which versions of named sets are in it. Raises InvalidInput, UnknownReference."""
    wanted, versions = await expand(tx, field, said, at)
    found = await members(tx, wanted, at)
    if not found:
        raise InvalidInput(field, "Nothing is in this set.")
    return found, versions
