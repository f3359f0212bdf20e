"""How promotions look in a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Column, Table

from commerce.commands.options import as_it_is, table_of
from commerce.kernel.money import Money

if TYPE_CHECKING:
    from pricing.promotions.schemas import DryRunView, PromotionDetailView, PromotionView


def print_promotions(found: "Sequence[PromotionView]") -> None:
    """Print promotions, one a row."""
    table = _table(Column("promotion", no_wrap=True, min_width=36), "market", "state, from, until", "name")
    for one in found:
        when = "\n".join(filter(None, (str(one.state), _at(one.starts_at), _at(one.ends_at))))
        table.add_row(one.id, as_it_is(one.market), when, as_it_is(one.name))
    Console().print(table)


def print_promotion(found: "PromotionDetailView") -> None:
    """Print a promotion and its diary."""
    promotion = found.promotion
    facts: dict[str, object] = {
        "promotion": promotion.id,
        "name": promotion.name,
        "market": promotion.market,
        "state": promotion.state,
        "from": _at(promotion.starts_at),
        "until": _at(promotion.ends_at),
        "lane": f"{promotion.lane}, priority {promotion.priority}" + (", exclusive" if promotion.exclusive else ""),
        "conditions": _json(promotion.conditions),
        "benefit": _json(promotion.benefit),
        "cap": promotion.cap,
        "floor": _json(promotion.floor),
        "limits": _json(promotion.limits) if promotion.limited else "",
        "uses": promotion.uses,
        "codes": found.codes,
        "unique codes": found.unique_codes,
    }
    console = Console()
    console.print(table_of({name: fact for name, fact in facts.items() if fact and fact != "{}"}))
    steps = _table("step", "by", "at", "note")
    for step in found.steps:
        steps.add_row(step.step, as_it_is(step.actor), _at(step.at), as_it_is(step.note or ""))
    console.print(steps)


def print_dry_run(found: "DryRunView") -> None:
    """Print what would come of a promotion."""
    console = Console()
    says = "It can apply." if found.can_apply else "As it stands it can never apply."
    console.print(as_it_is(says, "" if found.can_apply else "bold red"))
    for flag in found.flags:
        console.print(as_it_is(f"{flag.level}: {flag.clause}: {flag.reason}"))
    reach = _table("channel", "skus it is about", "of these sold")
    for one in found.reach:
        reach.add_row(as_it_is(one.channel), str(one.matching), str(one.sold))
    console.print(reach)
    if found.examples:
        examples = _table("channel", "sku", "before", "after")
        for example in found.examples:
            before, after = (str(Money(minor, found.currency)) for minor in (example.before, example.after))
            examples.add_row(as_it_is(example.channel), as_it_is(example.sku), before, after)
        console.print(examples)
    _print_company(console, found)


def _print_company(console: Console, found: "DryRunView") -> None:
    """Print what it meets, and who does not know of it yet."""
    for rival in found.rivals:
        where = f"lane {rival.lane}" + (", exclusive" if rival.exclusive else "")
        console.print(as_it_is(f"beside {rival.id} ({rival.name}; {where}), on {rival.shared_skus} of the same skus"))
    for price in found.prices:
        where, costs = price.channel or "recommended", Money(price.amount, found.currency)
        console.print(as_it_is(f"{_at(price.begins)}: {price.sku} ({where}) costs {costs}"))
    for change in found.changes:
        console.print(
            as_it_is(f"{change.id} ({change.name}, {change.state}) would change {change.shared_skus} of them")
        )
    if found.terminals_behind:
        console.print(f"{len(found.terminals_behind)} tills do not hold the current price book.")


def _json(facts: object) -> str:
    return msgspec.json.encode(facts).decode()


def _at(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _table(*columns: Column | str) -> Table:
    return Table(*(Column(one, overflow="fold") if isinstance(one, str) else one for one in columns), show_lines=True)
