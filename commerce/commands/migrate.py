"""`commerce migrate`: the tables as this release knows them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from commerce.commands.options import data_option, json_option, settings_for, show
from commerce.embedded.locate import stack_at
from commerce.kernel.refusals import Refusal

REVISIONS = Path(__file__).parent.parent.parent / "migrations"


@dataclass(eq=False)
class OtherTables(Refusal):
    """The database's tables are not those that this release works with."""

    code = "other_tables"
    revision: str | None
    wanted: str | None
    known: bool

    @property
    def hint(self) -> str:
        """What to type instead."""
        return "Run: commerce migrate" if self.known else "Use the release that made them, or a newer one."

    def __str__(self) -> str:
        if self.revision is None:
            return "The database has no tables yet."
        return f"The database's tables are at {self.revision}, but this release wants {self.wanted}."


@click.command()
@data_option
@json_option
def migrate(data: Path | None, *, as_json: bool) -> None:
    """Bring the database's tables up to date. Does nothing when they are."""
    settings = settings_for(data)
    with stack_at(settings.data, settings) as urls:
        before, after, applied = upgrade(urls.database)
    show({"before": before, "after": after, "applied": applied}, as_json=as_json)


def upgrade(url: str) -> tuple[str | None, str | None, list[str]]:
    """Upgrade the database to this release; the revision before, after, and each one applied, in order."""
    from alembic import command  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs neither
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    before = asyncio.run(current_revision(url))
    verdict = _judge(before)
    if not verdict.known:
        raise verdict
    command.upgrade(config, "head")
    after = asyncio.run(current_revision(url))
    walk = ScriptDirectory.from_config(config).iterate_revisions(after or "base", before or "base")
    return before, after, [step.revision for step in walk][::-1]


def see_to_tables(url: str) -> None:
    """Give a database that was never used its tables. One that was is migrated by whoever decides when.

    Raises OtherTables.
    """
    if asyncio.run(current_revision(url)) is None:
        upgrade(url)
    else:
        refuse_other_tables(url)


def refuse_other_tables(url: str) -> None:
    """Find out now, and say it well, that the tables are not this release's. Raises OtherTables."""
    verdict = _judge(asyncio.run(current_revision(url)))
    if verdict.revision != verdict.wanted:
        raise verdict


def _judge(revision: str | None) -> OtherTables:
    """A revision beside the one this release wants, and whether there is a way from it to there."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    scripts = ScriptDirectory(str(REVISIONS))
    known = {script.revision for script in scripts.walk_revisions()} | {None}
    return OtherTables(revision, scripts.get_current_head(), revision in known)


async def current_revision(url: str) -> str | None:
    """The revision the database's tables are at; None when there are none."""
    from alembic.migration import MigrationContext  # noqa: PLC0415 - as above
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - as above
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 - as above

    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda plain: MigrationContext.configure(plain).get_current_revision())
    finally:
        await engine.dispose()
