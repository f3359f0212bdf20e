"""How price changes look in a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from commerce.commands.options import as_it_is, table_of
from commerce.kernel.money import Money

if TYPE_CHECKING:
    from commerce.kernel.bodies import Amount, Balance
    from pricing.changes.schemas import DryRunView, EffectView, PriceChangeDetailView, PriceChangeView

SHOWN_MAX = 200
"""Rows of prices: whoever wants all of them asks for JSON."""


def print_changes(found: "Sequence[PriceChangeView]") -> None:
    """Print price changes, one a row."""
    table = _table("change, name, reason", "state, prices, market", "begins, ends")
    for one in found:
        state = _lines(one.state, f"{one.items} prices", one.market)
        table.add_row(_lines(one.id, one.name, one.reason), state, _lines(_at(one.starts_at), _at(one.ends_at)))
    Console().print(table)


def print_detail(found: "PriceChangeDetailView") -> None:
    """Print a price change, its prices, and its diary."""
    one = found.change
    facts: dict[str, object] = {
        "change": one.id,
        "name": one.name,
        "reason": one.reason,
        "market": one.market,
        "state": one.state,
        "begins": _at(one.starts_at),
        "ends": _at(one.ends_at),
        "rolls back": one.counter_of,
        "rolled back by": one.countered_by,
    }
    console = Console()
    console.print(table_of({name: fact for name, fact in facts.items() if fact}))
    prices = _table("sku", "where", "price, was", "exception")
    for item in found.items[:SHOWN_MAX]:
        exception = "" if item.exception is None else f"{item.exception.reason} until {_at(item.exception.expires_at)}"
        amounts = _lines(_money(item.price), _money(item.old))
        prices.add_row(as_it_is(item.sku), as_it_is(item.channel or "recommended"), amounts, as_it_is(exception))
    console.print(prices)
    _more(len(found.items))
    diary = _table("state, when", "by", "note")
    for step in found.steps:
        diary.add_row(_lines(step.state, _at(step.at)), as_it_is(step.by), as_it_is(step.note or ""))
    console.print(diary)


def print_dry_run(found: "DryRunView") -> None:
    """Print what a price change would do."""
    facts: dict[str, object] = {
        "change": found.change.id,
        "would begin": _at(found.begins),
        "prices in channels": found.affected,
        "cheaper": found.cheaper,
        "dearer": found.dearer,
        "the same": found.same,
        "warnings": [f"{name}: {count}" for name, count in found.warnings.items()],
        "promotions it meets": [one.name for one in found.promotions],
        "tills that are behind": len(found.terminals_behind),
        "scheduled changes that would replace another price": found.relied_on_by,
    }
    console = Console()
    console.print(table_of(facts))
    table = _table("sku, channel", "old, new", "margin, prior price", "warnings")
    for one in found.effects[:SHOWN_MAX]:
        table.add_row(
            _lines(one.sku, one.channel), _change(one), _lines(*_told(one)), _lines(*(w for w in one.warnings))
        )
    console.print(table)
    _more(len(found.effects))
    for refusal in found.refusals:
        console.print(as_it_is(f"It would be refused: {refusal}", "bold red"))


def _change(one: "EffectView") -> Text:
    percent = (
        "" if one.difference_bp is None else f"{_signed(one.difference)} ({Decimal(one.difference_bp).scaleb(-2):+f} %)"
    )
    return _lines(_money(one.old), _money(one.new), percent)


def _told(one: "EffectView") -> Iterable[str]:
    if one.margin is not None:
        yield f"margin {_signed(one.margin.amount)}"
    if one.prior is not None:
        yield f"prior price {_money(one.prior.price)}"


def _signed(amount: "Balance | None") -> str:
    return "" if amount is None else str(Money(amount.amount, amount.currency))


def _money(amount: "Amount | None") -> str:
    return "none" if amount is None else str(Money(amount.amount, amount.currency))


def _at(instant_: datetime | None) -> str:
    return f"{instant_:%Y-%m-%d %H:%M:%S}" if instant_ else ""


def _more(rows: int) -> None:
    if rows > SHOWN_MAX:
        Console().print(f"These are {SHOWN_MAX} of {rows}; --json prints all of them.")


def _table(first: str, *columns: str) -> Table:
    others = (Column(name, overflow="fold") for name in columns)
    return Table(Column(first, overflow="fold", min_width=36), *others, show_lines=True)


def _lines(*said: str) -> Text:
    """What is known of it, one below the other."""
    return as_it_is("\n".join(each for each in said if each))
