"""What stories of price changes are told with: two people, bodies of changes, and the way of a change to its start."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.lawbook import LAWS
from pricing.changes.tasks import move_price_changes
from tests.conftest import NOON, Api, Callers, Json
from tests.shop import no_law_is_broken, rows
from tests.stories import eur, open_lawful_shop

LEAD = timedelta(seconds=10)
TONIGHT = NOON + timedelta(hours=6)
JANUARY = "2026-01-01T00:00:00Z"


def at(instant: datetime) -> str:
    """An instant as it is on the wire."""
    return instant.isoformat().replace("+00:00", "Z")


def item(sku: str, amount: int | None, channel: str | None = None, **more: Any) -> Json:  # noqa: ANN401 - as a body has it
    """A price of a change, in euro cents."""
    named = {} if channel is None else {"channel": channel}
    return {"sku": sku, "price": None if amount is None else eur(amount), **named, **more}


def change(*items: Json, **more: Any) -> Json:  # noqa: ANN401 - as above
    """A change of German prices."""
    given = {"items": list(items)} if items else {}
    return {"market": "de", "name": "Cheaper phones", "reason": "The pricing round", **given, **more}


class Desk:
    """Two merchandisers of a shop: Ada drafts, Bea approves."""

    def __init__(self, db: Database, clock: SetClock, ada: Api, bea: Api) -> None:
        self.db, self.clock, self.ada, self.bea = db, clock, ada, bea

    async def draft(self, *items: Json, **more: Any) -> str:  # noqa: ANN401 - as above
        """The id of a draft of Ada's."""
        answer = await self.ada.post("/v1/price-changes", change(*items, **more))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def do(self, change_id: str, verb: str, by: Api | None = None, **body: Any) -> httpx.Response:  # noqa: ANN401 - as above
        """Move a change; Ada does, unless somebody else is named."""
        return await (by or self.ada).post(f"/v1/price-changes/{change_id}/{verb}", body)

    async def approved(self, *items: Json, **more: Any) -> str:  # noqa: ANN401 - as above
        """The id of a change that Ada submitted and Bea approved."""
        change_id = await self.draft(*items, **more)
        await self.approve(change_id, submit=True)
        return change_id

    async def approve(self, change_id: str, *, submit: bool = False) -> None:
        """Have a change approved by Bea."""
        if submit:
            submitted = await self.do(change_id, "submit")
            assert submitted.status_code == 200, submitted.text
        approved = await self.do(change_id, "approve", self.bea)
        assert approved.status_code == 200, approved.text

    async def scheduled(self, *items: Json, **more: Any) -> str:  # noqa: ANN401 - as above
        """The id of a change that is scheduled."""
        change_id = await self.approved(*items, **more)
        await self.schedule(change_id)
        return change_id

    async def schedule(self, change_id: str) -> None:
        """Schedule a change as it was drafted."""
        answer = await self.do(change_id, "schedule")
        assert answer.status_code == 200, answer.text

    async def live(self, *items: Json, **more: Any) -> str:  # noqa: ANN401 - as above
        """The id of a change that has just begun."""
        change_id = await self.scheduled(*items, **more)
        begins = (await self.shown(change_id))["change"]["starts_at"]
        self.clock.set(datetime.fromisoformat(begins))
        await self.tick()
        return change_id

    async def rolled_back(self, change_id: str) -> str:
        """Roll a change back, as soon as can be; the id of the counter-change, which has begun."""
        answer = await self.do(change_id, "roll-back", reason="A slip of the pen")
        assert answer.status_code == 201, answer.text
        counter_id = str(answer.json()["id"])
        await self.approve(counter_id)
        await self.schedule(counter_id)
        self.clock.advance(LEAD)
        await self.tick()
        return counter_id

    async def tick(self) -> None:
        """Let the worker do what is due."""
        await move_price_changes(self.db, self.clock.now())

    async def shown(self, change_id: str) -> Json:
        """A change with its prices and its diary."""
        answer = await self.ada.get(f"/v1/price-changes/{change_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def state(self, change_id: str) -> str:
        """How far a change is."""
        return str((await self.shown(change_id))["change"]["state"])

    async def tried(self, change_id: str, **params: Any) -> Json:  # noqa: ANN401 - query parameters are of any kind
        """What a dry run of a change tells."""
        answer = await self.ada.get(f"/v1/price-changes/{change_id}/dry-run", **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def series(self, sku: str, channel: str | None = None) -> list[tuple[str, str | None, int]]:
        """What is believed of a price in Germany: from when, until when, how much."""
        table, scope = ("recommended_prices", "market") if channel is None else ("channel_prices", "channel")
        sql = (
            f"SELECT valid_from, valid_to, amount FROM {table} WHERE sku = :sku AND {scope} = :scope"
            " AND superseded_at IS NULL ORDER BY valid_from"
        )
        found = await rows(self.db, sql, sku=sku, scope=channel or "de")
        return [(at(begins), None if ends is None else at(ends), amount) for begins, ends, amount in found]

    async def laws_hold(self) -> None:
        """Assert that nothing that should always be true is broken."""
        await no_law_is_broken(self.db, *LAWS)


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """The desk of a lawful shop."""
    await open_lawful_shop(db)
    return Desk(db, clock, await callers(Role.MERCHANDISER), await callers(Role.MERCHANDISER))
