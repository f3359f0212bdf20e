"""Lessons about customers worked out the long way."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from tests.lesson_history import CURRENCIES, History, Params
from tests.naive_lessons import Eyes, Known, Row, interval, members, rate, where_of

WINDOWS = (30, 90, 365)


def _people(eyes: Eyes, anchor: set[str]) -> list[list[Known]]:
    """For each person who begins as is asked for: what is left of what they bought from then on, in order."""
    lines = [line for line in eyes.lines() if line.customer is not None and line.units > 0]
    people = []
    for person in {line.customer for line in lines}:
        mine = sorted((line for line in lines if line.customer == person), key=lambda line: line.order)
        begins = min((line.order for line in mine if line.sku in anchor), default=None)
        since = [line for line in mine if begins is not None and line.order >= begins]
        if since and eyes.has(since[0].sale):
            people.append(since)
    return people


def _is_over(eyes: Eyes, mine: Sequence[Known], days: int) -> bool:
    first = mine[0].sale
    return eyes.over(first.market, first.day + timedelta(days=days))


def _group(asked: Params, mine: Sequence[Known], **more: str) -> Row:
    first = mine[0].sale
    return {"cohort": first.day.isoformat()[:7], **more, **where_of(asked["per"], first.channel)}


def _alike(asked: Params, people: Iterable[list[Known]], *, currency: bool) -> list[tuple[Row, list[list[Known]]]]:
    found: list[tuple[Row, list[list[Known]]]] = []
    for mine in people:
        more = {"currency": CURRENCIES[mine[0].sale.market]} if currency else {}
        group = _group(asked, mine, **more)
        same = next((some for key, some in found if key == group), None)
        if same is None:
            found.append((group, [mine]))
        else:
            same.append(mine)
    return sorted(found, key=lambda one: list(one[0].values()))


def repeat_purchase(history: History, asked: Params) -> list[Row]:
    """Who came again."""
    eyes = Eyes(history, asked)
    devices = members(asked, "devices")
    rows = []
    for group, people in _alike(asked, _people(eyes, members(asked, "anchor")), currency=False):
        orders = [len({line.sale.number for line in mine}) for mine in people]
        owned = [sum(line.units for line in mine if line.sku in devices) for mine in people]
        rows.append({
            "group": group, "customers": len(people), **{f"within_{n}": _again(eyes, people, n) for n in WINDOWS},
            "orders": _spread(orders, none=False), "devices": _spread(owned, none=True) if "devices" in asked else None,
        })  # fmt: skip
    return rows


def _again(eyes: Eyes, people: Iterable[list[Known]], days: int) -> Row:
    counts = {True: [0, 0], False: [0, 0]}
    for mine in people:
        last = mine[0].sale.day + timedelta(days=days)
        again = any(line.sale.number != mine[0].sale.number and line.sale.day <= last for line in mine)
        counts[_is_over(eyes, mine, days)][0] += again
        counts[_is_over(eyes, mine, days)][1] += 1
    (above, below), (open_above, open_below) = counts[True], counts[False]
    return {
        "numerator": above, "denominator": below, "rate": rate(above, below), "interval": interval(above, below),
        "small_sample": below < 30, "complete": open_below == 0,
        "open": {"numerator": open_above, "denominator": open_below},
    }  # fmt: skip


def _spread(numbers: list[int], *, none: bool) -> Row:
    counted = {"one": numbers.count(1), "two": numbers.count(2), "three_or_more": sum(n >= 3 for n in numbers)}
    return {
        **({"none": numbers.count(0)} if none else {}), **counted,
        "total": sum(numbers), "per_customer": rate(sum(numbers), len(numbers)),
    }  # fmt: skip


def customer_revenue(history: History, asked: Params) -> list[Row]:
    """What customers were sold."""
    eyes = Eyes(history, asked)
    people = _people(eyes, members(asked, "anchor"))
    return [
        {
            "group": group, "customers": len(some),
            **{f"within_{n}": _revenue(eyes, asked, some, n) for n in WINDOWS},
        }
        for group, some in _alike(asked, people, currency=True)
    ]  # fmt: skip


def _revenue(eyes: Eyes, asked: Params, people: list[list[Known]], days: int) -> Row:
    currency = CURRENCIES[people[0][0].sale.market]
    over = [mine for mine in people if _is_over(eyes, mine, days)]
    waiting = [mine for mine in people if mine not in over]
    revenue = _sold(asked, over, days)
    mean = {part: (2 * sold + len(over)) // (2 * len(over)) for part, sold in revenue.items()} if over else None
    return {
        "customers": len(over), "revenue": _told(revenue, currency), "per_customer": mean and _told(mean, currency),
        "elsewhere": sum(
            any(CURRENCIES[line.sale.market] != currency for line in _within(mine, days)) for mine in over
        ),
        "complete": not waiting,
        "open": {"customers": len(waiting), "revenue": _told(_sold(asked, waiting, days), currency)},
    }  # fmt: skip


def _within(mine: Sequence[Known], days: int) -> list[Known]:
    last = mine[0].sale.day + timedelta(days=days)
    return [line for line in mine if line.sale.day <= last]


def _sold(asked: Params, people: Iterable[Sequence[Known]], days: int) -> dict[str, int]:
    anchor, attach = members(asked, "anchor"), members(asked, "attach")
    parts = {"anchor": 0, "attached": 0, "other": 0, "total": 0}
    for mine in people:
        for line in _within(mine, days):
            if CURRENCIES[line.sale.market] == CURRENCIES[mine[0].sale.market]:
                part = "anchor" if line.sku in anchor else "attached" if line.sku in attach else "other"
                parts[part] += line.net
                parts["total"] += line.net
    return parts


def _told(parts: dict[str, int], currency: str) -> Row:
    return {part: {"amount": sold, "currency": currency} for part, sold in parts.items()}
