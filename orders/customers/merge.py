"""Merge: two customers turn out to be one person."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import Busy, NotFound, UnknownReference
from orders.customers.errors import CustomerMerged, SamePerson
from orders.customers.events import CustomersMerged
from orders.customers.first_purchase import merge_first_purchases
from orders.customers.groups import move_groups
from orders.customers.queries import survivor_of
from orders.customers.schemas import IdentityView, MergeBody, MergeView, Moved
from orders.reports.facts import leave_mark
from pricing.promotions.give_back import merge_person_counters

CONTACT = ("email", "phone", "country")

_LOCK = text("""
    SELECT id, email, phone, country, merged_into FROM customers
     WHERE id = ANY (CAST(:ids AS text[])) ORDER BY id FOR UPDATE
""")
_LOCK_ORDERS = text("SELECT id FROM orders WHERE customer_id = :merged ORDER BY id FOR NO KEY UPDATE")
_MOVE_IDENTITIES = text("""
    WITH moved AS (
        UPDATE customer_identities SET customer_id = :survivor WHERE customer_id = :merged RETURNING kind, value
    )
    SELECT kind, value FROM moved ORDER BY kind, value
""")
_MOVE_ORDERS = text("""
    WITH moved AS (
        UPDATE orders SET customer_id = :survivor WHERE customer_id = :merged RETURNING id
    )
    SELECT id FROM moved ORDER BY id
""")
_FILL = text("""
    UPDATE customers SET email = coalesce(email, :email), phone = coalesce(phone, :phone),
                         country = coalesce(country, :country)
     WHERE id = :survivor
""")
_POINT = text("""
    UPDATE customers SET merged_into = :survivor, email = NULL, phone = NULL, country = NULL WHERE id = :merged
""")
_AUDIT = text("""
    INSERT INTO customer_merges (id, merged, survivor, actor, reason, merged_at, moved)
    VALUES (:id, :merged, :survivor, :actor, :reason, :now, CAST(:moved AS jsonb))
""")


class CustomerRow(NamedTuple):
    """A customer as stored, under lock."""

    id: str
    email: str | None
    phone: str | None
    country: str | None
    merged_into: str | None


async def merge(tx: Session, customer_id: str, wanted: MergeBody, actor: str, now: datetime) -> MergeView:
    """Make one person of two: what finds or belongs to the one becomes the other's, and all of it is written down.

    `into` may itself have been merged: then its survivor is meant. Raises NotFound, UnknownReference, SamePerson,
    CustomerMerged for somebody who is part of another customer already, Busy where others merge the same people.
    """
    survivor_id = await _survivor(tx, wanted.into)
    if survivor_id == customer_id:
        raise SamePerson("into", customer_id, survivor_id)
    await tx.execute(_LOCK_ORDERS, {"merged": customer_id})
    people = await _lock(tx, customer_id, survivor_id)
    merged, survivor = people[customer_id], people[survivor_id]
    if merged.merged_into is not None:
        raise CustomerMerged(customer_id, await survivor_of(tx, customer_id))
    if survivor.merged_into is not None:
        await _not_the_other_way_round(tx, customer_id, survivor_id)
    moved = await _move(tx, merged, survivor, actor, now)
    view = MergeView(new_id("cmg", now), customer_id, survivor_id, actor, wanted.reason, now, moved)
    await _write_down(tx, view)
    await leave_mark(tx, now)
    await tell(tx, CustomersMerged(view.id, customer_id, survivor_id), now)
    return view


async def _survivor(tx: Session, into: str) -> str:
    try:
        return await survivor_of(tx, into)
    except NotFound:
        raise UnknownReference("into", into) from None


async def _lock(tx: Session, *customer_ids: str) -> Mapping[str, CustomerRow]:
    """Take both customers in id order: two merges of the same two cannot wait for each other.

    The lock also waits for orders on their way that found one of them (find_or_make), so none is left behind.
    """
    people = {row[0]: CustomerRow(*row) for row in await tx.execute(_LOCK, {"ids": list(customer_ids)})}
    for customer_id in customer_ids:
        if customer_id not in people:
            raise NotFound("customer", customer_id)
    return people


async def _not_the_other_way_round(tx: Session, customer_id: str, survivor_id: str) -> None:
    """The survivor was merged while we waited: into us, and both are one already; or into a third, so ask again."""
    now_in = await survivor_of(tx, survivor_id)
    if now_in == customer_id:
        raise SamePerson("into", customer_id, survivor_id)
    raise Busy


async def _move(tx: Session, merged: CustomerRow, survivor: CustomerRow, actor: str, now: datetime) -> Moved:
    pair = {"merged": merged.id, "survivor": survivor.id}
    identities = [IdentityView(*row) for row in await tx.execute(_MOVE_IDENTITIES, pair)]
    orders = [str(order_id) for order_id in (await tx.execute(_MOVE_ORDERS, pair)).scalars()]
    given = {name: getattr(merged, name) for name in CONTACT}
    contact = {name: value for name, value in given.items() if value and getattr(survivor, name) is None}
    dropped = {name: value for name, value in given.items() if value and name not in contact}
    await move_groups(tx, merged.id, survivor.id, actor, now)
    await merge_person_counters(tx, merged.id, survivor.id)
    await merge_first_purchases(tx, merged.id, survivor.id)
    if contact:
        await tx.execute(_FILL, {**pair, **given})
    await tx.execute(_POINT, pair)
    return Moved(identities, orders, contact, dropped)


async def _write_down(tx: Session, view: MergeView) -> None:
    facts = {
        "id": view.id,
        "merged": view.merged,
        "survivor": view.survivor,
        "actor": view.actor,
        "reason": view.reason,
        "now": view.merged_at,
        "moved": msgspec.json.encode(view.moved).decode(),
    }
    await tx.execute(_AUDIT, facts)
