"""`commerce run`: the whole shop with one command."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from commerce.commands.options import as_it_is, data_option, json_option, settings_for, show
from commerce.embedded.folder import StackState
from commerce.embedded.supervisor import Plan, Supervisor, free_port
from commerce.settings import Settings, StripeSettings


@click.command()
@data_option
@json_option
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--demo/--no-demo", default=True, help="Load the demo shop if the database is empty.", show_default=True)
def run(data: Path | None, port: int, host: str, *, demo: bool, as_json: bool) -> None:
    """Start the shop: database, queue, a sandbox for payments, API and worker. Ctrl-C stops all of it.

    What the settings name (COMMERCE_DATABASE_URL, COMMERCE_REDIS_URL, STRIPE_API_KEY) is used and not started.
    """
    settings = settings_for(data)
    console = Console(highlight=False)
    if sys.stderr.isatty() and not as_json:
        console.print(as_it_is(f"Starting in {settings.data} ...", "dim"), soft_wrap=True)

    def announce(state: StackState, keys: Mapping[str, str]) -> None:
        if as_json:
            show({**_facts(state, settings), "keys": keys}, as_json=True)
            return
        console.print(_panel(state, settings))
        for role, key in keys.items():
            # Whole and on one line each, whatever the terminal's width: a key is there to be copied.
            console.print(as_it_is(f"{role:14}", "bold"), as_it_is(key, "green"), soft_wrap=True)
        if not keys:
            folder = shlex.quote(str(settings.data))
            hint = f"Nobody has a key yet? Make one: commerce keys create --role admin --name you --data {folder}"
            console.print(as_it_is(hint, "dim"), soft_wrap=True)

    def tell(sentence: str) -> None:
        Console(stderr=True, highlight=False).print(as_it_is(sentence, "yellow"), soft_wrap=True)

    def load(url: str) -> Mapping[str, str]:
        from commerce.commands.load_demo import load_demo  # noqa: PLC0415 - it knows every domain, and --help needs none

        return load_demo(url, settings.data / "demo-keys.json")

    plan = Plan(
        settings=settings,
        port=port or free_port(host),
        host=host,
        announce=announce,
        tell=tell,
        load=load if demo else None,
    )
    Supervisor(plan).run()


def _facts(state: StackState, settings: Settings) -> dict[str, str]:
    return {
        "url": state.url,
        "documentation": f"{state.url}/docs",
        "payments": _money(settings.stripe),
        "stripe": state.stripe_url or (settings.stripe.url if settings.stripe else ""),
        "data": str(settings.data),
        "logs": str(settings.data / "logs"),
    }


def _money(account: StripeSettings | None) -> str:
    """What every payment here is worth."""
    if account is None:
        return "a sandbox, no real money moves"
    return "live, real money moves" if account.live else "test mode, no real money moves"


def _panel(state: StackState, settings: Settings) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, fact in _facts(state, settings).items():
        table.add_row(f"[bold]{'shop' if name == 'url' else name}[/bold]", as_it_is(fact))
    return Panel(table, title="commerce", subtitle="Ctrl-C stops everything", title_align="left", expand=False)
