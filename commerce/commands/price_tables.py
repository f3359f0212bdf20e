"""How prices look in a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from commerce.commands.options import as_it_is, table_of
from commerce.kernel.money import Money

if TYPE_CHECKING:
    from commerce.kernel.bodies import Amount
    from pricing.schemas import ChargeView, DeviationView, PriorPriceView


def print_charges(found: "Sequence[ChargeView]") -> None:
    """Print what a channel charges, one price a row."""
    table = _table("sku", "charged", "recommended", "from, to", "by")
    for one in found:
        charged = f"{_money(one.charge)} ({one.counted})" if one.charge else "not sold"
        words = (one.sku, charged, _money(one.recommended), _span(one.valid_from, one.valid_to), one.change_id or "")
        table.add_row(*map(as_it_is, words))
    Console().print(table)


def print_prior(found: "PriorPriceView") -> None:
    """Print a prior price, and below it the prices that it was found in."""
    rule = found.rule
    facts: dict[str, object] = {
        "sku": found.sku,
        "channel": found.channel,
        "at": _at(found.at),
        "by price book": f"{found.market} {found.book}",
        "anybody pays": _money(found.price) or "not sold",
        "prior price": _money(found.prior) or "none: it is not reduced",
        "reduced since": _at(found.since),
        "rule": f"lowest of {rule.window_days} days, announced for {rule.announced_days}",
    }
    console = Console()
    console.print(table_of({name: fact for name, fact in facts.items() if fact}))
    if not found.evidence:
        return
    table = _table("from, to", "anybody paid", "price before promotions", "promotions, store")
    for one in found.evidence:
        charge = one.charge
        before = (
            "" if charge is None else "\n".join((f"{_money(charge.charge)} ({charge.counted})", charge.change_id or ""))
        )
        words = (_span(one.begins, one.ends), _money(one.price) or "not sold", before)
        table.add_row(*map(as_it_is, words), as_it_is("\n".join((*one.promotions, one.store or ""))))
    console.print(table)


def print_deviations(found: "Sequence[DeviationView]") -> None:
    """Print where channels charge something else than what is recommended, one stretch of time a row."""
    table = _table("sku, channel", "charged, recommended", "from, to", "allowed by")
    for one in found:
        allowed = one.standing
        if one.exception is not None:
            allowed += f"\n{one.exception.reason}\n{one.exception.approved_by} until {_at(one.exception.expires_at)}"
        amounts = f"{_money(one.channel_price)}\n{_money(one.recommended)}"
        words = (f"{one.sku}\n{one.channel}", amounts, _span(one.valid_from, one.valid_to), allowed)
        table.add_row(*map(as_it_is, words))
    Console().print(table)


def _money(amount: "Amount | None") -> str:
    return str(Money(amount.amount, amount.currency)) if amount else ""


def _span(begins: datetime | None, ends: datetime | None) -> str:
    return f"{_at(begins)}\n{_at(ends) or 'for good'}" if begins else ""


def _at(instant_: datetime | None) -> str:
    return f"{instant_:%Y-%m-%d %H:%M:%S}" if instant_ else ""


def _table(*columns: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in columns), show_lines=True)
