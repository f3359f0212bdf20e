"""Checks over HTTP: every law, looked at in one instant."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from commerce.kernel.laws import Finding, broken, check_laws
from commerce.kernel.refusals import Refusal
from commerce.lawbook import LAWS

PATIENCE_S = 25
"""Shorter than a statement of the API may take, and than proxies wait: a large shop's laws may take many minutes."""


class Checkup(msgspec.Struct, frozen=True):
    """Every law and its offenders, as they were at one instant."""

    checked_at: datetime
    lawful: bool
    findings: list[Finding]


@dataclass(eq=False)
class ChecksTakeTooLong(Refusal):
    """The shop is too large for its laws to be looked at while a request waits; asking again helps nothing."""

    code = "checks_take_too_long"
    patience_s: int

    def __str__(self) -> str:
        return (
            f"The laws of this shop take longer than the {self.patience_s} seconds that a request may. Run `commerce"
            " check`, which has the time, or look at the worker's log: it says every quarter of an hour what is broken."
        )


async def check_up(db: Database) -> Checkup:
    """Look for the offenders of every law in one snapshot, so that no two laws see different states."""
    async with db.snapshot() as tx:
        findings = await check_laws(tx, LAWS)
    return Checkup(db.clock.now(), not broken(findings), findings)


@get("/v1/checks", opt=may(Role.OPERATOR, Role.ADMIN), tags=["operations"])
async def show_checks(db: NamedDependency[Database]) -> Checkup:
    """Look for the offenders of every law, the first twenty of each by name.

    A shop too large for that to be done in 25 seconds is refused with `checks_take_too_long`: `commerce check` has the
    time, and the worker tells its log every quarter of an hour what is broken.
    """
    try:
        async with asyncio.timeout(PATIENCE_S) as patience:
            return await check_up(db)
    except TimeoutError:
        if not patience.expired():
            raise
        raise ChecksTakeTooLong(PATIENCE_S) from None


ROUTES = [show_checks]
