"""`commerce promotions`: write, decide, try and stop promotions, and make their codes, from a terminal."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import Progress

from commerce.commands.deciding import as_option, as_required, limit_option, print_json, print_newest, said_option
from commerce.commands.options import data_option, instant, json_option, stored_text
from commerce.commands.promotion_tables import print_dry_run, print_promotion, print_promotions
from commerce.commands.transact import at_database, transact
from commerce.kernel.refusals import InvalidInput
from pricing.promotions.rules import PromotionState

if TYPE_CHECKING:
    from commerce.kernel.db import Database, ReadSession, Session
    from pricing.promotions.schemas import CodesMadeView, PromotionDetailView
    from pricing.promotions.stored import Stored

    Step = Callable[[Session, datetime], Awaitable[Stored]]


_id = click.argument("promotion_id", metavar="ID", callback=stored_text)


@click.group()
def promotions() -> None:
    """Write, decide, try and stop promotions, and make their codes.

    Whoever writes or submits one cannot approve it. What is done here is done by "terminal:NAME".
    """


@promotions.command("list")
@data_option
@json_option
@click.option("--market", metavar="CODE", callback=stored_text, help="Only this market's.")
@click.option(
    "--state", type=click.Choice([str(state) for state in PromotionState]), help="Only those that stand there."
)
@limit_option
def list_newest(data: Path | None, market: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """List promotions, the newest first."""
    from pricing.promotions.watch import newest_promotions  # noqa: PLC0415 - it takes SQLAlchemy along, --help none

    found = transact(data, lambda tx, now: newest_promotions(tx, market, state, limit, now))
    print_newest(found, limit, ("promotions", "promotion"), print_promotions, as_json=as_json)


@promotions.command("show")
@data_option
@json_option
@_id
def show_one(data: Path | None, promotion_id: str, *, as_json: bool) -> None:
    """Show a promotion, and what was done to it."""
    _show(transact(data, lambda tx, now: _detail(tx, promotion_id, now)), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@click.argument("file", type=click.File("rb"), metavar="FILE.json")
def draft(data: Path | None, actor: str, file: IO[bytes], *, as_json: bool) -> None:
    """Write a promotion: the JSON that POST /v1/promotions takes; "-" reads it from standard input."""
    from pricing.promotions.draft import draft_promotion  # noqa: PLC0415 - as above
    from pricing.promotions.schemas import PromotionBody  # noqa: PLC0415 - as above

    try:
        body = msgspec.json.decode(file.read(), type=PromotionBody)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("FILE.json", str(error)) from None
    _do(data, lambda tx, now: draft_promotion(tx, body, actor, now), as_json=as_json)


@promotions.command("dry-run")
@data_option
@json_option
@_id
def try_out(data: Path | None, promotion_id: str, *, as_json: bool) -> None:
    """Say what would come of a promotion as it stands, and whether it can apply at all."""
    from pricing.promotions.dry_run import dry_run  # noqa: PLC0415 - as above

    found = at_database(data, lambda db: dry_run(db, promotion_id, db.clock.now()))
    if as_json:
        print_json(found)
        return
    print_dry_run(found)


@promotions.command()
@data_option
@json_option
@as_option
@said_option("--note", "For whoever decides.")
@_id
def submit(data: Path | None, actor: str, note: str | None, promotion_id: str, *, as_json: bool) -> None:
    """Hand a draft to somebody else."""
    from pricing.promotions import review  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: review.submit(tx, promotion_id, note, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_required
@said_option("--note", "For whoever asks later.")
@_id
def approve(data: Path | None, actor: str, note: str | None, promotion_id: str, *, as_json: bool) -> None:
    """Say yes to what somebody else wrote and submitted."""
    from pricing.promotions import review  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: review.approve(tx, promotion_id, note, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@said_option("--note", "Why not.", required=True)
@_id
def reject(data: Path | None, actor: str, note: str, promotion_id: str, *, as_json: bool) -> None:
    """Say no."""
    from pricing.promotions import review  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: review.reject(tx, promotion_id, note, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@click.option("--at", metavar="WHEN", callback=instant, help="When it starts. [default: as approved, or at once]")
@_id
def schedule(data: Path | None, actor: str, at: datetime | None, promotion_id: str, *, as_json: bool) -> None:
    """Put an approved promotion into its market's book. It starts ten seconds from now at the soonest."""
    from pricing.promotions import schedule as scheduling  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: scheduling.schedule(tx, promotion_id, at, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@said_option("--note", "Why.")
@_id
def withdraw(data: Path | None, actor: str, note: str | None, promotion_id: str, *, as_json: bool) -> None:
    """Take a promotion back that has not begun."""
    from pricing.promotions import schedule as scheduling  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: scheduling.withdraw(tx, promotion_id, note, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@said_option("--note", "Why.", required=True)
@_id
def stop(data: Path | None, actor: str, note: str, promotion_id: str, *, as_json: bool) -> None:
    """End a promotion that runs, ten seconds from now, in every channel at once."""
    from pricing.promotions import schedule as scheduling  # noqa: PLC0415 - as above

    _do(data, lambda tx, now: scheduling.stop(tx, promotion_id, note, actor, now), as_json=as_json)


@promotions.command()
@data_option
@json_option
@as_option
@click.option("--count", type=click.IntRange(1, 1_000_000), help="Make so many, and print them.")
@click.option("--prefix", metavar="TEXT", help="What each begins with: A to Z, 0 to 9, hyphens. Goes with --count.")
@click.option(
    "--length", type=click.IntRange(6, 20), help="Random characters behind it. Goes with --count. [default: 10]"
)
@click.option("--batch", type=click.IntRange(0), help="Print only those that were made in this go.")
@_id
def codes(data: Path | None, actor: str, promotion_id: str, batch: int | None, *, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - what each option reads is said above
    """Print a promotion's codes, one a line; with --count make so many unique ones first.

    How far it is, is told on standard error. With --json each code comes with its uses; those that were just made are
    not printed then, but told by their batch.
    """
    _must_go_together(batch, **wanted)
    if wanted["count"] is not None:
        made = _make(data, promotion_id, actor, wanted)
        if as_json:
            print_json(made)
            return
        batch = made.batch
    written = _codes_as_json if as_json else _codes_as_lines
    at_database(data, lambda db: _print_codes(written(promotion_id, db, batch)))


def _must_go_together(batch: int | None, count: int | None, prefix: str | None, length: int | None) -> None:
    """Let options through of which none would go unheard."""
    if count is not None and batch is not None:
        raise click.BadParameter("those that are made now are a batch of their own, and printed", param_hint="--batch")
    for name, said in (("--prefix", prefix), ("--length", length)):
        if count is None and said is not None:
            raise click.BadParameter("it says what codes look like that are made; --count makes some", param_hint=name)


def _make(data: Path | None, promotion_id: str, actor: str, wanted: dict[str, object]) -> "CodesMadeView":
    from pricing.promotions.make_codes import make_codes  # noqa: PLC0415 - as above
    from pricing.promotions.schemas import MakeCodesBody  # noqa: PLC0415 - as above

    try:
        body = msgspec.convert({name: said for name, said in wanted.items() if said is not None}, MakeCodesBody)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--prefix") from None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("codes", total=body.count)
        return transact(
            data,
            lambda tx, now: make_codes(
                tx, promotion_id, body, actor, now, lambda made: progress.update(task, completed=made)
            ),
        )


async def _print_codes(pieces: AsyncIterator[str]) -> None:
    """However many, they are never in memory together."""
    async for piece in pieces:
        sys.stdout.write(piece)


async def _codes_as_lines(promotion_id: str, db: "Database", batch: int | None) -> AsyncIterator[str]:
    from pricing.promotions.watch import all_codes  # noqa: PLC0415 - as above

    async for some in all_codes(db, promotion_id, batch):
        yield "".join(f"{one.code}\n" for one in some)


async def _codes_as_json(promotion_id: str, db: "Database", batch: int | None) -> AsyncIterator[str]:
    """One document, a code a line. Nothing is said before it is known that there is such a promotion."""
    from pricing.promotions.watch import all_codes  # noqa: PLC0415 - as above

    before = f'{{"promotion": {msgspec.json.encode(promotion_id).decode()}, "codes": ['
    async for some in all_codes(db, promotion_id, batch):
        for one in some:
            yield f"{before}\n  {msgspec.json.encode(one).decode()}"
            before = ","
    yield ("\n" if before == "," else before) + "]}\n"


def _do(data: Path | None, step: "Step", *, as_json: bool) -> None:
    """Take a step, and show where the promotion stands then."""

    async def do(tx: "Session", now: datetime) -> "PromotionDetailView":
        stored = await step(tx, now)
        return await _detail(tx, stored.id, now)

    _show(transact(data, do), as_json=as_json)


async def _detail(tx: "ReadSession", promotion_id: str, now: datetime) -> "PromotionDetailView":
    from pricing.promotions.watch import one_promotion  # noqa: PLC0415 - as above

    return await one_promotion(tx, promotion_id, now)


def _show(found: "PromotionDetailView", *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_promotion(found)
