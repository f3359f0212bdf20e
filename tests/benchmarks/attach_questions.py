"""The same questions to two who were told the same history: our API over HTTP, and DuckDB over Parquet files."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tests.benchmarks.attach_history import BRANCHES, LEAVES, MARKETS
from tests.benchmarks.installed import python_with

LOCK = Path(__file__).with_name("duckdb.lock")
ANSWER_S_MAX = 300
RATE = "/v1/reports/attach-rate"
FOLLOWING = {"events", "customers"}
"""The bases that have a window."""

Row = tuple[str | None, str | None, int, int, int, int]
"""Month and channel (neither in the total), numerator and denominator, and those of them whose window is open."""


class Question(NamedTuple):
    """An attach rate by month and channel."""

    anchor: str
    attach: str
    basis: str
    window: int
    first: date
    last: date
    as_of: datetime | None = None

    def path(self, resource: str = RATE) -> str:
        """As our API is asked it."""
        words = {
            "anchor": f"category:{self.anchor}",
            "attach": f"category:{self.attach}",
            "basis": self.basis,
            **({"window_days": self.window} if self.basis in FOLLOWING else {}),
            "from": self.first,
            "to": self.last,
            **({"as_of": self.as_of.isoformat()} if self.as_of else {}),
            "group_by": ["month", "channel"],
        }
        return f"{resource}?{urlencode(words, doseq=True)}"

    def to_line(self, folder: Path, as_of: datetime) -> str:
        """As DuckDB's program is asked it, with the as-of that our answer has."""
        question = {
            "folder": str(folder),
            "anchor": leaves_of(self.anchor),
            "attach": leaves_of(self.attach),
            "basis": self.basis,
            "window": self.window if self.basis in FOLLOWING else 0,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "as_of": as_of.isoformat(),
            # The last day that is over everywhere in the market.
            "over": {
                market.code: (as_of.astimezone(ZoneInfo(market.zone)).date() - timedelta(1)).isoformat()
                for market in MARKETS
            },
        }
        return json.dumps(question) + "\n"


class Answer(NamedTuple):
    """What came back, how long it took, and as of when it is."""

    seconds: float
    rows: list[Row]
    as_of: datetime


Ask = Callable[[Question], Answer]


def leaves_of(category: str) -> list[str]:
    """The categories that have skus, of this one and all below."""
    below = {leaf.code: leaf.parent for leaf in LEAVES} | BRANCHES

    def is_in(code: str) -> bool:
        return code == category or (code != "" and is_in(below[code]))

    return [leaf.code for leaf in LEAVES if is_in(leaf.code)]


@contextmanager
def api_at(port: int, key: str) -> Iterator[Ask]:
    """Whoever asks our API over one connection that is kept open."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=ANSWER_S_MAX)) as line:
        line.connect()

        def ask(question: Question) -> Answer:
            begun = time.perf_counter()
            line.request("GET", question.path(), headers={"Authorization": f"Bearer {key}"})
            answer = line.getresponse()
            body = answer.read()
            seconds = time.perf_counter() - begun
            assert answer.status == 200, body
            told = json.loads(body)
            return Answer(seconds, sorted(map(_row, [*told["rows"], told["total"]]), key=_place), _instant(told))

        yield ask


@contextmanager
def duckdb_on(folder: Path) -> Iterator[Callable[[Question, datetime], Answer]]:
    """Whoever asks DuckDB, in a process of its own that has a thread for each core; the first question is cold."""
    words = [str(python_with(LOCK)), str(Path(__file__).with_name("attach_duckdb.py")), str(os.cpu_count() or 1)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        told, heard = process.stdin, process.stdout
        assert told is not None
        assert heard is not None

        def ask(question: Question, as_of: datetime) -> Answer:
            told.write(question.to_line(folder, as_of))
            told.flush()
            answer = json.loads(heard.readline())
            return Answer(answer["seconds"], sorted(map(_counted, answer["rows"]), key=_place), as_of)

        yield ask
        told.close()


def _row(told: dict[str, Any]) -> Row:
    group, still = told["group"], told["open"] or {"numerator": 0, "denominator": 0}
    counts = (told["numerator"], told["denominator"], still["numerator"], still["denominator"])
    return group.get("month"), group.get("channel"), *counts


def _counted(told: list[Any]) -> Row:
    """A row of DuckDB's; its months are counted from the year 0, and bases without a window have none open."""
    months, channel, *counts = told
    month = None if months is None else f"{months // 12:04}-{months % 12 + 1:02}"
    return month, channel, counts[0], counts[1], *((counts[2], counts[3]) if len(counts) > 2 else (0, 0))


def _place(row: Row) -> tuple[bool, str, str]:
    return row[0] is None, row[0] or "", row[1] or ""


def _instant(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["as_of"]).astimezone(UTC)
