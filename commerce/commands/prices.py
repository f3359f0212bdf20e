"""`commerce prices`: what channels charge, what was believed of it, and where they differ, from a terminal."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from commerce.commands.deciding import as_option
from commerce.commands.options import data_option, instant, json_option, show, stored_text
from commerce.commands.price_changes import PRICE_CHANGE_COMMANDS
from commerce.commands.price_tables import print_charges, print_deviations, print_prior
from commerce.commands.transact import at_database, transact

if TYPE_CHECKING:
    from commerce.kernel.db import Database, Session
    from pricing.schemas import ChargesView, DeviationView, PolicyView, PriorPriceView

believed_option = click.option(
    "--believed-at", metavar="WHEN", callback=instant, help="As it was believed then. [default: as it is now]"
)
at_option = click.option("--at", "at", metavar="WHEN", callback=instant, help="At this instant; dates are UTC.")


@click.group()
def prices() -> None:
    """Look at what channels charge and charged, what was believed of it, and where they differ from one another."""


@prices.command("at")
@data_option
@json_option
@at_option
@believed_option
@click.argument("channel", callback=stored_text)
@click.argument("skus", metavar="SKU...", nargs=-1, required=True)
def charged(
    data: Path | None,
    channel: str,
    skus: tuple[str, ...],
    at: datetime | None,
    believed_at: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Show what a channel charges for skus, now or at another instant: its own price, or the recommended one.

    With --believed-at: what was believed then that it charges. What was planned and withdrawn is seen so.
    """

    async def ask(tx: "Session", now: datetime) -> "ChargesView":
        from pricing.beliefs import charged_at  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

        return await charged_at(tx, channel, list(dict.fromkeys(skus)), at or now, believed_at)

    found = transact(data, ask)
    if as_json:
        show(msgspec.to_builtins(found), as_json=True)
        return
    print_charges(found.prices)


@prices.command()
@data_option
@json_option
@believed_option
@click.argument("channel", callback=stored_text)
@click.argument("sku", callback=stored_text)
def history(data: Path | None, channel: str, sku: str, believed_at: datetime | None, *, as_json: bool) -> None:
    """Show everything that a channel charged, charges or will charge for a sku, the oldest first."""
    from pricing.beliefs import charge_history  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, _: charge_history(tx, channel, sku, believed_at))
    if as_json:
        show(msgspec.to_builtins(found), as_json=True)
        return
    if not found.prices:
        click.echo("It was never sold there.")
        return
    print_charges(found.prices)


@prices.command()
@data_option
@json_option
@at_option
@click.argument("channel", callback=stored_text)
@click.argument("sku", callback=stored_text)
def prior(data: Path | None, channel: str, sku: str, at: datetime | None, *, as_json: bool) -> None:
    """Show the prior price that a channel announces beside a reduced one, and every price it was found in."""

    async def ask(db: "Database") -> "PriorPriceView":
        from pricing.books.current import CurrentBooks  # noqa: PLC0415 - as above
        from pricing.prior_prices import prior_price  # noqa: PLC0415 - as above

        books, now = CurrentBooks(), db.clock.now()
        async with db.transaction() as tx:
            await books.of_channel(tx, channel, now)
        async with db.snapshot() as tx:
            return await prior_price(books, tx, channel, sku, at or now)

    found = at_database(data, ask)
    if as_json:
        show(msgspec.to_builtins(found), as_json=True)
        return
    print_prior(found)


@prices.command()
@data_option
@json_option
@at_option
@click.argument("market", callback=stored_text)
def parity(data: Path | None, market: str, at: datetime | None, *, as_json: bool) -> None:
    """List wherever a channel charges something else than what is recommended, at an instant or later, and why it may.

    "broken" is what neither the market's policy nor an exception allows: the policy was narrowed, or prices imported.
    """
    found = transact(data, lambda tx, now: _every_deviation(tx, market, at or now))
    if as_json:
        show({"deviations": msgspec.to_builtins(found)}, as_json=True)
        return
    if not found:
        click.echo("Every channel charges what is recommended.")
        return
    print_deviations(found)


async def _every_deviation(tx: "Session", market: str, at: datetime) -> "list[DeviationView]":
    from commerce.kernel.pages import LIMIT_MAX  # noqa: PLC0415 - as above
    from pricing.parity_report import parity_report  # noqa: PLC0415 - as above

    found: list[DeviationView] = []
    cursor: str | None = None
    while True:
        page = await parity_report(tx, market, at, LIMIT_MAX, cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


@prices.command()
@data_option
@json_option
@click.option("--parity", type=click.Choice(["equal", "floor", "band"]), help="Let channels differ so far.")
@click.option("--band-bp", type=click.IntRange(0, 10_000), help="With a band: 500 is 5 % up or down.")
@click.option("--tax-rounding", type=click.Choice(["line", "order"]), help="Round tax by line, or once for an order.")
@click.option("--prior-window-days", type=click.IntRange(1, 365), help="Look for the prior price in so many days.")
@click.option("--prior-announced-days", type=click.IntRange(1, 365), help="A reduction is none after so many days.")
@click.option("--prior-progressive/--no-prior-progressive", default=None, help="Steps of a reduction count as one.")
@click.option(
    "--prior-new-arrivals", type=click.Choice(["shorter", "none"]), help="What is new shows what it has, or none."
)
@click.option("--horizon-days", type=click.IntRange(1, 400), help="Price books know so many whole days, and today.")
@click.option("--readiness-minutes", type=click.IntRange(1, 1440), help="Tell so early who is not ready for a start.")
@as_option
@click.argument("market", callback=stored_text)
def policy(data: Path | None, market: str, actor: str, *, as_json: bool, **named: str | int | bool | None) -> None:
    """Show a market's pricing policy, or change something of it; what is not named stays as it is."""
    said: dict[str, object] = {name: value for name, value in named.items() if value is not None}

    async def ask(tx: "Session", now: datetime) -> "PolicyView":
        from pricing.policies import change_policy, policy_of  # noqa: PLC0415 - as above

        return await change_policy(tx, market, said, actor, now) if said else await policy_of(tx, market)

    show(msgspec.to_builtins(transact(data, ask)), as_json=as_json)


for each in PRICE_CHANGE_COMMANDS:
    prices.add_command(each)
