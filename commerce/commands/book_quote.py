"""`commerce book quote`: what a basket costs by a price book, where there is no shop and no network, as at a till."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from commerce.commands.book_quote_tables import print_quote
from commerce.commands.book_trust import key_option, keys_option, verified_file
from commerce.commands.options import data_option, instant, json_option, show, stored_text
from commerce.commands.transact import transact
from commerce.kernel.clock import SystemClock
from commerce.kernel.refusals import Refusal

if TYPE_CHECKING:
    from commerce.kernel.db import Session
    from pricing.rules import Prepared
    from pricing.rules.quoted import Quote

_UNITS_MAX = 10_000


@dataclass(eq=False)
class CannotBeQuoted(Refusal):
    """By this book the basket has no price at this instant."""

    status = 422
    code = "cannot_be_quoted"
    reason: str
    """`unknown_channel`, `unknown_sku`, `not_priced`, `not_taxed`, `beyond_book` or `duplicate_line`."""
    line: str | None
    detail: str

    def __str__(self) -> str:
        return self.detail


def _lines(ctx: click.Context, param: click.Parameter, said: Sequence[str]) -> list[dict[str, object]]:
    return [_line(stored_text(ctx, param, words) or "") for words in said]


def _line(words: str) -> dict[str, object]:
    sku, _, units = words.rpartition("=") if "=" in words else (words, "", "1")
    if not sku or not units.isdecimal() or not 1 <= int(units) <= _UNITS_MAX:
        raise click.BadParameter(f"write it like CASE=2, with 1 to {_UNITS_MAX} units")
    return {"key": sku, "sku": sku, "quantity": int(units)}


@click.command("quote")
@data_option
@json_option
@click.argument("what", metavar="FILE|MARKET", callback=stored_text)
@click.option("--channel", required=True, metavar="CODE", help="Where it is bought.")
@click.option("--store", metavar="CODE", help="In which store of the channel.")
@click.option(
    "--sku", "lines", multiple=True, required=True, metavar="SKU=UNITS", callback=_lines, help="May be said often."
)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="What the buyer types; may be said often.")
@click.option("--shipping", type=click.IntRange(0, 10**12), default=0, help="What bringing it costs, in minor units.")
@click.option("--at", metavar="WHEN", callback=instant, help="At this instant. [default: now]")
@click.option("--number", type=click.IntRange(1, 2**31 - 1), help="This book of the MARKET instead of the newest.")
@key_option
@keys_option
def quote_basket(
    data: Path | None,
    what: str,
    at: datetime | None,
    *,
    number: int | None,
    key: str | None,
    chain: Path | None,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - the fields of a basket, as their options read them
) -> None:
    """Say what a basket costs by a price book: each line, what promotions take off and why others do not, tax, total.

    With a FILE, which is a signed book that was saved or sent, it needs no shop and no network: the book is checked as
    `commerce book verify` does it, and then asked. With a MARKET it is the shop's newest book.

    A unique code opens nothing here, and nobody's uses are counted: books know neither.
    """
    prepared = (
        _from_file(Path(what), number, key, chain) if _is_file(what) else _from_shop(data, what, number, key or chain)
    )
    found = _quoted(prepared, asked, at or SystemClock().now())
    if found.instant >= prepared.book.complete_until:
        click.echo("The book is not complete so far ahead: what begins then may not be in it yet.", err=True)
    if as_json:
        show(msgspec.to_builtins(found), as_json=True)
        return
    from pricing.rules.quoted import REASONS  # noqa: PLC0415 - --help needs no engine

    print_quote(prepared.book, found, REASONS)


def _is_file(what: str) -> bool:
    """Whether it is a file and no market. Raises BadParameter for a path that leads nowhere."""
    path = Path(what)
    if path.is_file():
        return True
    if path.name != what or path.suffix:
        raise click.BadParameter(f"there is no file {what!r}", param_hint="FILE|MARKET")
    return False


def _from_file(file: Path, number: int | None, key: str | None, chain: Path | None) -> "Prepared":
    from pricing.rules import prepare  # noqa: PLC0415 - as above

    if number is not None:
        raise click.UsageError("--number is for a MARKET: a FILE is one book.")
    return prepare(verified_file(file, None, key, chain).book)


def _from_shop(data: Path | None, market: str, number: int | None, trusted: object) -> "Prepared":
    from pricing.books.current import prepare  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    if trusted is not None:
        raise click.UsageError("--key and --keys are for a FILE: nobody sent us our own books.")
    return prepare(transact(data, lambda tx, _: _body(tx, market, number)))


async def _body(tx: "Session", market: str, number: int | None) -> bytes:
    from pricing.books.report import contents  # noqa: PLC0415 - as above

    return (await contents(tx, market, number))[1]


def _quoted(prepared: "Prepared", asked: dict[str, object], at: datetime) -> "Quote":
    """What it costs. Raises CannotBeQuoted."""
    from pricing.books.zones import microseconds  # noqa: PLC0415 - as above
    from pricing.rules import quote  # noqa: PLC0415 - as above
    from pricing.rules.basket import Basket  # noqa: PLC0415 - as above
    from pricing.rules.quoted import CannotQuote  # noqa: PLC0415 - as above

    try:
        return quote(prepared, msgspec.convert(asked, Basket), microseconds(at))
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    except CannotQuote as no:
        raise CannotBeQuoted(no.code, no.line, str(no)) from None
