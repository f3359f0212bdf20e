"""`commerce migrate`: the tables as this release knows them."""

import asyncio
from pathlib import Path

import rich_click as click

from commerce.commands.options import data_option, json_option, settings_for, show
from commerce.embedded.locate import stack_at


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
    place = Path(__file__).parent.parent.parent / "migrations"
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    before = asyncio.run(current_revision(url))
    command.upgrade(config, "head")
    after = asyncio.run(current_revision(url))
    walk = ScriptDirectory.from_config(config).iterate_revisions(after or "base", before or "base")
    return before, after, [step.revision for step in walk][::-1]


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
