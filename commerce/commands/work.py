"""`commerce work`: what happens after an answer was given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click

from commerce.commands.options import data_option, json_option, settings_for, show
from commerce.embedded.locate import stack_at
from commerce.embedded.supervisor import refuse_taken_port


@click.command()
@data_option
@json_option
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    help=(
        "Show this process's own numbers here, among them its calls to the payment provider; the API's /metrics has "
        "those of the API and of the database."
    ),
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address for that port.")
def work(data: Path | None, metrics_port: int | None, metrics_host: str, *, as_json: bool) -> None:
    """React to what happened: relay the outbox, run the actors and the schedule. Ends on SIGTERM or Ctrl-C.

    Uses the servers in the settings, or those that run in the data folder, or starts them for as long as it works;
    other commands on the folder use them, too. Any number of workers may work; say to all commands how many there are,
    COMMERCE_WORKERS (with the API's processes on other machines), so that they keep the payment provider's limit
    together even while Redis is away.
    """
    from commerce.worker import run_worker  # noqa: PLC0415 - it knows every domain, and --help needs none

    settings = settings_for(data)
    address = refuse_taken_port(metrics_host, metrics_port) if metrics_port else metrics_host
    with stack_at(settings.data, settings, lasting=True) as urls, _metrics_at(address, metrics_port):
        own = settings.using(database_url=urls.database, redis_url=urls.redis, stripe=urls.stripe)
        os.environ.update(own.to_environment())
        if as_json:
            show({"pid": os.getpid(), "data": settings.data}, as_json=True)
        run_worker(own)


@contextmanager
def _metrics_at(address: str, port: int | None) -> Iterator[None]:
    """Answer Prometheus there for as long as the block lasts, if anybody wants it."""
    if port is None:
        yield
        return
    from prometheus_client import start_http_server  # noqa: PLC0415 - as above

    from commerce.kernel.metrics import numbers_of_a_worker  # noqa: PLC0415 - as above

    server, thread = start_http_server(port, addr=address, registry=numbers_of_a_worker())
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
