"""How payments and what waits for a person look in a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from commerce.commands.options import as_it_is, table_of
from commerce.kernel.money import Money

if TYPE_CHECKING:
    from commerce.kernel.bodies import Amount
    from orders.payments.schemas import CaseView, PaymentDetailView, PaymentRowView


def print_rows(found: "Sequence[PaymentRowView]") -> None:
    """Print payments, one a row."""
    table = _table("payment, order, begun", "state", "amount, captured, refunded")
    for one in found:
        about = _lines(one.id, f"{one.order_number} ({one.purpose})", _at(one.created_at))
        sums = _lines(*(_money(amount) for amount in (one.amount, one.captured, one.refunded)))
        table.add_row(about, _lines(one.state, "in doubt" if one.in_doubt else ""), sums)
    Console().print(table)


def print_detail(found: "PaymentDetailView") -> None:
    """Print a payment, its buyer's tries, and the calls about it."""
    payment = found.payment
    facts: dict[str, object] = {
        "payment": payment.id,
        "order": found.order,
        "at the provider": found.provider_id,
        "for": payment.purpose,
        "state": payment.state,
        "amount": _money(payment.amount),
        "captured": _money(payment.captured),
        "refunded": _money(payment.refunded),
        "declined because": payment.decline_code,
        "buyer may pay until": _at(payment.deadline),
        "buyer's link": payment.link,
        "capture before": _at(payment.capture_before),
        "disputes": payment.disputes,
    }
    console = Console()
    console.print(table_of({name: fact for name, fact in facts.items() if fact}))
    if found.attempts:
        tries = _table("try, seen", "means", "state")
        for one in found.attempts:
            state = _lines(one.state, one.decline_code or "")
            tries.add_row(_lines(one.provider_id, _at(one.seen_at)), as_it_is(one.method or ""), state)
        console.print(tries)
    calls = _table("call, first sent, answered", "what", "state")
    for call in found.calls:
        state = _lines(call.state, f"{call.tries} tries" if call.tries > 1 else "", call.last_error or "")
        calls.add_row(_lines(call.id, _at(call.sent_at), _at(call.answered_at)), call.operation, state)
    console.print(calls)


def print_cases(found: "Sequence[CaseView]") -> None:
    """Print cases, one a row."""
    table = _table("case, what, about, since", "facts")
    for one in found:
        closed = f"closed {_at(one.closed_at)}" if one.closed_at else ""
        facts = _lines(*(f"{name}: {fact}" for name, fact in one.facts.items()), one.note or "")
        table.add_row(_lines(one.id, one.kind, one.subject, _at(one.opened_at), closed), facts)
    Console().print(table)


def _money(amount: "Amount") -> str:
    return str(Money(amount.amount, amount.currency))


def _at(instant_: datetime | None) -> str:
    return f"{instant_:%Y-%m-%d %H:%M:%S}" if instant_ else ""


def _table(ids: str, *columns: str) -> Table:
    """A table whose first column holds ids: whole, to be copied, however narrow the terminal; other words break.

    At 80 characters there are 40 beside an id, so tables have few columns, and more lines.
    """
    others = (Column(name, overflow="fold") for name in columns)
    return Table(Column(ids, no_wrap=True, min_width=36), *others, show_lines=True)


def _lines(*said: str) -> Text:
    """What is known of it, one below the other."""
    return as_it_is("\n".join(each for each in said if each))
