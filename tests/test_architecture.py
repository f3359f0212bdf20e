"""The house stands as it was drawn: every rule is read by a machine, and each reader is shown to catch its culprit."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.house_rules import (
    CHECKERS,
    FILE_LINES_MAX,
    FUNCTION_LINES_MAX,
    MAY_COMMIT,
    WRITES_ELSEWHERE,
    Checker,
    commits,
    entangled_rules,
    floats_near_money,
    forbidden_classes,
    forbidden_modules,
    foreign_writes,
    left_undone,
    long_files,
    long_functions,
    missing_charters,
    our_files,
    relationships,
    unexcused_ignores,
    wall_clocks,
)

A_CHARTER = '"""Rooms.\n\nOwns      walls.\nDoes not  move.\nPromises  to stand.\n'


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_our_files_keep_the_rule(checker: Checker) -> None:
    assert [culprit for path, text in our_files(REPOSITORY) for culprit in checker(path, text)] == []


PLANTED: list[tuple[Checker, str, str]] = [
    (long_functions, "orders/place.py", "def place() -> None:\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (long_functions, "tests/test_x.py", "async def place() -> None:\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (long_files, "orders/place.py", "x = 1\n" * (FILE_LINES_MAX + 1)),
    (commits, "orders/place.py", "async def place(tx):\n    await tx.commit()\n"),
    (commits, "commerce/kernel/keys.py", "connection.commit()\n"),
    (floats_near_money, "pricing/rules.py", "def tax(rate: float) -> int: ...\n"),
    (floats_near_money, "orders/quote.py", "total = 0.1\n"),
    (floats_near_money, "commerce/kernel/money.py", "minor = int(float(text))\n"),
    (floats_near_money, "orders/quote.py", "SQL = 'SELECT total::float8 FROM orders'\n"),
    (wall_clocks, "orders/place.py", "now = datetime.now(UTC)\n"),
    (wall_clocks, "orders/place.py", "now = datetime.datetime.utcnow()\n"),
    (wall_clocks, "orders/place.py", "today = date.today()\n"),
    (wall_clocks, "orders/place.py", "now = time.time()\n"),
    (wall_clocks, "orders/place.py", "SQL = 'UPDATE holds SET ended_at = now()'\n"),
    (wall_clocks, "orders/place.py", "SQL = 'SELECT current_timestamp'\n"),
    (forbidden_modules, "orders/utils.py", ""),
    (forbidden_modules, "orders/helpers/place.py", ""),
    (forbidden_modules, "tests/common.py", ""),
    (forbidden_classes, "orders/place.py", "class OrderService: ...\n"),
    (forbidden_classes, "orders/place.py", "class OrderRepositoryImpl: ...\n"),
    (forbidden_classes, "orders/place.py", "class StockManager: ...\n"),
    (missing_charters, "orders/gifts/__init__.py", '"""Gifts."""\n'),
    (missing_charters, "orders/gifts/__init__.py", A_CHARTER + '"""\n'),
    (unexcused_ignores, "orders/place.py", "import os  # noqa\n"),
    (unexcused_ignores, "orders/place.py", "import os  # noqa: F401\n"),
    (unexcused_ignores, "orders/place.py", "x = y  # type: ignore\n"),
    (unexcused_ignores, "orders/place.py", "x = y  # type: ignore[attr-defined]\n"),
    (unexcused_ignores, "orders/place.py", "# ruff: noqa\n"),
    (left_undone, "orders/place.py", "x = 1  # TO" + "DO make it two\n"),
    (relationships, "orders/models.py", "lines = relationship('OrderLine')\n"),
    (entangled_rules, "orders/rules.py", "from orders.record import note\n"),
    (entangled_rules, "pricing/rules.py", "import commerce.kernel.db\n"),
    (entangled_rules, "pricing/rules/lanes.py", "from pricing.write_prices import write_prices\n"),
    (foreign_writes, "orders/place.py", "SQL = '''\n UPDATE stock_pools SET held = held + 1'''\n"),
    (foreign_writes, "commerce/operations/keys.py", "SQL = 'INSERT INTO api_keys VALUES (1)'\n"),
    (foreign_writes, "inventory/take.py", "_LINES = Into(\n    'order_lines', {})\n".replace("'", '"')),
    (foreign_writes, "catalog/publish.py", "SQL = f'DELETE FROM recommended_prices WHERE {x}'\n"),
]


@pytest.mark.parametrize(("checker", "path", "text"), PLANTED)
def test_each_reader_catches_its_culprit(checker: Checker, path: str, text: str) -> None:
    assert list(checker(path, text)) != []


def test_every_reader_is_shown_to_catch_something() -> None:
    assert {checker for checker, _, _ in PLANTED} == set(CHECKERS)


def test_readers_leave_honest_code_alone() -> None:
    honest = (
        "SQL = 'SELECT now_at FROM orders FOR UPDATE'\n"
        "raise_it()  # noqa: TRY301 - the caller must hear of it\n"
        "x = y  # type: ignore[attr-defined]  # SQLAlchemy does not say\n"
        "waited = time.monotonic()\n"
    )

    assert [found for checker in CHECKERS for found in checker("orders/place.py", honest)] == []
    assert list(missing_charters("orders/gifts/__init__.py", A_CHARTER + 'Tells     nothing.\n"""\n')) == []


@pytest.mark.parametrize("exempt", [*MAY_COMMIT, *WRITES_ELSEWHERE])
def test_no_exemption_outlives_what_it_was_for(exempt: str) -> None:
    assert (REPOSITORY / exempt).exists()


# Imports


def test_imports_keep_every_contract() -> None:
    assert broken_contracts(REPOSITORY) == set()


CULPRITS = {
    "catalog/culprit.py": "import matplotlib\nimport orders.rules\n",
    "catalog/here.py": "import catalog.there\n",
    "catalog/there.py": "import catalog.here\n",
    "commerce/culprit.py": "",
    "commerce/till.py": "import catalog.rules\n",
    "commerce/demo/culprit.py": "import commerce.kernel.money\n",
    "commerce/kernel/culprit.py": "import catalog.rules\n",
    "commerce/stripe_sandbox/culprit.py": "import catalog.rules\n",
    "inventory/culprit.py": "import commerce.settings\n",
    "orders/culprit.py": "import httpx\nimport orders.customers.queries\nimport orders.payments.queries\n",
    "orders/gifts/__init__.py": "",
    "orders/gifts/rules.py": "import os\n",
    "orders/payments/culprit.py": "import stripe\n",
    "commerce/operations/culprit.py": "".join(
        f"import {module}\n"
        for module in (
            *(f"{domain}.queries" for domain in ("catalog", "inventory", "orders", "pricing")),
            *(f"{domain}.models" for domain in ("catalog", "inventory", "orders", "pricing", "orders.customers")),
            *("orders.payments.models", "orders.returns.models", "orders.reports.models", "commerce.exchange.models"),
            *("pricing.promotions.queries", "pricing.promotions.models"),
            *("pricing.changes.queries", "pricing.changes.models"),
            *("pricing.books.queries", "pricing.books.models"),
            *("orders.reports.programs.queries", "orders.reports.programs.models"),
        )
    ),
}
WELCOME = {
    "commerce/till/__init__.py": "",
    "commerce/till/sell.py": "import pricing.rules\nimport commerce.kernel.money\n",
    "orders/payments/stripe_gateway.py": "import stripe\n",
}


def test_each_contract_catches_its_culprit(tmp_path: Path) -> None:
    copy_with(CULPRITS, tmp_path)

    assert broken_contracts(tmp_path) == set(contracts().values())


def test_contracts_welcome_what_is_still_to_come(tmp_path: Path) -> None:
    copy_with(WELCOME, tmp_path)

    assert broken_contracts(tmp_path) == broken_contracts(REPOSITORY)


def test_queries_and_models_each_have_a_contract() -> None:
    parser = ConfigParser()
    parser.read(REPOSITORY / ".importlinter")
    guarded = {parser[section].get("protected_modules", "").strip() for section in parser.sections()}
    rooms = (path for path, _ in our_files(REPOSITORY) if path.endswith(("/queries.py", "/models.py")))

    assert {room.removesuffix(".py").replace("/", ".") for room in rooms} <= guarded


def contracts() -> dict[str, str]:
    """Every import contract's name by its section."""
    parser = ConfigParser()
    parser.read(REPOSITORY / ".importlinter")
    return {section: parser[section]["name"] for section in parser.sections() if ":contract:" in section}


@cache
def broken_contracts(root: Path) -> set[str]:
    """The names of the contracts that the packages below `root` break."""
    words = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "300", "NO_COLOR": "1"}
    ran = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool, our own words
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", ran.stdout, re.MULTILINE))
    assert verdicts.keys() == set(contracts().values()), ran.stdout + ran.stderr
    return {name for name, verdict in verdicts.items() if verdict == "BROKEN"}


def copy_with(planted: dict[str, str], root: Path) -> None:
    """Our packages and contracts, with some files more."""
    for path, text in {**dict(our_files(REPOSITORY)), **planted}.items():
        if not path.startswith("tests/"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    shutil.copy(REPOSITORY / ".importlinter", root)
