"""A long day of everything at random, over HTTP, beside a ledger kept by hand: both agree, and no law is broken."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from inventory.laws import LAWS
from inventory.tasks import expire_due_holds
from tests.conftest import Api, Callers, Json
from tests.shop import no_law_is_broken, open_shop, rows

SKUS = ("WATCH", "CHARGER", "CASE-BLK")
PLACES = ("wh-de", "berlin", "munich")


class Day:
    """Does things at random and keeps its own account of what should be on hand."""

    def __init__(self, operator: Api, web: Api, db: Database, clock: SetClock, dice: Random) -> None:
        self.operator, self.web, self.db, self.clock, self.dice = operator, web, db, clock, dice
        self.supply: Counter[tuple[str, str]] = Counter()
        self.references: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()

    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        """What may happen, the frequent things more than once."""
        return [self.receive, self.adjust, self.count, self.transfer, self.hold, self.hold, self.release, self.wait]

    async def receive(self) -> None:
        """Goods arrive."""
        place, sku, units = self._somewhere()
        if await self._post("receipts", {"location": place, "lines": [{"sku": sku, "units": units}]}):
            self.supply[place, sku] += units

    async def adjust(self) -> None:
        """A person corrects."""
        place, sku, units = self._somewhere()
        signed = self.dice.choice((-units, units))
        if await self._post("adjustments", {"location": place, "sku": sku, "units": signed, "reason": "misbooked"}):
            self.supply[place, sku] += signed

    async def count(self) -> None:
        """A person counts, sometimes fewer than are held."""
        place, sku, units = self._somewhere()
        if await self._post("counts", {"location": place, "lines": [{"sku": sku, "counted": units - 1}]}):
            self.supply[place, sku] = units - 1

    async def transfer(self) -> None:
        """Units go to another place."""
        place, sku, units = self._somewhere()
        other = self.dice.choice([one for one in PLACES if one != place])
        body: Json = {"from_location": place, "to_location": other, "lines": [{"sku": sku, "units": units}]}
        if await self._post("transfers", body):
            self.supply[place, sku] -= units
            self.supply[other, sku] += units

    async def hold(self) -> None:
        """A storefront keeps a basket."""
        lines = [{"sku": self.dice.choice(SKUS), "quantity": self.dice.randint(1, 3)} for _ in range(2)]
        over = self.clock.now() + timedelta(minutes=self.dice.randint(1, 120))
        answer = await self.web.post("/v1/holds", {"channel": "web-de", "lines": lines, "expires_at": over.isoformat()})
        self.answers["hold", answer.status_code] += 1
        if answer.status_code == 201:
            self.references.append(answer.json()["reference"])

    async def release(self) -> None:
        """A storefront gives a basket back, perhaps too late."""
        if self.references:
            reference = self.dice.choice(self.references)
            answer = await self.web.post(f"/v1/holds/{reference}/release")
            self.answers["release", answer.status_code] += 1

    async def wait(self) -> None:
        """Time passes, and what is over is free again."""
        await expire_due_holds(self.db, self.clock.advance(timedelta(minutes=self.dice.randint(1, 40))))

    async def _post(self, what: str, body: Json) -> bool:
        answer = await self.operator.post(f"/v1/stock/{what}", body)
        self.answers[what, answer.status_code] += 1
        return answer.status_code == 201

    def _somewhere(self) -> tuple[str, str, int]:
        return self.dice.choice(PLACES), self.dice.choice(SKUS), self.dice.randint(1, 9)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_long_day_adds_up(db: Database, callers: Callers, clock: SetClock, seed: int) -> None:
    await open_shop(db)
    web = await callers(Role.STOREFRONT, channel="web-de")
    dice = Random(seed)  # noqa: S311 - a story's dice, not a secret
    day = Day(await callers(Role.OPERATOR), web, db, clock, dice)

    for _ in range(150):
        await dice.choice(day.acts())()

    stored = {
        (place, sku): supply for place, sku, supply in await rows(db, "SELECT location, sku, supply FROM stock_pools")
    }
    assert {place: units for place, units in stored.items() if units} == {
        place: units for place, units in day.supply.items() if units
    }
    assert {status for _, status in day.answers} == {200, 201, 409}, day.answers
    await no_law_is_broken(db, *LAWS)

    await expire_due_holds(db, clock.advance(timedelta(hours=2)))
    assert await rows(db, "SELECT sum(held), sum(overdrawn) FROM stock_pools") == [(0, 0)]
    await no_law_is_broken(db, *LAWS)
