"""The house's rules as checkers: each takes one file's path and text, and answers what in it breaks the rule.

They are plain functions over text, so that each can be shown to catch what it is there to catch.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import commerce.tables  # noqa: F401 - knowing every model is what fills the registry
from commerce.kernel.db import Table

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
HOUSE = ("catalog", "commerce", "inventory", "orders", "pricing", "migrations")
"""Our packages; tests are read beside them, but are no room of the house."""

REVISIONS = "migrations/versions/"
"""A revision lists tables, however many; it is written once and never again, so its length is no burden."""

MONEY = ("pricing/", "orders/", "commerce/kernel/money.py")
FORBIDDEN_MODULES = frozenset({"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"})
CHARTER = ("Owns", "Does not", "Promises", "Tells")

KERNEL_VALUES = frozenset(f"commerce.kernel.{name}" for name in ("bodies", "clock", "ids", "money", "refusals"))

MAY_COMMIT = {
    "commerce/kernel/db.py": "the one place where transactions are made",
    "migrations/env.py": "the migrator ends the little transaction in which it took its lock; Alembic begins its own",
}
WRITES_ELSEWHERE = {
    "commerce/exchange/": "the past is written as it was, by COPY, past the verbs that would judge it anew",
    "commerce/commands/load_demo.py": "its American sales tax is in force for ever, and no verb sets a past rate",
}

_CLOCK_CALLS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
_CLOCK_SQL = re.compile(
    r"\bnow\(\)|\b(?:current_(?:timestamp|date|time)|localtimestamp)\b|\b(?:clock|statement|transaction)_timestamp\(",
    re.IGNORECASE,
)
_FLOAT_SQL = re.compile(r"\bfloat[48]?\b|\bdouble precision\b|\breal\b", re.IGNORECASE)
_WRITE_SQL = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|COPY|TRUNCATE)\s+([a-z_]+)")
_ROWS_INTO = re.compile(r"\bInto\(\s*\"([a-z_]+)\"")
_EXCUSED_LINT = re.compile(r"#\s*noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* - \S.{5,}")
_EXCUSED_TYPE = re.compile(r"#\s*type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]\s+# \S.{5,}")
_CLASS_NAME = re.compile(r"(Service|Repository|Manager)")
_LEFT_UNDONE = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")

Checker = Callable[[str, str], Iterator[str]]


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def long_functions(path: str, text: str) -> Iterator[str]:
    """A function fits on a page."""
    if path.startswith(REVISIONS):
        return
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno} {node.name} has {lines} lines"


def long_files(path: str, text: str) -> Iterator[str]:
    """A file can be read in one sitting."""
    lines = len(text.splitlines())
    if lines > FILE_LINES_MAX and not path.startswith(REVISIONS):
        yield f"{path}:1 has {lines} lines"


def commits(path: str, text: str) -> Iterator[str]:
    """Whoever opens a transaction as a block need not, and must not, commit by hand."""
    if path in MAY_COMMIT:
        return
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield f"{path}:{node.lineno} commits"


def floats_near_money(path: str, text: str) -> Iterator[str]:
    """Amounts and rates are whole numbers or exact decimals, in Python as in SQL."""
    if not path.startswith(MONEY):
        return
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"{path}:{node.lineno} float"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{path}:{node.lineno} {node.value!r} is a float"
    yield from _in_sql(path, text, _FLOAT_SQL)


def wall_clocks(path: str, text: str) -> Iterator[str]:
    """Time is handed in; the database's own clock would be a second one (tests may look at it)."""
    if path == "commerce/kernel/clock.py":
        return
    for node in ast.walk(_tree(text)):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute)):
            continue
        owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
        if (owner, node.attr) in _CLOCK_CALLS:
            yield f"{path}:{node.lineno} reads {owner}.{node.attr}"
    if not path.startswith("tests/"):
        yield from _in_sql(path, text, _CLOCK_SQL)


def forbidden_modules(path: str, text: str) -> Iterator[str]:
    """A module's name says what is in it; these say only that somebody did not know where else to put it."""
    del text
    place = PurePosixPath(path)
    for name in (place.stem, *place.parent.parts):
        if name in FORBIDDEN_MODULES:
            yield f"{path}:1 is called {name}"


def forbidden_classes(path: str, text: str) -> Iterator[str]:
    """One verb, one module; a service is many verbs in one."""
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.ClassDef) and _CLASS_NAME.search(node.name):
            yield f"{path}:{node.lineno} class {node.name}"


