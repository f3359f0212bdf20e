"""Draft: write down which prices are to change, given one by one, as a CSV text, or made by a rule."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import InvalidInput
from commerce.kernel.rows import Into, write
from pricing.books.lead import LEAD
from pricing.changes.errors import CsvFault, MalformedCsv, PricedTwice
from pricing.changes.known import Fault, faults_of
from pricing.changes.move import note_step
from pricing.changes.read_csv import FAULTS_TOLD, CsvItem, CsvRead, read_csv
from pricing.changes.rules import Origin, PriceChangeState
from pricing.changes.schemas import ItemBody, PriceChangeBody
from pricing.changes.work_out import work_out
from pricing.errors import PriceInThePast
from pricing.queries import currency_of
from pricing.series import histories

_CHANGE = text("""
    INSERT INTO price_changes (id, market, name, reason, origin, rule, counter_of, state, starts_at, ends_at,
                               created_by, created_at)
    VALUES (:id, :market, :name, :reason, :origin, CAST(:rule AS jsonb), :counter_of, 'draft', :starts_at, :ends_at,
            :actor, :now)
""")
_ITEMS = Into(
    "price_change_items",
    {
        "change_id": "text",
        "place": "int",
        "sku": "text",
        "channel": "text",
        "amount": "bigint",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
        "old_amount": "bigint",
        "exception_reason": "text",
        "exception_expires_at": "timestamptz",
        "exception_id": "text",
    },
)


class NewItem(NamedTuple):
    """A price of a change that is drafted."""

    sku: str
    channel: str | None
    amount: int | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    old_amount: int | None = None
    exception_reason: str | None = None
    exception_expires_at: datetime | None = None
    exception_id: str | None = None


class NewChange(NamedTuple):
    """A change that is drafted."""

    market: str
    name: str
    reason: str
    origin: Origin
    starts_at: datetime | None
    ends_at: datetime | None
    rule: str | None = None
    counter_of: str | None = None


async def draft_change(tx: Session, wanted: PriceChangeBody, actor: str, now: datetime) -> str:
    """Write down a change as a draft; its id. Nothing is charged differently.

    A rule is worked out now: what is submitted and approved are prices, beside those that were to be in their place.
    Raises InvalidInput, UnknownReference, PriceInThePast, MixedCurrency, PricedTwice, SkuRetired, MalformedCsv,
    RuleSelectsNothing, TooManyItems.
    """
    origin = _origin(wanted)
    _check_interval(wanted, now)
    currency = await currency_of(tx, wanted.market)
    begins = wanted.starts_at or now + LEAD
    items = await _items(tx, wanted, currency, begins)
    old = await _old_amounts(tx, wanted.market, items, begins)
    rule = None if wanted.rule is None else msgspec.json.encode(wanted.rule).decode()
    change = NewChange(wanted.market, wanted.name, wanted.reason, origin, wanted.starts_at, wanted.ends_at, rule)
    return await store_draft(tx, change, [_new(item, was) for item, was in zip(items, old, strict=True)], actor, now)


async def store_draft(tx: Session, change: NewChange, items: Sequence[NewItem], actor: str, now: datetime) -> str:
    """Store a draft and its items, and begin its diary."""
    change_id = new_id("pch", now)
    await tx.execute(_CHANGE, {**change._asdict(), "id": change_id, "actor": actor, "now": now})
    rows = [(change_id, place, *item) for place, item in enumerate(items)]
    await write(tx, [_ITEMS.rows(rows)])
    await note_step(tx, change_id, PriceChangeState.DRAFT, actor, now)
    return change_id


def _origin(wanted: PriceChangeBody) -> Origin:
    given = {Origin.ITEMS: wanted.items, Origin.CSV: wanted.csv, Origin.RULE: wanted.rule}
    said = [origin for origin, what in given.items() if what is not None]
    if len(said) != 1:
        raise InvalidInput("items", "Give exactly one of items, csv and rule.")
    return said[0]


def _check_interval(wanted: PriceChangeBody, now: datetime) -> None:
    check_instant("starts_at", wanted.starts_at)
    check_instant("ends_at", wanted.ends_at)
    if wanted.starts_at is not None and wanted.starts_at < now:
        raise PriceInThePast("starts_at", wanted.starts_at, now)
    if wanted.ends_at is not None and wanted.ends_at <= (wanted.starts_at or now):
        raise InvalidInput("ends_at", "It must be after starts_at.")


async def _items(tx: Session, wanted: PriceChangeBody, currency: str, begins: datetime) -> Sequence[ItemBody]:
    if wanted.rule is not None:
        return await work_out(tx, wanted.market, currency, wanted.rule, begins)
    if wanted.csv is not None:
        # Thousands of lines take a moment, in which others want answers.
        read = await asyncio.to_thread(read_csv, wanted.csv, currency)
        items = [one.item for one in read.items]
        _refuse(read, await faults_of(tx, wanted.market, currency, items, begins))
        return items
    items = wanted.items or []
    for fault in await faults_of(tx, wanted.market, currency, items, begins):
        raise fault.refusal
    return items


def _refuse(read: CsvRead, found: Sequence[Fault]) -> None:
    """Tell all that is wrong with a CSV text, line by line, if anything is. Raises MalformedCsv.

    Only faults that are told are put into words.
    """
    faults: list[tuple[int, CsvFault | Fault]] = [(fault.line, fault) for fault in read.faults]
    faults += [(read.items[fault.place].line, fault) for fault in found]
    faults.sort(key=itemgetter(0))
    if faults:
        told = [one if isinstance(one, CsvFault) else _in_csv(one, read.items) for _, one in faults[:FAULTS_TOLD]]
        raise MalformedCsv(told, max(0, len(faults) - FAULTS_TOLD))


def _in_csv(fault: Fault, read: Sequence[CsvItem]) -> CsvFault:
    """What is wrong with an item, in the words of a text with lines, which knows of no items."""
    refusal = fault.refusal
    if isinstance(refusal, PricedTwice) and fault.first is not None:
        refusal = replace(refusal, first=f"line {read[fault.first].line}")
    field = getattr(refusal, "field", "")
    return CsvFault(read[fault.place].line, fault.column, str(refusal).removeprefix(f"{field}: "))


async def _old_amounts(tx: Session, market: str, items: Sequence[ItemBody], begins: datetime) -> list[int | None]:
    """What is to be charged in the place of each item when the change begins, as things are planned now."""
    known = await histories(tx, market, {item.sku for item in items}, begins)
    return [known[item.sku].charged(item.channel, begins) for item in items]


def _new(item: ItemBody, old_amount: int | None) -> NewItem:
    exception = item.exception
    return NewItem(
        item.sku,
        item.channel,
        None if item.price is None else item.price.amount,
        old_amount=old_amount,
        exception_reason=None if exception is None else exception.reason,
        exception_expires_at=None if exception is None else exception.expires_at,
    )
