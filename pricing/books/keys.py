"""The keys that sign books: one chain for the whole shop, the newest vouched for by the one before it."""

import base64
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.ids import new_id
from pricing.books.errors import KeyRotationOpen, NoNextKey
from pricing.books.schemas import BookKeysView, BookKeyView
from pricing.books.sign import make_secret, public_of, sign_key

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('price book keys', 0))")
_CURRENT = text("SELECT id, secret FROM book_keys WHERE state = 'current' FOR SHARE")
_NEXT = text("SELECT id FROM book_keys WHERE state = 'next'")
_STORE = text("""
    INSERT INTO book_keys (id, state, public, secret, introduced_by, introduction, created_at, activated_at)
    VALUES (:id, :state, :public, :secret, :introduced_by, :introduction, :now, :activated_at)
""")
_RETIRE = text("UPDATE book_keys SET state = 'retired', secret = NULL, retired_at = :now WHERE state = 'current'")
_ACTIVATE = text("UPDATE book_keys SET state = 'current', activated_at = :now WHERE state = 'next'")
_CHAIN = text("SELECT * FROM book_keys ORDER BY created_at, id")


class SigningKey(NamedTuple):
    """The current key, with what it signs with."""

    id: str
    secret: bytes


async def signing_key(tx: Session, now: datetime) -> SigningKey:
    """The key that signs now; the very first one is made here. It stays current until the transaction ends."""
    row = (await tx.execute(_CURRENT)).one_or_none()
    if row is None:
        await tx.execute(_LOCK)
        row = (await tx.execute(_CURRENT)).one_or_none()
    return SigningKey._make(row) if row is not None else await _first(tx, now)


async def rotate(tx: Session, now: datetime) -> str:
    """Make the next key, and have the current one vouch for it; its id. Raises KeyRotationOpen.

    Every book from now on names it. It signs nothing until it is activated.
    """
    await tx.execute(_LOCK)
    current = await signing_key(tx, now)
    waiting = (await tx.execute(_NEXT)).scalar_one_or_none()
    if waiting is not None:
        raise KeyRotationOpen(waiting)
    secret, key = make_secret(), new_id("bky", now)
    public = public_of(secret)
    facts = {
        "id": key,
        "state": "next",
        "public": public,
        "secret": secret,
        "introduced_by": current.id,
        "introduction": sign_key(current.secret, key, public),
        "now": now,
        "activated_at": None,
    }
    await tx.execute(_STORE, facts)
    return key


async def activate(tx: Session, now: datetime) -> str:
    """Let the next key sign from now on, and forget the secret of the one before it; its id. Raises NoNextKey."""
    await tx.execute(_LOCK)
    waiting: str | None = (await tx.execute(_NEXT)).scalar_one_or_none()
    if waiting is None:
        raise NoNextKey
    await tx.execute(_RETIRE, {"now": now})
    await tx.execute(_ACTIVATE, {"now": now})
    return waiting


async def key_chain(tx: ReadSession) -> BookKeysView:
    """Every key there ever was, the oldest first, each with the signature that introduces it."""
    rows = (await tx.execute(_CHAIN)).all()
    keys = [
        BookKeyView(
            row.id,
            row.public.hex(),
            row.state,
            row.introduced_by,
            base64.b64encode(row.introduction).decode() if row.introduction is not None else None,
            row.created_at,
            row.activated_at,
            row.retired_at,
        )
        for row in rows
    ]
    return BookKeysView(keys)


async def _first(tx: Session, now: datetime) -> SigningKey:
    secret, key = make_secret(), new_id("bky", now)
    facts = {"id": key, "state": "current", "public": public_of(secret), "secret": secret}
    await tx.execute(_STORE, {**facts, "introduced_by": None, "introduction": None, "now": now, "activated_at": now})
    return SigningKey(key, secret)
