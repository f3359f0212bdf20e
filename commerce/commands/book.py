"""`commerce book`: look at price books, check one that somebody sent, quote by it, and turn the keys that sign them."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Column, Table

from commerce.commands.book_difference import shown, told
from commerce.commands.book_quote import quote_basket
from commerce.commands.book_trust import key_option, keys_option, verified_file
from commerce.commands.options import REFUSED, as_it_is, data_option, json_option, show, show_refusal, stored_text
from commerce.commands.transact import transact
from commerce.kernel.refusals import Refusal

if TYPE_CHECKING:
    from commerce.kernel.db import Session
    from pricing.books.report import BookRow

_number = click.IntRange(1, 2**31 - 1)


@click.group()
def book() -> None:
    """Look at price books, compare and check them, quote by them, and turn the keys that sign them."""


@book.command("show")
@data_option
@json_option
@click.argument("market", required=False, callback=stored_text)
@click.option("--number", type=_number, help="This one instead of the newest.")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it, signed, there."
)
def show_books(data: Path | None, market: str | None, number: int | None, save: Path | None, *, as_json: bool) -> None:
    """List every market's current book; with MARKET its newest twenty, or one of them by --number.

    --save writes the envelope that tills get: `commerce book verify` checks it.
    """
    from pricing.books.report import list_books  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    if market is None and (number is not None or save is not None):
        raise click.UsageError("Name the MARKET.")
    if save is not None and market is not None:
        sent = transact(data, lambda tx, _: _envelope(tx, market, number))
        save.write_bytes(sent)
        show({"saved": str(save), "bytes": len(sent)}, as_json=as_json)
        return
    found = transact(data, lambda tx, _: list_books(tx, market, number))
    if as_json:
        _print_json({"books": found})
    elif not found:
        click.echo("There is no price book yet.")
    else:
        _print_books(found)


@book.command()
@data_option
@json_option
@click.argument("market", callback=stored_text)
@click.argument("number", type=_number)
@click.argument("other", type=_number)
def diff(data: Path | None, market: str, number: int, other: int, *, as_json: bool) -> None:
    """Show what a market's book OTHER says that its book NUMBER does not, or says otherwise.

    Every member that differs has a row, by its name; --json has the parts as they are in the books, whole.
    """
    from pricing.books.report import differences  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, _: differences(tx, market, number, other))
    if as_json:
        _print_json({"differences": found})
        return
    table = Table(*(Column(name, overflow="fold") for name in ("what", "was", "becomes")), show_lines=True)
    for one in found:
        for words in told(one):
            table.add_row(*map(as_it_is, words))
    Console().print(table)


@book.command()
@json_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--market", help="Whose book it should be. [default: whose it says it is]")
@key_option
@keys_option
def verify(file: Path, market: str | None, key: str | None, chain: Path | None, *, as_json: bool) -> None:
    """Check a book that was sent or saved: that it is whole, unchanged, and signed by the key, or by one it leads to.

    Needs no shop and no network. Without --key it is only sure that the book was not changed since it was signed by
    whom it names itself. With --key alone it is refused after the keys were turned: --keys leads on to those of today.
    """
    try:
        verified = verified_file(file, market, key, chain)
    except Refusal as refused:
        show_refusal(refused, as_json=as_json)
        sys.exit(REFUSED)
    facts = {
        "market": verified.book.market,
        "number": verified.book.number,
        "sha256": verified.sha256,
        "compiled_at": shown(verified.book.compiled_at),
        "items": len(verified.book.items),
        "promotions": len(verified.book.promotions),
        "trusted": _trusted(key, chain),
    }
    show(facts, as_json=as_json)


@book.command()
@data_option
@json_option
def keys(data: Path | None, *, as_json: bool) -> None:
    """List the keys that sign books, the oldest first. Enter the first one by hand at a till.

    From that one `commerce book verify --key HEX --keys FILE` finds the others, however many there are by then. FILE is
    what --json prints here, or what GET /v1/price-book-keys answers.
    """
    from pricing.books.keys import key_chain  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, _: key_chain(tx))
    if as_json:
        _print_json(found)
        return
    console = Console(soft_wrap=True, highlight=False)  # A table would cut what somebody has to copy.
    for one in found.keys:
        introduced = f", introduced by {one.introduced_by}" if one.introduced_by else ""
        console.print(as_it_is(f"{one.public}\n  {one.id}, {one.state}{introduced}"))


@book.command()
@data_option
@json_option
@click.option("--activate", is_flag=True, help="Let the next key sign from now on, and forget the one before it.")
def rotate(data: Path | None, *, activate: bool, as_json: bool) -> None:
    """Make the next key, which every book names from now on; later, with --activate, let it sign.

    In between every till should hear of it: `commerce book readiness MARKET`. One that does not still finds it.
    """
    key = transact(data, lambda tx, now: _turn(tx, now, activate=activate))
    published = transact(data, _publish)
    show({"activated" if activate else "next": key, **published}, as_json=as_json)


@book.command()
@data_option
@json_option
def publish(data: Path | None, *, as_json: bool) -> None:
    """Publish whatever is new in any market. The worker does so every minute."""
    published = transact(data, _publish)
    show(published or {"published": "nothing: the books say it all"}, as_json=as_json)


@book.command()
@data_option
@json_option
@click.argument("market", callback=stored_text)
@click.option("--number", type=_number, help="Who holds this book or a later one. [default: the newest]")
def readiness(data: Path | None, market: str, number: int | None, *, as_json: bool) -> None:
    """Show which terminals of a market hold its book, and since when."""
    from pricing.books.readiness import readiness_of  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, now: readiness_of(tx, market, number, now))
    if as_json:
        _print_json(found)
        return
    table = Table("terminal", "name", "channel", "location", "holds", "since", "ready")
    for one in found.terminals:
        since = f"{one.held_at:%Y-%m-%d %H:%M:%S}" if one.held_at else ""
        facts = (one.terminal, one.name, one.channel, one.location or "", one.number or "", since)
        table.add_row(*(as_it_is(fact) for fact in facts), "yes" if one.ready else "no")
    Console().print(table)
    late = sum(not one.ready for one in found.terminals)
    click.echo(f"Book {found.number}: {len(found.terminals) - late} of {len(found.terminals)} hold it.")


async def _envelope(tx: "Session", market: str, number: int | None) -> bytes:
    from pricing.books.deliver import whole_book  # noqa: PLC0415 - as above
    from pricing.books.report import contents  # noqa: PLC0415 - as above

    return await whole_book(tx, market, (await contents(tx, market, number))[0])


async def _turn(tx: "Session", now: datetime, *, activate: bool) -> str:
    from pricing.books import keys as signing  # noqa: PLC0415 - as above

    return await (signing.activate if activate else signing.rotate)(tx, now)


async def _publish(tx: "Session", now: datetime) -> dict[str, int]:
    from pricing.books.publish import publish_all  # noqa: PLC0415 - as above

    return await publish_all(tx, now)


def _trusted(key: str | None, chain: Path | None) -> str:
    if key is None:
        return "nobody: no --key was given"
    return "the key that was given" + (", and those that it leads to" if chain else "")


def _print_books(found: "list[BookRow]") -> None:
    table = Table("market", "number", "compiled", "complete until", "bytes", "sha256", "key")
    for one in found:
        days = (f"{one.compiled_at:%Y-%m-%d %H:%M:%S}", f"{one.complete_until:%Y-%m-%d}")
        facts = (one.market, one.number, *days, one.bytes, one.sha256[:16], one.key)
        table.add_row(*(as_it_is(fact) for fact in facts))
    Console().print(table)


def _print_json(facts: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts)).decode() + "\n")


book.add_command(quote_basket)
