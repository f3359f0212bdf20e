"""API keys: `prefix_id_secret`, shown once, stored hashed, expiring, over within a second of being revoked."""

import asyncio
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from time import monotonic as _monotonic

import msgspec
from sqlalchemy import CheckConstraint, Index, LargeBinary, literal, select, text, tuple_, update
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.access import NoKey, Principal, Role
from commerce.kernel.db import Code, Database, ReadSession, Session, Table
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import NotFound, Refusal

TRUSTED_FOR = timedelta(milliseconds=800)
TRUSTED_S = TRUSTED_FOR.total_seconds()
REMEMBERED_MAX = 10_000
LIVE_MAX = 2
LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""What people write for never."""

_PREFIXES = {
    Role.STOREFRONT: "sfk",
    Role.TERMINAL: "trk",
    Role.MERCHANDISER: "mdk",
    Role.ANALYST: "ank",
    Role.OPERATOR: "opk",
    Role.ADMIN: "adk",
}


class ApiKey(Table):
    """A key without its secret: only the secret's SHA-256 is kept (the secret has 256 random bits)."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(repr(str(role)) for role in Role)})", name="role_is_known"),
        Index("ix_api_keys_family", "family"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    family: Mapped[Code]
    role: Mapped[Code]
    name: Mapped[str]
    channel: Mapped[Code | None]
    location: Mapped[Code | None]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class RotationInProgress(Refusal):
    """Two keys of this family live already; end one before making a third."""

    code = "rotation_in_progress"

    def __str__(self) -> str:
        return "Two keys of this family are live already. Revoke the old one first."


class IssuedKey(msgspec.Struct, frozen=True):
    """A new key. `key` is shown this once and never again."""

    id: str
    key: str
    role: Role
    name: str
    channel: str | None
    location: str | None
    expires_at: datetime | None


class KeyView(msgspec.Struct, frozen=True):
    """A key as lists show it: everything but the secret."""

    id: str
    family: str
    role: Role
    name: str
    channel: str | None
    location: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class WantedKey(msgspec.Struct, frozen=True):
    """What a new key should be: its role, what it is called, and the channel or store it is bound to."""

    role: Role
    name: str
    channel: str | None = None
    location: str | None = None
    expires_at: datetime | None = None


async def issue_key(tx: Session, wanted: WantedKey, now: datetime, *, family: str | None = None) -> IssuedKey:
    """Make a key. The answer holds its secret, which is shown this once; only its hash is stored."""
    key_id = new_id(_PREFIXES[wanted.role], now)
    secret = secrets.token_urlsafe(32).replace("_", "-")
    row = ApiKey(
        id=key_id,
        family=family or key_id,
        role=str(wanted.role),
        name=wanted.name,
        channel=wanted.channel,
        location=wanted.location,
        secret_hash=_hash(secret),
        created_at=now,
        expires_at=wanted.expires_at,
    )
    tx.add(row)
    await tx.flush()
    return IssuedKey(
        key_id, f"{key_id}_{secret}", wanted.role, wanted.name, wanted.channel, wanted.location, wanted.expires_at
    )


async def rotate_key(tx: Session, key_id: str, now: datetime, overlap: timedelta) -> IssuedKey:
    """Make the successor of a key, to live as long as the old one was to; the old one is over after `overlap`.

    Raises NotFound for a key that is over, RotationInProgress where two of the family live already.
    """
    old = (await tx.execute(select(ApiKey).where(ApiKey.id == key_id).with_for_update())).scalar_one_or_none()
    if old is None or not _live(old, now):
        raise NotFound("live key", key_id)
    family = (await tx.execute(select(ApiKey).where(ApiKey.family == old.family).with_for_update())).scalars()
    if sum(_live(key, now) for key in family) >= LIVE_MAX:
        raise RotationInProgress
    until = now + overlap
    ends = old.expires_at and now + min(old.expires_at - old.created_at, LAST_INSTANT - now)
    old.expires_at = min(old.expires_at, until) if old.expires_at else until
    await tx.flush()
    successor = WantedKey(Role(old.role), old.name, old.channel, old.location, ends)
    return await issue_key(tx, successor, now, family=old.family)


async def revoke_key(tx: Session, key_id: str, now: datetime) -> None:
    """End a key now; every process stops honouring it within a second. Raises NotFound."""
    over = update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=text("coalesce(revoked_at, :now)"))
    done = await tx.execute(over.returning(ApiKey.id), {"now": now})
    if done.scalar_one_or_none() is None:
        raise NotFound("key", key_id)


async def list_keys(
    tx: ReadSession, before: tuple[datetime, str] | None = None, limit: int | None = None
) -> list[KeyView]:
    """Every key there ever was, newest first, without secrets: from the start or `before` a key, up to a limit."""
    wanted = select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id.desc()).limit(limit)
    if before is not None:
        place = tuple_(literal(before[0], ApiKey.created_at.type), literal(before[1], ApiKey.id.type))
        wanted = wanted.where(tuple_(ApiKey.created_at, ApiKey.id) < place)
    rows = (await tx.execute(wanted)).scalars()
    return [
        KeyView(
            row.id, row.family, Role(row.role), row.name, row.channel, row.location,
            row.created_at, row.expires_at, row.revoked_at,
        )
        for row in rows
    ]  # fmt: skip


class _Known(msgspec.Struct, frozen=True):
    """Who is behind a key, and when that was asked: by the shop's clock, and by one that nobody can stop."""

    asked_at: datetime
    asked_s: float
    principal: Principal


class KeyRing:
    """Knows who is behind a key, and asks the database again after less than a second."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[_Known]] = {}

    async def principal(self, presented: str) -> Principal:
        """Who presents this key. Raises NoKey for one that is unknown, forged, expired or revoked."""
        now = self._db.clock.now()
        known = self._known.get(presented)
        if known is not None and abs(now - known.asked_at) < TRUSTED_FOR and _monotonic() - known.asked_s < TRUSTED_S:
            return known.principal
        self._known.pop(presented, None)
        answer = await self._ask_once(presented, now)
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[presented] = answer
        return answer.principal

    async def _ask_once(self, presented: str, now: datetime) -> _Known:
        """Of many requests with one key that come at once, the first one asks, and all hear the answer."""
        asking = self._asking.get(presented)
        if asking is None:
            asking = self._asking[presented] = asyncio.create_task(self._ask(presented, now))
            asking.add_done_callback(lambda _: self._asking.pop(presented, None))
        return await asyncio.shield(asking)

    async def _ask(self, presented: str, now: datetime) -> _Known:
        """Who it is, and the instant of asking: trust is counted from there, however late the answer comes."""
        asked_s = _monotonic()
        key_id, _, secret = presented.rpartition("_")
        async with self._db.read() as tx:
            row = await tx.get(ApiKey, key_id)
        if row is None or not hmac.compare_digest(row.secret_hash, _hash(secret)) or not _live(row, now):
            raise NoKey
        principal = Principal(row.family, Role(row.role), row.name, row.channel, row.location)
        return _Known(now, asked_s, principal)


def _live(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
