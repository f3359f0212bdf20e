"""Bounds: what a key is tied to, and a new key that is tied to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.db import ReadSession, Session
from commerce.kernel.keys import LAST_INSTANT, IssuedKey, WantedKey, issue_key
from commerce.kernel.refusals import InvalidInput, Refusal, UnknownReference, with_article

_CHANNEL = text("SELECT code, kind, market FROM channels WHERE code = :code")
_LOCATION = text("SELECT code, kind, market FROM locations WHERE code = :code")


class Place(NamedTuple):
    """A channel or a location, as far as a key is tied to it."""

    code: str
    kind: str
    market: str


@dataclass(eq=False)
class KeyOutOfBounds(Refusal):
    """A key of this role cannot be tied to this."""

    status = 422
    code = "key_out_of_bounds"
    field: str
    role: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


async def issue_bound_key(tx: Session, wanted: WantedKey, now: datetime) -> IssuedKey:
    """Make a key whose bounds make sense: a storefront's online channel, a terminal's store, nothing for anyone else.

    Raises KeyOutOfBounds, UnknownReference, and InvalidInput for a key that would be over before it is used.
    """
    if wanted.expires_at is not None and not now < wanted.expires_at <= LAST_INSTANT:
        raise InvalidInput("expires_at", "This is not in the future, or beyond the year 9999.")
    await _must_fit(tx, wanted)
    return await issue_key(tx, wanted, now)


async def _must_fit(tx: ReadSession, wanted: WantedKey) -> None:
    if wanted.role is Role.STOREFRONT:
        await _channel(tx, wanted, "online")
        _must_be_free(wanted, "location")
    elif wanted.role is Role.TERMINAL:
        channel = await _channel(tx, wanted, "retail")
        await _store(tx, wanted, channel.market)
    else:
        _must_be_free(wanted, "channel")
        _must_be_free(wanted, "location")


def _must_be_free(wanted: WantedKey, field: str) -> None:
    if getattr(wanted, field) is not None:
        raise KeyOutOfBounds(field, wanted.role, f"{with_article(wanted.role)} key is not tied to a {field}.")


async def _channel(tx: ReadSession, wanted: WantedKey, kind: str) -> Place:
    if wanted.channel is None:
        raise KeyOutOfBounds("channel", wanted.role, f"A {wanted.role} key belongs to one {kind} channel; name it.")
    row = (await tx.execute(_CHANNEL, {"code": wanted.channel})).one_or_none()
    if row is None:
        raise UnknownReference("channel", wanted.channel)
    channel = Place(*row)
    if channel.kind != kind:
        reason = f"{channel.code} is {channel.kind}; a {wanted.role} key needs one that is {kind}."
        raise KeyOutOfBounds("channel", wanted.role, reason)
    return channel


async def _store(tx: ReadSession, wanted: WantedKey, market: str) -> None:
    if wanted.location is None:
        raise KeyOutOfBounds("location", wanted.role, "A terminal key belongs to one store; name it.")
    row = (await tx.execute(_LOCATION, {"code": wanted.location})).one_or_none()
    if row is None:
        raise UnknownReference("location", wanted.location)
    location = Place(*row)
    if location.kind != "store":
        raise KeyOutOfBounds("location", wanted.role, f"{location.code} is a {location.kind}, not a store.")
    if location.market != market:
        reason = f"{location.code} is in the market {location.market}, but {wanted.channel} sells in {market}."
        raise KeyOutOfBounds("location", wanted.role, reason)
