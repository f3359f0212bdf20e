"""What stories of promotions are told with: two merchandisers, bodies, and the way from a draft to a live promotion."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from pricing.promotions.tasks import keep_promotions_time
from tests.conftest import Api, Callers, Json
from tests.stories import lines, open_lawful_shop

TEN_OFF: Json = {"kind": "percent", "share": 1000}


def promotion(benefit: Json | None = None, **more: object) -> Json:
    """A German promotion: ten percent off everything, unless it says otherwise."""
    return {"market": "de", "name": "Ten off", "benefit": benefit or TEN_OFF, **more}


class Desk:
    """Two merchandisers in the fixed shop: Ada writes, Bob decides."""

    def __init__(self, db: Database, clock: SetClock, ada: Api, bob: Api) -> None:
        self.db, self.clock, self.ada, self.bob = db, clock, ada, bob

    async def drafted(self, benefit: Json | None = None, **more: object) -> str:
        """A draft of Ada's."""
        return str(said(await self.ada.post("/v1/promotions", promotion(benefit, **more)), 201)["id"])

    async def approved(self, benefit: Json | None = None, **more: object) -> str:
        """One that Bob said yes to."""
        promotion_id = await self.drafted(benefit, **more)
        said(await self.do(promotion_id, "submit"))
        said(await self.do(promotion_id, "approve", by=self.bob))
        return promotion_id

    async def scheduled(self, benefit: Json | None = None, **more: object) -> str:
        """One that starts as it says, or ten seconds from now."""
        promotion_id = await self.approved(benefit, **more)
        said(await self.do(promotion_id, "schedule"))
        return promotion_id

    async def live(self, benefit: Json | None = None, **more: object) -> str:
        """One that runs."""
        promotion_id = await self.scheduled(benefit, **more)
        self.clock.advance(timedelta(seconds=10))
        await self.keep_time()
        return promotion_id

    async def do(self, promotion_id: str, what: str, body: Json | None = None, by: Api | None = None) -> httpx.Response:
        """Ask for a step."""
        return await (by or self.ada).post(f"/v1/promotions/{promotion_id}/{what}", body)

    async def keep_time(self) -> None:
        """What the worker does each second."""
        await keep_promotions_time(self.db, self.clock.now())

    async def show(self, promotion_id: str) -> Json:
        """A promotion with its codes and its diary."""
        return said(await self.ada.get(f"/v1/promotions/{promotion_id}"))

    async def state(self, promotion_id: str) -> str:
        """Where it stands."""
        return str((await self.show(promotion_id))["promotion"]["state"])

    async def steps(self, promotion_id: str) -> list[str]:
        """What was done to it."""
        return [step["step"] for step in (await self.show(promotion_id))["steps"]]

    async def dry_run(self, promotion_id: str) -> Json:
        """What would come of it."""
        return said(await self.ada.get(f"/v1/promotions/{promotion_id}/dry-run"))

    async def unpriced(self, sku: str) -> None:
        """A sku that is sold nowhere."""
        await do_sql(
            self.db,
            f"INSERT INTO variants (sku, product, name, category, tax_class, status) "
            f"VALUES ('{sku}', 'case', '{sku}', 'cases', 'standard', 'active')",
        )

    async def unprice(self, sku: str) -> None:
        """Its price is not believed in any more."""
        await do_sql(
            self.db,
            f"UPDATE recommended_prices SET superseded_at = '{self.clock.now().isoformat()}' "
            f"WHERE sku = '{sku}' AND market = 'de'",
        )

    async def codes(self, promotion_id: str, count: int, **more: Any) -> list[str]:  # noqa: ANN401 - what a body has
        """Make unique codes, and read them."""
        batch = said(await self.do(promotion_id, "codes", {"count": count, **more}), 201)["batch"]
        answer = await self.ada.get(f"/v1/promotions/{promotion_id}/codes.csv", batch=batch)
        return [line.split(",")[0] for line in answer.text.splitlines()[1:]]


def said(answer: httpx.Response, status: int = 200) -> Json:
    """What was answered, if it is what was hoped for."""
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def faults(answer: httpx.Response) -> dict[str, str]:
    """The clauses of a malformed promotion, and what is wrong with each."""
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "malformed_promotion"), answer.text
    return {fault["clause"]: fault["reason"] for fault in told["facts"]["faults"]}


async def open_desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """The shop, and the two."""
    await open_lawful_shop(db)
    return Desk(db, clock, await callers(Role.MERCHANDISER), await callers(Role.MERCHANDISER))


def order_id() -> str:
    """An order's id; nothing here asks what is behind it."""
    return new_id("ord")


async def do_sql(db: Database, *statements: str) -> None:
    """Change rows by hand."""
    async with db.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))


def basket(*wanted: tuple[str, Any], channel: str = "web-de", **more: object) -> Json:
    """A basket's body."""
    return {"channel": channel, "lines": lines(*wanted), **more}


async def total(
    api: Api,
    *wanted: tuple[str, Any],
    channel: str = "web-de",
    **more: Any,  # noqa: ANN401 - parts of a body
) -> int:
    """What a basket costs."""
    return int(said(await api.post("/v1/quotes", basket(*wanted, channel=channel, **more)))["total"]["amount"])
