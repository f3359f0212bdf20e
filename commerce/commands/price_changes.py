"""`commerce prices draft`, `approve`, `schedule` and whatever else moves a price change, from a terminal.

Two people are two people here, too: `--as` says who types. It is taken on trust, as is whoever may read the settings.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from commerce.commands.deciding import as_option, as_required, limit_option, print_json, print_newest, said_option
from commerce.commands.options import data_option, instant, json_option, stored_text
from commerce.commands.price_change_tables import print_changes, print_detail, print_dry_run
from commerce.commands.transact import at_database, transact
from commerce.kernel.refusals import InvalidInput
from pricing.changes.rules import PriceChangeState

if TYPE_CHECKING:
    from commerce.kernel.db import Session
    from pricing.changes.schemas import PriceChangeBody, PriceChangeView, RuleBody

    Step = Callable[[Session, datetime], Awaitable[object]]

note_option = said_option("--note", "What you say to it.")
at_option = click.option("--at", "starts_at", metavar="WHEN", callback=instant, help="When it begins; dates are UTC.")
change_argument = click.argument("change_id", metavar="ID", callback=stored_text)


@click.command()
@data_option
@json_option
@as_option
@click.argument("csv", metavar="[FILE.csv]", type=click.File("rb"), required=False)
@click.option("--rule", metavar="FILE.json", type=click.File("rb"), help="Prices by a rule, as in the API's body.")
@click.option("--market", metavar="CODE", required=True, callback=stored_text)
@click.option("--name", required=True, callback=stored_text, help="What it is called.")
@said_option("--reason", "Why.", required=True)
@click.option("--starts", metavar="WHEN", callback=instant, help="When it is to begin. [default: as soon as can be]")
@click.option("--ends", metavar="WHEN", callback=instant, help="When it is to end. [default: never]")
def draft(data: Path | None, actor: str, *, as_json: bool, **said: Any) -> None:  # noqa: ANN401 - options are of any kind
    """Draft a price change of a CSV file ("-" reads standard input), or by a rule. Nothing changes yet."""
    if (said["csv"] is None) == (said["rule"] is None):
        raise click.UsageError("Name a CSV file, or a rule with --rule.")
    from pricing.changes.draft import draft_change  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    _do(data, None, lambda tx, now: draft_change(tx, _body(said), actor, now), as_json=as_json)


def _body(said: dict[str, Any]) -> "PriceChangeBody":
    from pricing.changes.schemas import PriceChangeBody  # noqa: PLC0415 - as above

    wanted = {name: said[name] for name in ("market", "name", "reason")}
    wanted |= {"starts_at": said["starts"], "ends_at": said["ends"]}
    try:
        body = msgspec.convert(wanted, PriceChangeBody)
        if said["rule"] is not None:
            return msgspec.structs.replace(body, rule=_rule(said["rule"].read()))
        return msgspec.structs.replace(body, csv=said["csv"].read().decode())
    except UnicodeDecodeError:
        raise InvalidInput("csv", "It is not UTF-8.") from None
    except msgspec.MsgspecError as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise InvalidInput(path.rstrip("`") or "rule", reason) from None


def _rule(raw: bytes) -> "RuleBody":
    from pricing.changes.schemas import RuleBody  # noqa: PLC0415 - as above

    return msgspec.json.decode(raw, type=RuleBody)


@click.command("list")
@data_option
@json_option
@click.option("--market", metavar="CODE", callback=stored_text, help="Only those of this market.")
@click.option("--state", type=click.Choice([str(state) for state in PriceChangeState]), help="Only those so far.")
@limit_option
def list_newest(data: Path | None, market: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """List price changes, the newest first."""
    from pricing.changes.watch import Wanted, newest_changes  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, now: newest_changes(tx, Wanted(market, state), limit, now))
    print_newest(found, limit, ("changes", "price change"), print_changes, as_json=as_json)


@click.command("show")
@data_option
@json_option
@change_argument
def show_one(data: Path | None, change_id: str, *, as_json: bool) -> None:
    """Show a price change with all of its prices, and who moved it when."""
    from pricing.changes.watch import one_change  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, now: one_change(tx, change_id, now))
    if as_json:
        print_json(found)
        return
    print_detail(found)


@click.command("dry-run")
@data_option
@json_option
@change_argument
def try_one(data: Path | None, change_id: str, *, as_json: bool) -> None:
    """Show what a price change would do as things are now, price by price. Nothing is done."""
    from pricing.changes.dry_run import dry_run  # noqa: PLC0415 - as above

    found = at_database(data, lambda db: dry_run(db, change_id))
    if as_json:
        print_json(found)
        return
    print_dry_run(found)


@click.command()
@data_option
@json_option
@as_option
@note_option
@change_argument
def submit(data: Path | None, actor: str, change_id: str, note: str | None, *, as_json: bool) -> None:
    """Submit a draft: somebody else is to look at it."""
    from pricing.changes.submit import submit_change  # noqa: PLC0415 - as above

    _do(data, change_id, lambda tx, now: submit_change(tx, change_id, actor, now, note), as_json=as_json)


@click.command()
@data_option
@json_option
@as_required
@note_option
@change_argument
def approve(data: Path | None, actor: str, change_id: str, note: str | None, *, as_json: bool) -> None:
    """Approve a price change that somebody else drafted and submitted."""
    from pricing.changes.approve import approve_change  # noqa: PLC0415 - as above

    _do(data, change_id, lambda tx, now: approve_change(tx, change_id, actor, note, now), as_json=as_json)


@click.command()
@data_option
@json_option
@as_required
@said_option("--note", "Why not.", required=True)
@change_argument
def reject(data: Path | None, actor: str, change_id: str, note: str, *, as_json: bool) -> None:
    """Reject a price change, and say why."""
    from pricing.changes.reject import reject_change  # noqa: PLC0415 - as above

    _do(data, change_id, lambda tx, now: reject_change(tx, change_id, actor, note, now), as_json=as_json)


@click.command()
@data_option
@json_option
@as_option
@at_option
@change_argument
def schedule(data: Path | None, actor: str, change_id: str, starts_at: datetime | None, *, as_json: bool) -> None:
    """Schedule an approved price change: it begins by itself, everywhere at one instant."""
    from pricing.changes.schedule import schedule_change  # noqa: PLC0415 - as above

    _do(data, change_id, lambda tx, now: schedule_change(tx, change_id, starts_at, actor, now), as_json=as_json)


@click.command()
@data_option
@json_option
@as_option
@note_option
@change_argument
def withdraw(data: Path | None, actor: str, change_id: str, note: str | None, *, as_json: bool) -> None:
    """Withdraw a price change that has not begun."""
    from pricing.changes.withdraw import withdraw_change  # noqa: PLC0415 - as above

    _do(data, change_id, lambda tx, now: withdraw_change(tx, change_id, actor, note, now), as_json=as_json)


@click.command("roll-back")
@data_option
@json_option
@as_option
@at_option
@said_option("--reason", "Why.", required=True)
@change_argument
def roll_back(
    data: Path | None, actor: str, change_id: str, starts_at: datetime | None, reason: str, *, as_json: bool
) -> None:
    """Submit the change that puts back what a live one changed; somebody else approves it."""
    from pricing.changes.roll_back import roll_back_change  # noqa: PLC0415 - as above
    from pricing.changes.schemas import RollBackBody  # noqa: PLC0415 - as above

    wanted = RollBackBody(reason=reason, starts_at=starts_at)
    _do(data, None, lambda tx, now: roll_back_change(tx, change_id, wanted, actor, now), as_json=as_json)


PRICE_CHANGE_COMMANDS: tuple[click.Command, ...] = (
    *(draft, list_newest, show_one, try_one, submit, approve, reject, schedule, withdraw, roll_back),
)
"""What `commerce prices` can do about price changes."""


def _do(data: Path | None, change_id: str | None, step: "Step", *, as_json: bool) -> None:
    """Take a step in one transaction, and show how the change is then; the step itself names a new one."""

    async def work(tx: "Session", now: datetime) -> "PriceChangeView":
        from pricing.changes.watch import change_now  # noqa: PLC0415 - as above

        done = await step(tx, now)
        return await change_now(tx, change_id or str(done), now)

    done = transact(data, work)
    if as_json:
        print_json(done)
        return
    print_changes([done])