def missing_charters(path: str, text: str) -> Iterator[str]:
    """A package opens by saying what it owns, does not do, promises and tells."""
    if not path.endswith("/__init__.py") or path.startswith("tests/"):
        return
    charter = (ast.get_docstring(_tree(text)) or "").splitlines()
    for word in CHARTER:
        if not any(line.startswith(f"{word} ") for line in charter):
            yield f"{path}:1 does not say what it {word.lower()}"


def unexcused_ignores(path: str, text: str) -> Iterator[str]:
    """Every exception to a rule names the rule and carries its reason."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        comment = token.string
        lint, types = re.search(r"#\s*(ruff:\s*)?noqa", comment), re.search(r"#\s*(type:\s*ignore|mypy:)", comment)
        if (lint and not _EXCUSED_LINT.search(comment)) or (types and not _EXCUSED_TYPE.search(comment)):
            yield f"{path}:{token.start[0]} {comment}"


def left_undone(path: str, text: str) -> Iterator[str]:
    """What is left undone belongs where work is planned, not in a comment."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and _LEFT_UNDONE.search(token.string):
            yield f"{path}:{token.start[0]} {token.string}"


def relationships(path: str, text: str) -> Iterator[str]:
    """Tables point at each other by foreign keys; nothing is loaded behind anybody's back."""
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in {"relationship", "backref"}:
                yield f"{path}:{node.lineno} {name}"


def entangled_rules(path: str, text: str) -> Iterator[str]:
    """Rules of a domain import kernel values, and the errors, schemas and rules of their own and of lower domains."""
    domain = path.partition("/")[0]
    pure = path.endswith("/rules.py") or "/rules/" in path
    if not pure or domain not in {"catalog", "inventory", "orders", "pricing"}:
        return
    for line, module in _imports(text):
        ours = module.partition(".")[0] in HOUSE
        value = module in KERNEL_VALUES or bool({"errors", "schemas", "rules"} & set(module.split(".")))
        if ours and not value:
            yield f"{path}:{line} imports {module}"


def foreign_writes(path: str, text: str) -> Iterator[str]:
    """A table is written by the package that owns it, in plain SQL and through `kernel.rows` too."""
    if path.startswith(("tests/", "migrations/", *WRITES_ELSEWHERE)):
        return
    written = [(line, table) for line, sql in _strings(text) for table in _WRITE_SQL.findall(sql)]
    written += [(text.count("\n", 0, found.start()) + 1, found[1]) for found in _ROWS_INTO.finditer(text)]
    for line, table in written:
        owner = owners().get(table)
        if owner and not path.startswith(owner):
            yield f"{path}:{line} writes {table}, which {owner} owns"


@cache
def owners() -> dict[str, str]:
    """Which folder owns each table: the domain of its model, or the kernel."""
    known = {}
    for mapper in Table.registry.mappers:
        module = mapper.class_.__module__
        known[str(mapper.local_table.name)] = (  # type: ignore[attr-defined]  # SQLAlchemy types it as any FromClause
            "commerce/kernel/" if module.startswith("commerce.kernel") else f"{module.partition('.')[0]}/"
        )
    return known


def _imports(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def _in_sql(path: str, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for line, sql in _strings(text):
        found = pattern.search(sql)
        if found and re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|VALUES|CHECK)\b", sql):
            yield f"{path}:{line} SQL says {found[0]}"


def _strings(text: str) -> Iterator[tuple[int, str]]:
    """Every string of a file that is not a docstring, and where it begins."""
    prose = {id(node.value) for node in ast.walk(_tree(text)) if isinstance(node, ast.Expr)}
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


CHECKERS: tuple[Checker, ...] = (
    long_functions,
    long_files,
    commits,
    floats_near_money,
    wall_clocks,
    forbidden_modules,
    forbidden_classes,
    missing_charters,
    unexcused_ignores,
    left_undone,
    relationships,
    entangled_rules,
    foreign_writes,
)


def our_files(repository: Path) -> Iterator[tuple[str, str]]:
    """Every Python file of ours: its path from the repository's root, and its text."""
    for folder in (*HOUSE, "tests"):
        for file in sorted((repository / folder).rglob("*.py")):
            yield file.relative_to(repository).as_posix(), file.read_text()
