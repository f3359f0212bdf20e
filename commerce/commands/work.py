"""`commerce work`: what happens after an answer was given."""

import os
from pathlib import Path

import rich_click as click

from commerce.commands.options import data_option, settings_for
from commerce.embedded.locate import stack_at


@click.command()
@data_option
def work(data: Path | None) -> None:
    """React to what happened: relay the outbox, run the actors and the schedule. Ends on SIGTERM or Ctrl-C."""
    from commerce.worker import run_worker  # noqa: PLC0415 - it knows every domain, and --help needs none

    settings = settings_for(data)
    with stack_at(settings.data, settings, redis=True) as urls:
        own = settings.using(database_url=urls.database, redis_url=urls.redis)
        os.environ.update(own.to_environment())
        run_worker(own)
