"""What the stories of price books are told with: prices and promotions by hand, and a till that reads envelopes."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from pricing.books.publish import publish_book
from pricing.books.sign import public_of
from pricing.books.verify import Trusted
from pricing.locking import lock_market
from tests.conftest import NOON, Api, Callers, Json
from tests.shop import rows
from tests.stories import open_lawful_shop

LEAD = timedelta(seconds=10)
SOON = NOON + timedelta(minutes=2)

_SUPERSEDE = text("""
    UPDATE recommended_prices SET superseded_at = :now
     WHERE sku = :sku AND market = :market AND superseded_at IS NULL AND (valid_to IS NULL OR valid_to > :begins)
 RETURNING valid_from, amount
""")
_RECOMMEND = text("""
    INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount, recorded_at)
    VALUES (:sku, :market, :begins, :ends, :amount, :now)
""")
_PROMOTE = text("""
    INSERT INTO promotions (id, market, name, state, starts_at, ends_at, definition, version, on_cancel, on_return,
                            created_by, created_at, approved_by)
    VALUES (:id, :market, :name, :state, :starts, :ends, CAST(:definition AS jsonb), 1, 'give_back', 'keep',
            'someone', :now, 'somebody else')
""")


_STEPS = text("""
    INSERT INTO promotion_steps (promotion_id, step, actor, at)
    SELECT :id, step, CASE step WHEN 'approved' THEN 'somebody else' ELSE 'someone' END, :now
      FROM unnest(CAST(:steps AS text[])) WITH ORDINALITY AS s (step, place) ORDER BY place
""")
_WAY = ["draft", "submitted", "approved", "scheduled", "live", "ended"]


async def reprice(db: Database, sku: str, amount: int, begins: datetime, market: str = "de") -> None:
    """A recommended price for good from an instant on, as a price change would write it; nothing is published."""
    async with db.transaction() as tx:
        now = db.clock.now()
        await lock_market(tx, market)
        facts = {"sku": sku, "market": market, "begins": begins, "now": now}
        for since, before in (await tx.execute(_SUPERSEDE, facts)).all():
            await tx.execute(_RECOMMEND, {**facts, "begins": since, "ends": begins, "amount": before})
        await tx.execute(_RECOMMEND, {**facts, "ends": None, "amount": amount})


async def promote(db: Database, starts: datetime, ends: datetime | None = None, **more: Any) -> None:  # noqa: ANN401 - parts of a definition
    """A scheduled promotion of the German market: a tenth off cases, if nothing else is said."""
    definition: Json = {
        "lane": 0,
        "priority": 0,
        "exclusive": False,
        "conditions": {"items": {"categories": ["cases"]}},
        "benefit": {"kind": "percent", "share": 1000},
        "cap": None,
        "floor": {},
    }
    facts = {"id": more.pop("id", "prm_1"), "name": "A tenth off cases", "state": more.pop("state", "scheduled")}
    definition |= more
    async with db.transaction() as tx:
        times = {"starts": starts, "ends": ends, "now": db.clock.now(), "market": "de"}
        await tx.execute(_PROMOTE, {**facts, **times, "definition": msgspec.json.encode(definition).decode()})
        steps = _WAY[: _WAY.index(facts["state"]) + 1] if facts["state"] in _WAY else _WAY[:3]
        await tx.execute(_STEPS, {"id": facts["id"], "steps": steps, "now": db.clock.now()})


async def publish(db: Database, market: str = "de", *, at_once: bool = False) -> int | None:
    """Publish what the tables say."""
    async with db.transaction() as tx:
        return await publish_book(tx, market, db.clock.now(), at_once=at_once)


async def hold(till: Api, number: int, market: str = "de") -> None:
    """A till fetches a book, and says that it holds it."""
    sha256 = (await till.get(f"/v1/price-books/{market}/{number}")).json()["sha256"]
    answer = await till.post(f"/v1/price-books/{market}/held", {"number": number, "sha256": sha256})
    assert answer.status_code == 200, answer.text


async def till_in_berlin(db: Database, callers: Callers) -> Api:
    """A till, in a shop with a German book and an American one."""
    await open_lawful_shop(db, books=False)
    await publish(db)
    await publish(db, "us")
    return await callers(Role.TERMINAL, channel="retail-de", location="berlin")


async def cheaper_case(db: Database, amount: int = 2500) -> None:
    """The next German book: cases are cheaper soon."""
    await reprice(db, "CASE-BLK", amount, db.clock.now() + LEAD)
    await publish(db)


async def trusted(db: Database, market: str = "de", number: int = 0) -> Trusted:
    """What a till trusts that was given the current key by hand."""
    [(key, secret)] = await rows(db, "SELECT id, secret FROM book_keys WHERE state = 'current'")
    return Trusted(market, {key: public_of(secret).hex()}, number)
