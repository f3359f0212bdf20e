"""Checks over HTTP: every law, looked at in one instant."""

from datetime import datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from commerce.kernel.laws import Finding, broken, check_laws
from commerce.lawbook import LAWS


class Checkup(msgspec.Struct, frozen=True):
    """Every law and its offenders, as they were at one instant."""

    checked_at: datetime
    lawful: bool
    findings: list[Finding]


async def check_up(db: Database) -> Checkup:
    """Look for the offenders of every law in one snapshot, so that no two laws see different states."""
    async with db.snapshot() as tx:
        findings = await check_laws(tx, LAWS)
    return Checkup(db.clock.now(), not broken(findings), findings)


@get("/v1/checks", opt=may(Role.OPERATOR, Role.ADMIN), tags=["operations"])
async def show_checks(db: NamedDependency[Database]) -> Checkup:
    """Look for the offenders of every law, the first twenty of each by name. A large shop takes a moment."""
    return await check_up(db)


ROUTES = [show_checks]
