"""Make codes: unique ones, by the million, that nobody can guess and nobody else has."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from commerce.kernel.db import Session, is_lost_race, rows_changed
from pricing.promotions.errors import CodesTooShort, NotMadeForCodes, TooManyCodes
from pricing.promotions.rules import FIXED
from pricing.promotions.schemas import CodesMadeView, MakeCodesBody
from pricing.promotions.stored import Stored, lock_promotion, note
from pricing.rules.codes import normal_code

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Thirty characters that nobody takes for another one: no 0 and O, 1, I and L, U and V."""
ODDS = 100_000_000
"""Guesses that one of a promotion's codes is found in, on average, at the least: a hundred that run at once, each with
all of its codes as short as they may be, still take a million."""
AT_ONCE = 10_000
"""Codes in one statement: what is in memory, how long others wait for, and the pace at which anybody may watch."""

_MADE = text("SELECT coalesce(max(batch), 0), count(*) FROM promotion_codes WHERE promotion_id = :id AND NOT shared")
_INSERT = """
    INSERT INTO promotion_codes (promotion_id, code, market, shared, batch, most)
    SELECT :id, code, :market, false, :batch, :most FROM unnest(CAST(:codes AS text[])) AS c (code)
"""
_KEEP = text(_INSERT)
_KEEP_THE_OTHERS = text(f"{_INSERT} ON CONFLICT DO NOTHING")


async def make_codes(
    tx: Session,
    promotion_id: str,
    wanted: MakeCodesBody,
    actor: str,
    now: datetime,
    watch: Callable[[int], None] | None = None,
) -> CodesMadeView:
    """Make so many codes, each good for as often as the promotion says. All or none of them.

    Together with those of earlier goes they are no more than it was approved with, and each is as hard to guess as if
    that many were made at once. Memory holds AT_ONCE of them, however many; `watch` hears how many there are. Raises
    NotFound, NotMadeForCodes, TooManyCodes, CodesTooShort.
    """
    stored = await lock_promotion(tx, promotion_id)
    most = _must_take_codes(stored, now)
    last, there = (await tx.execute(_MADE, {"id": promotion_id})).one()
    if there + wanted.count > most:
        raise TooManyCodes("count", promotion_id, most, there)
    _must_be_long_enough(wanted, most)
    batch = last + 1
    facts = {"id": promotion_id, "market": stored.market, "batch": batch, "most": stored.limits.per_code}
    made = 0
    while made < wanted.count:
        some = await asyncio.to_thread(list, _codes(wanted, min(AT_ONCE, wanted.count - made)))
        made += await _keep(tx, {**facts, "codes": some})
        if watch is not None:
            watch(made)
    await note(tx, promotion_id, "codes_made", actor, None, now, {"batch": batch, "count": made})
    return CodesMadeView(promotion_id, batch, made)


async def _keep(tx: Session, facts: Mapping[str, object]) -> int:
    """Store codes, and say how many. One that is there already in this market is passed over.

    That is so rare that it is looked for only where it happened: looking beforehand takes half as long again.
    """
    try:
        async with tx.begin_nested():
            return rows_changed(await tx.execute(_KEEP, facts))
    except IntegrityError as error:
        if not is_lost_race(error):
            raise
    return rows_changed(await tx.execute(_KEEP_THE_OTHERS, facts))


def _must_take_codes(stored: Stored, now: datetime) -> int:
    """How many codes it may have, if it may have any now."""
    most = stored.limits.codes
    if most is None:
        raise NotMadeForCodes(stored.id, "It has no unique codes; conditions.unique_codes says so.")
    state = stored.at(now)
    if state not in FIXED:
        raise NotMadeForCodes(stored.id, f"It is {state}; codes are made once it is submitted, and until it ends.")
    return most


def _must_be_long_enough(wanted: MakeCodesBody, most: int) -> None:
    least = length_for(most)
    if wanted.length < least:
        raise CodesTooShort("length", wanted.length, least)
    assert normal_code(wanted.prefix + "2" * wanted.length) is not None, "so the body was read"


def length_for(count: int) -> int:
    """How many random characters make it hopeless to guess one of so many codes."""
    length = 1
    while len(ALPHABET) ** length < count * ODDS:
        length += 1
    return length


def _codes(wanted: MakeCodesBody, count: int) -> Iterator[str]:
    """Random codes. Bytes are drawn together: asking for each character would take longer than storing it."""
    base, length = len(ALPHABET), wanted.length
    bits = (base**length).bit_length() + 64  # So many more that no character is likelier than another.
    size = bits // 8 + 1
    drawn = secrets.token_bytes(size * count)
    for at in range(0, len(drawn), size):
        value = int.from_bytes(drawn[at : at + size])
        characters = []
        for _ in range(length):
            value, place = divmod(value, base)
            characters.append(ALPHABET[place])
        yield wanted.prefix + "".join(characters)
