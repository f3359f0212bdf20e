"""Draft: write a promotion, write it anew, or write the same again; nothing comes of it until two people said so."""

from datetime import datetime

import msgspec
from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import MoveNotAllowed
from pricing.promotions.clauses import must_make_sense
from pricing.promotions.facts import known_facts
from pricing.promotions.rules import Definition, PromotionState
from pricing.promotions.schemas import PromotionBody
from pricing.promotions.stored import Stored, as_written, lock_promotion, note, promotion_by_id
from pricing.rules.codes import hash_of, normal_code

CODES_IF_UNSAID = 1_000
"""Unique codes that there may be where nobody said how many."""

_INSERT = text("""
    INSERT INTO promotions (id, market, name, state, starts_at, ends_at, definition, version, limit_total,
                            limit_per_person, limit_per_code, limit_codes, on_cancel, on_return, copy_of, created_by,
                            created_at)
    VALUES (:id, :market, :name, 'draft', :starts_at, :ends_at, CAST(:definition AS jsonb), 1, :total, :per_person,
            :per_code, :codes, :on_cancel, :on_return, :copy_of, :actor, :now)
""")
_REWRITE = text("""
    UPDATE promotions
       SET market = :market, name = :name, starts_at = :starts_at, ends_at = :ends_at, version = version + 1,
           definition = CAST(:definition AS jsonb), limit_total = :total, limit_per_person = :per_person,
           limit_per_code = :per_code, limit_codes = :codes, on_cancel = :on_cancel, on_return = :on_return
     WHERE id = :id
""")
_FORGET_CODES = text("DELETE FROM promotion_codes WHERE promotion_id = :id")
_SHARE_CODES = text("""
    INSERT INTO promotion_codes (promotion_id, code, market, shared, batch)
    SELECT :id, code, :market, true, 0 FROM unnest(CAST(:codes AS text[])) AS c (code)
""")


async def draft_promotion(tx: Session, body: PromotionBody, actor: str, now: datetime) -> Stored:
    """Write a promotion. Raises MalformedPromotion with every clause that makes no sense, UnknownReference."""
    return await _draft(tx, body, actor, now, None)


async def copy_promotion(tx: Session, promotion_id: str, name: str | None, actor: str, now: datetime) -> Stored:
    """Draft the same again, without its time, its uses and its unique codes. Raises NotFound, MalformedPromotion."""
    model = await promotion_by_id(tx, promotion_id)
    body = await as_written(tx, model)
    body = msgspec.structs.replace(body, name=name or body.name, starts_at=None, ends_at=None)
    return await _draft(tx, body, actor, now, promotion_id)


async def edit_promotion(tx: Session, promotion_id: str, body: PromotionBody, actor: str, now: datetime) -> Stored:
    """Write a draft anew. Raises NotFound, MoveNotAllowed where it is no draft any more, and as drafting does."""
    stored = await lock_promotion(tx, promotion_id)
    if stored.state is not PromotionState.DRAFT:
        raise MoveNotAllowed("promotion", str(stored.state), "edited")
    await _check(tx, body, now)
    await tx.execute(_REWRITE, _row(promotion_id, body, now))
    await _share_codes(tx, promotion_id, body)
    await note(tx, promotion_id, "edited", actor, None, now, _said(body))
    return await promotion_by_id(tx, promotion_id)


async def _draft(tx: Session, body: PromotionBody, actor: str, now: datetime, copy_of: str | None) -> Stored:
    await _check(tx, body, now)
    promotion_id = new_id("prm", now)
    await tx.execute(_INSERT, {**_row(promotion_id, body, now), "copy_of": copy_of, "actor": actor})
    await _share_codes(tx, promotion_id, body)
    await note(tx, promotion_id, str(PromotionState.DRAFT), actor, None, now, _said(body))
    return await promotion_by_id(tx, promotion_id)


async def _check(tx: Session, body: PromotionBody, now: datetime) -> None:
    check_instant("starts_at", body.starts_at)
    check_instant("ends_at", body.ends_at)
    known = await known_facts(tx, body.market, body.conditions, body.benefit, body.starts_at or now)
    must_make_sense(body, known)


def _row(promotion_id: str, body: PromotionBody, now: datetime) -> dict[str, object]:
    limits = body.limits
    is_unique = body.conditions.unique_codes
    return {
        "id": promotion_id,
        "market": body.market,
        "name": body.name,
        "starts_at": body.starts_at,
        "ends_at": body.ends_at,
        "definition": msgspec.json.encode(_definition(body)).decode(),
        "total": limits.total,
        "per_person": limits.per_person,
        "per_code": limits.per_code or (1 if is_unique else None),
        "codes": limits.codes or (CODES_IF_UNSAID if is_unique else None),
        "on_cancel": str(limits.on_cancel),
        "on_return": str(limits.on_return),
        "now": now,
    }


def _definition(body: PromotionBody) -> Definition:
    hashes = sorted(hash_of(body.market, code) for code in _normal(body))
    return Definition(
        lane=body.lane,
        priority=body.priority,
        exclusive=body.exclusive,
        conditions=msgspec.structs.replace(body.conditions, code_hashes=hashes),
        benefit=body.benefit,
        cap=body.cap,
        floor=body.floor,
    )


def _normal(body: PromotionBody) -> list[str]:
    return sorted(code for code in map(normal_code, body.codes) if code is not None)


def _said(body: PromotionBody) -> dict[str, object]:
    """The version as it was written, for the diary."""
    said: dict[str, object] = msgspec.to_builtins(body)
    return said


async def _share_codes(tx: Session, promotion_id: str, body: PromotionBody) -> None:
    await tx.execute(_FORGET_CODES, {"id": promotion_id})
    await tx.execute(_SHARE_CODES, {"id": promotion_id, "market": body.market, "codes": _normal(body)})
