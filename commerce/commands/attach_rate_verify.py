"""`commerce attach-rate verify`: figures that others worked out, asked of the API, and compared row by row."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console
from rich.progress import track

from commerce.commands.attach_rate_tables import print_table, table_of
from commerce.commands.options import as_it_is, json_option, show
from commerce.kernel.refusals import Refusal

if TYPE_CHECKING:
    import httpx

UNEQUAL = 1
"""The exit code where a figure differs."""
PATIENCE_S = 60
SHOWN_MAX = 20
_NEEDED = ("anchor", "attach", "basis", "channel", "numerator", "denominator")
Row = dict[str, Any]


@dataclass(eq=False)
class ExpectedUnreadable(Refusal):
    """The file is no list of expected figures."""

    status = 400
    code = "expected_unreadable"
    file: str
    reason: str
    hint = "It is JSON with `rows`, each with anchor, attach, basis, channel, numerator and denominator."

    def __str__(self) -> str:
        return f"{self.file} cannot be read: {self.reason}."


@dataclass(eq=False)
class NotAnswered(Refusal):
    """The API did not answer the question of a row."""

    status = 502
    code = "not_answered"
    row: int
    answer: str
    hint = "Is this the API's address, and the key an analyst's? See --api and --key."

    def __str__(self) -> str:
        return f"Row {self.row} was not answered: {self.answer}"


@click.command()
@json_option
@click.option("--api", default="http://127.0.0.1:8000", show_default=True, metavar="URL", help="Where the API is.")
@click.option("--key", envvar="COMMERCE_KEY", required=True, help="An analyst's key. [env: COMMERCE_KEY]")
@click.option("--as-of", metavar="DAY", help="The last day of the data; needed for rows that are `complete_only`.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def verify(ctx: click.Context, api: str, key: str, as_of: str | None, file: Path, *, as_json: bool) -> None:
    """Ask the API for every figure in FILE, and say which are equal; 1 if one is not.

    FILE is JSON: `rows` with anchor and attach (category codes), channel (online, retail or all), attach_channel,
    basis (`cross`: events with an attach channel), window_days, complete_only, numerator and denominator.
    """
    rows = _rows(file)
    if as_of is None and any(row.get("complete_only") for row in rows):
        raise click.UsageError("Some rows are `complete_only`: say by when their windows were over, with '--as-of'.")
    quiet = as_json or not Console().is_terminal
    with _client(api, key) as client:
        turns = track(enumerate(rows, 1), "Asking", len(rows), disable=quiet, transient=True)
        found = [_ask(client, n, row, as_of) for n, row in turns]
    unequal = [
        (row, ours) for row, ours in zip(rows, found, strict=True) if ours != (row["numerator"], row["denominator"])
    ]
    equal = len(rows) - len(unequal)
    if as_json:
        facts = [{**row, "found": {"numerator": ours[0], "denominator": ours[1]}} for row, ours in unequal]
        show({"equal": equal, "of": len(rows), "unequal": facts}, as_json=True)
    else:
        print_unequal(unequal)
        click.echo(f"{equal} of {len(rows)} equal")
    if unequal:
        ctx.exit(UNEQUAL)


def _client(api: str, key: str) -> "httpx.Client":
    import httpx  # noqa: PLC0415 - it takes a while, and --help needs none

    try:
        return httpx.Client(base_url=api, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_S)
    except httpx.InvalidURL as error:
        raise click.BadParameter(f"it is no address: {error}", param_hint="--api") from error
    except UnicodeEncodeError as error:
        raise click.BadParameter("it has letters that no key has", param_hint="--key") from error


def question_of(row: Row, as_of: str | None) -> dict[str, str]:
    """What is asked for an expected row."""
    asked = {
        "anchor": f"category:{row['anchor']}",
        "attach": f"category:{row['attach']}",
        "basis": "events" if row["basis"] == "cross" else row["basis"],
        "channel_kind": row["channel"],
        "attach_channel_kind": row.get("attach_channel"),
        "window_days": row.get("window_days"),
        "complete_only": "true" if row.get("complete_only") else None,
        "as_of": as_of if row.get("complete_only") else None,
    }
    return {name: str(said) for name, said in asked.items() if said is not None}


def _rows(file: Path) -> list[Row]:
    try:
        rows: list[Row] = json.loads(file.read_bytes())["rows"]
        missing = next(_missing(rows), None)
    except OSError as error:
        raise ExpectedUnreadable(str(file), error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExpectedUnreadable(str(file), f"it holds no `rows` ({error})") from error
    if missing is not None:
        raise ExpectedUnreadable(str(file), f"row {missing[0]} has no `{missing[1]}`")
    if not rows:
        raise ExpectedUnreadable(str(file), "its `rows` are none")
    return rows


def _missing(rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    return ((n, name) for n, row in enumerate(rows, 1) for name in _NEEDED if row.get(name) is None)


def _ask(client: "httpx.Client", n: int, row: Row, as_of: str | None) -> tuple[int, int]:
    import httpx  # noqa: PLC0415 - as above

    try:
        answer = client.get("/v1/reports/attach-rate", params=question_of(row, as_of))
        if answer.status_code != httpx.codes.OK:
            raise NotAnswered(n, answer.json().get("detail", answer.text))
        [found] = answer.json()["rows"]
        return found["numerator"], found["denominator"]
    except httpx.HTTPError as error:
        raise NotAnswered(n, str(error) or type(error).__name__) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAnswered(n, "that is no answer of this API") from error


def print_unequal(unequal: Sequence[tuple[Row, tuple[int, int]]]) -> None:
    """Print the figures that differ, as far as they fit."""
    if not unequal:
        return
    table = table_of("anchor", "attach", "basis", "days", "sold in", "attach in", "windows", "expected", "found")
    for row, (above, below) in unequal[:SHOWN_MAX]:
        expected = f"{row['numerator']} of {row['denominator']}"
        window, where = row.get("window_days"), row.get("attach_channel") or ""
        asked = (row["anchor"], row["attach"], row["basis"], "" if window is None else window, row["channel"], where)
        words = (*asked, "complete" if row.get("complete_only") else "", expected, f"{above} of {below}")
        table.add_row(*map(as_it_is, words))
    print_table(table)
