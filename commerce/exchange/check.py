"""Check a staged folder against itself and against what is stored, and refuse it with everything that is wrong."""

from collections.abc import Mapping, Sequence

from commerce.exchange.faults import SHOWN_MAX, Fault, Faults, FolderRefused
from commerce.exchange.files import FORMAT
from commerce.exchange.history_rules import HISTORY_RULES
from commerce.exchange.look import Source
from commerce.exchange.reference_rules import REFERENCE_RULES
from commerce.exchange.rules import Rule
from commerce.exchange.wire import Wire

RULES: tuple[Rule, ...] = (*REFERENCE_RULES, *HISTORY_RULES)

_TREE = """
    SELECT code, parent, at FROM given_categories
     UNION ALL
    SELECT s.code, s.parent, NULL FROM categories s
     WHERE NOT EXISTS (SELECT FROM given_categories g WHERE g.code = s.code)
"""
_COUNT = "SELECT count(*) FROM faults"
_FIRST = """
    SELECT f.file, f.line, f.col, f.message
      FROM faults f
      JOIN unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS p (file, col, file_place, col_place)
        ON p.file = f.file AND p.col = f.col
     ORDER BY p.file_place, f.line, p.col_place, f.message
     LIMIT $5
"""


async def check(wire: Wire, sources: Sequence[Source], faults: Faults) -> None:
    """Ask every rule about the files that are there. Raises FolderRefused if anything is wrong anywhere."""
    there = {source.file.name: source.path.name for source in sources}
    for rule in RULES:
        if rule.file in there and faults.lost.isdisjoint(rule.needs):
            await wire.execute(rule.to_sql())
    if "categories" in there:
        await _no_category_is_above_itself(wire, there["categories"], faults)
    count = faults.count + await wire.fetchval(_COUNT)
    if count:
        raise FolderRefused(faults.first(await _first_of_tables(wire, there)), count)


def circles(parents: Mapping[str, str | None]) -> set[str]:
    """The codes that are their own ancestors, given each one's parent."""
    settled: set[str] = set()
    found: set[str] = set()
    for start in parents:
        path: dict[str, None] = {}
        code: str | None = start
        while code is not None and code not in path and code not in settled:
            path[code] = None
            code = parents.get(code)
        if code in path:
            way = list(path)
            found.update(way[way.index(code) :])
        settled.update(path)
    return found


async def _no_category_is_above_itself(wire: Wire, name: str, faults: Faults) -> None:
    tree = await wire.fetch(_TREE)
    above_themselves = circles({code: parent for code, parent, _ in tree if code is not None})
    for code, _, at in sorted((row for row in tree if row[2] is not None), key=lambda row: row[2]):
        if code in above_themselves:
            faults.add(name, at, "parent", f"The category '{code}' would be above itself.")


async def _first_of_tables(wire: Wire, there: Mapping[str, str]) -> list[Fault]:
    """The first of the faults found by the database, under the names the files have in this folder."""
    cells = [
        (file.name, column, file_place, column_place)
        for file_place, file in enumerate(FORMAT)
        for column_place, column in enumerate(file.column_names)
    ]
    rows = await wire.fetch(_FIRST, *(list(each) for each in zip(*cells, strict=True)), SHOWN_MAX)
    return [Fault(there[file], line, column, message) for file, line, column, message in rows]
