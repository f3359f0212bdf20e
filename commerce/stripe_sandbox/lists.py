"""Lists as Stripe pages them, the newest first, and its search by metadata and a few fields."""

import operator
import re
from collections.abc import Callable, Iterator
from functools import partial

from commerce.stripe_sandbox.calls import Call, Handler
from commerce.stripe_sandbox.errors import Json, no_such, refused
from commerce.stripe_sandbox.world import Row, Table, Work

LIMIT, LIMIT_MAX = 10, 100
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_CLAUSE = re.compile(
    r"""\s*(-?)(?:(metadata)\[["']([^"']+)["']\]|([a-z_]+))\s*(:|>=|<=|>|<)\s*(?:"([^"]*)"|'([^']*)'|([^\s]+))\s*"""
)
_SIGNS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
SEARCHED = frozenset({"amount", "created", "currency", "customer", "status", "email", "name", "payment_intent"})


def lister(kind: str, *filters: str, path: str | None = None) -> Handler:
    """The endpoint that lists objects of a kind; `filters` are parameters that must equal the field of that name."""
    return partial(_list, kind=kind, filters=filters, path=path)


def searcher(kind: str) -> Handler:
    """The endpoint that searches objects of a kind."""
    return partial(_search, kind=kind)


def _list(work: Work, call: Call, *, kind: str, filters: tuple[str, ...], path: str | None) -> Json:
    wanted = {name: call.said[name] for name in filters if name in call.said}
    rows = partial(_matching, wanted=wanted, created=call.said.get("created"))
    return page_of(work.world.tables[kind], call.said, rows, path or f"/v1/{kind}s")


def page_of(table: Table[Row], said: Json, matching: Callable[[Iterator[Row]], Iterator[Json]], url: str) -> Json:
    """One page. `ending_before` walks up from an object instead of down; the page is newest first all the same."""
    limit = _limit(said)
    if "ending_before" in said:
        place = _place(table, said["ending_before"], "ending_before")
        rows = (table.rows[id_] for id_ in table.ids[place + 1 :])
        found = _first(matching(rows), limit + 1)
        return _page(found[:limit][::-1], url, has_more=len(found) > limit)
    last = _place(table, said["starting_after"], "starting_after") if "starting_after" in said else len(table.ids)
    found = _first(matching(table.rows[table.ids[place]] for place in range(last - 1, -1, -1)), limit + 1)
    return _page(found[:limit], url, has_more=len(found) > limit)


def _page(data: list[Json], url: str, *, has_more: bool) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _limit(said: Json) -> int:
    """How many objects a page may have. Raises StripeError."""
    limit: int = said.get("limit", LIMIT)
    if not 1 <= limit <= LIMIT_MAX:
        raise refused(f"This value must be between 1 and {LIMIT_MAX}.", "limit", "parameter_invalid_integer")
    return limit


def _place(table: Table[Row], id_: str, param: str) -> int:
    place = table.places.get(id_)
    if place is None:
        raise no_such("object", id_, param, status=400)
    return place


def _first(rows: Iterator[Json], most: int) -> list[Json]:
    return [row for row, _ in zip(rows, range(most), strict=False)]


def _matching(rows: Iterator[Json], wanted: Json, created: Json | int | None) -> Iterator[Json]:
    for row in rows:
        if all(row.get(name) == value for name, value in wanted.items()) and made_within(row["created"], created):
            yield row


def made_within(instant: int, window: Json | int | None) -> bool:
    """Whether an instant is the one said, or in the window said (gt, gte, lt, lte)."""
    if window is None:
        return True
    if isinstance(window, int):
        return instant == window
    return all(COMPARE[sign](instant, bound) for sign, bound in window.items())


def _search(work: Work, call: Call, *, kind: str) -> Json:
    conditions, any_will_do = _conditions(call.said["query"])
    decide = any if any_will_do else all
    until = work.now - work.world.search_lag_s
    known = (row for row in work.world.tables[kind].newest_first() if row["created"] <= until)
    found = [row for row in known if decide(holds(row) for holds in conditions)]
    page = call.said.get("page", "0")
    if not page.isdecimal():
        raise refused(f"Invalid page: {page}", "page")
    start, limit = int(page), _limit(call.said)
    more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": more,
        "next_page": str(start + limit) if more else None,
        "url": f"/v1/{kind}s/search",
    }


def _conditions(query: str) -> tuple[list[Callable[[Json], bool]], bool]:
    """The clauses of a query, and whether one of them is enough. AND and OR may not be mixed, as documented."""
    words = {word for word in ("AND", "OR") if re.search(rf"\s{word}\s", query)}
    if len(words) > 1:
        raise refused("AND and OR cannot be combined in one search query.", "query")
    clauses = re.split(r"\s(?:AND|OR)\s", query)
    return [_condition(clause) for clause in clauses], "OR" in words


def _condition(clause: str) -> Callable[[Json], bool]:
    read = _CLAUSE.fullmatch(clause)
    if read is None or (read[4] and read[4] not in SEARCHED):
        raise refused(f"We were unable to parse your search query at: {clause.strip()}", "query")
    negated, in_metadata, key, field, sign, *values = read.groups()
    value = next(value for value in values if value is not None)
    if sign != ":":
        if not value.lstrip("-").isdecimal():
            raise refused(f"Only numbers can be compared: {clause.strip()}", "query")
        return lambda row: isinstance(row.get(field), int) and COMPARE[_SIGNS[sign]](row[field], int(value))
    if in_metadata:
        return lambda row: (row["metadata"].get(key) == value) != bool(negated)
    return lambda row: (str(row.get(field)) == value) != bool(negated)
