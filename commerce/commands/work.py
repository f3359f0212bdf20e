"""`commerce work`: what happens after an answer was given."""

import os
from pathlib import Path

import rich_click as click

from commerce.commands.options import data_option, json_option, settings_for, show
from commerce.embedded.locate import stack_at


@click.command()
@data_option
@json_option
def work(data: Path | None, *, as_json: bool) -> None:
    """React to what happened: relay the outbox, run the actors and the schedule. Ends on SIGTERM or Ctrl-C.

    Uses the servers in the settings, or those that run in the data folder, or starts them for as long as it works;
    other commands on the folder use them, too.
    """
    from commerce.worker import run_worker  # noqa: PLC0415 - it knows every domain, and --help needs none

    settings = settings_for(data)
    with stack_at(settings.data, settings, lasting=True) as urls:
        own = settings.using(database_url=urls.database, redis_url=urls.redis, stripe=urls.stripe)
        os.environ.update(own.to_environment())
        if as_json:
            show({"pid": os.getpid(), "data": settings.data}, as_json=True)
        run_worker(own)
