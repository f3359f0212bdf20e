"""The repository: what stands at its top, what its pages name, what its locks and its excuses say."""

import fnmatch
import re
import tomllib
from collections.abc import Iterable

import pytest

from tests.conftest import REPOSITORY
from tests.house_rules import HOUSE

FOLDERS = {*HOUSE, "tests"}
FILES = {"pyproject.toml", "README.md", "Makefile", "LICENSE", "requirements.lock", "requirements-dev.lock"}


def strangers(names: Iterable[str], ignored: Iterable[str]) -> list[str]:
    """What stands at the top and has no business there."""
    known = FOLDERS | FILES
    patterns = [pattern.rstrip("/") for pattern in ignored]
    return [
        name
        for name in names
        if not name.startswith(".")
        and name not in known
        and not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]


def test_nothing_stands_at_the_top_that_does_not_belong_there() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().split()

    assert strangers((path.name for path in REPOSITORY.iterdir()), ignored) == []
    assert strangers(["utils", "commerce", ".ci", "bench.json", "setup.py"], ignored) == ["utils", "setup.py"]


def missing_paths(text: str) -> list[str]:
    """Paths that a page names and that do not exist; `text` may be prose, links, or shell lines."""
    rooms = "|".join(sorted(FOLDERS))
    named_here = re.findall(rf"(?<![\w/.:-])((?:{rooms}|\.ci)/[\w./-]*\w/?)", text)
    links = re.findall(r"\]\((?!https?:|#|/)([^)#\s]+)", text)
    tops = re.findall(r"`(\w[\w-]*\.(?:md|toml|lock|py)|Makefile|LICENSE)`", text)
    return [path for path in (*named_here, *links, *tops) if not (REPOSITORY / path).exists()]


@pytest.mark.parametrize("page", ["README.md"])
def test_every_path_a_page_names_exists(page: str) -> None:
    assert missing_paths((REPOSITORY / page).read_text()) == []


def test_a_path_that_does_not_exist_is_noticed() -> None:
    page = "See `commerce/kernel/`, `orders/place.py` and [tax](pricing/tax.py), also `Makefile`, `/v1/orders`."

    assert missing_paths(page) == []
    assert missing_paths("See orders/gone.py.") == ["orders/gone.py"]
    assert missing_paths("See [it](docs/gone.md) and `gone.md`.") == ["docs/gone.md", "gone.md"]


def test_every_decision_is_one_page_and_in_the_index() -> None:
    decisions = REPOSITORY / "commerce" / "decisions"
    index = (decisions / "README.md").read_text()
    records = sorted(path.name for path in decisions.glob("[0-9]*.md"))

    assert re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index) == records
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for name in records:
        text = (decisions / name).read_text()
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert (name, headings) == (name, ["Context", "Decision", "Consequences"])
        assert len(text.splitlines()) <= 60, name
        assert missing_paths(text) == [], name


def unportable(lock: str) -> list[str]:
    """Lines of a lock file that name an index, an address, or a place on somebody's machine."""
    return [
        line
        for line in lock.splitlines()
        if re.search(r"://|(^|\s)-(i|f|-\w*(url|index|find|host)\w*)|\s/|^/|@ ", line)
    ]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_are_hashed_and_fit_every_machine(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    pins = re.findall(r"^[a-zA-Z0-9._-]+(?:\[[\w,-]+\])?==\S+.*$", text, re.MULTILINE)

    assert unportable(text) == []
    assert pins != []
    assert [pin for pin in pins if not pin.endswith("\\")] == [], "every pin goes on with its hashes"
    assert text.count("==") >= len(pins)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://pypi.example/simple",
        "-i pypi",
        "    # via -r /home/me/in.txt",
        "a @ file:x",
        "--find-links x",
    ],
)
def test_a_lock_that_fits_one_machine_only_is_noticed(line: str) -> None:
    assert unportable(f"a==1 \\\n    --hash=sha256:0\n{line}\n") == [line]


def test_every_ignored_lint_carries_its_reason() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    ruff = tomllib.loads(text)["tool"]["ruff"]["lint"]
    ignored = [*ruff["ignore"], *(code for codes in ruff["per-file-ignores"].values() for code in codes)]

    assert ruff["select"] == ["ALL"]
    assert len(re.findall(r'^    "[A-Z]+[0-9]+",\s+# \S.+$', text, re.MULTILINE)) == len(ignored)
