"""How a quote from a price book looks in a terminal."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from commerce.commands.options import as_it_is, table_of
from commerce.kernel.money import Money

if TYPE_CHECKING:
    from pricing.rules.book import Book
    from pricing.rules.quoted import Quote, QuotedLine, QuotedShipping, Reduction


class _Words:
    """How amounts and promotions of a book are written."""

    def __init__(self, book: "Book") -> None:
        self._currency = book.currency
        self._names = {one.id: one.name for one in book.promotions}

    def money(self, amount: int) -> str:
        return str(Money(amount, self._currency))

    def name(self, promotion: str) -> str:
        return self._names[promotion]

    def reductions(self, found: "Iterable[Reduction]") -> str:
        return "\n".join(f"-{self.money(one.amount)} {self.name(one.promotion)}" for one in found)


def print_quote(book: "Book", found: "Quote", reasons: Mapping[str, str]) -> None:
    """Print what a basket costs: its lines, the promotions that have to do with it, and what there is to pay."""
    words, console = _Words(book), Console()
    lines = _table("units, sku", "price of one", "promotions", "tax", "total")
    for line in found.lines:
        lines.add_row(*map(as_it_is, _cells(line, words)))
    if found.shipping is not None:
        lines.add_row(*map(as_it_is, _shipping(found.shipping, words)))
    console.print(lines)
    concerned = [one for one in found.verdicts if one.reason != "no_matching_item"]
    if concerned:
        verdicts = _table("promotion", "saves", "why")
        for one in concerned:
            saves = words.money(one.amount) if one.applied else ""
            verdicts.add_row(*map(as_it_is, (words.name(one.promotion), saves, reasons[one.reason])))
        console.print(verdicts)
    for gift in found.gifts:
        console.print(as_it_is(f"{words.name(gift.promotion)}: put {gift.quantity} more of {gift.sku} in, for nothing"))
    console.print(table_of(_totals(found, words)))


def _cells(line: "QuotedLine", words: _Words) -> tuple[str, ...]:
    one = [words.money(line.price)]
    if line.recommended != line.price:
        one.append(f"recommended {words.money(line.recommended)}")
    if line.prior is not None:
        one.append(f"lowest before {words.money(line.prior.amount)}")
    tax = f"{words.money(line.tax)}\n{_percent(line.tax_rate_bp)}"
    off = words.reductions(line.discounts)
    return f"{line.quantity} x {line.sku}", "\n".join(one), off, tax, words.money(line.total)


def _shipping(shipping: "QuotedShipping", words: _Words) -> tuple[str, ...]:
    tax = f"{words.money(shipping.tax)}\n{_percent(shipping.tax_rate_bp)}"
    off = words.reductions(shipping.discounts)
    return "shipping", words.money(shipping.amount), off, tax, words.money(shipping.total)


def _totals(found: "Quote", words: _Words) -> dict[str, object]:
    tax = "tax, included" if found.prices_include_tax else "tax, on top"
    return {
        "price book": f"{found.market} {found.book}",
        "subtotal": words.money(found.subtotal),
        "promotions": f"-{words.money(found.discount)}" if found.discount else "none",
        tax: words.money(found.tax),
        "total": words.money(found.total),
    }


def _percent(basis_points: int) -> str:
    return f"{Decimal(basis_points).scaleb(-2).normalize():f} %"


def _table(*columns: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in columns), show_lines=True)
