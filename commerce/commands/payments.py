"""`commerce payments`: what whoever runs the shop sees of payments, and does about them, from a terminal."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
import rich_click as click
from rich.console import Console

from commerce.commands.import_ import Screen, on_screen
from commerce.commands.migrate import see_to_tables
from commerce.commands.options import (
    FAILED,
    data_option,
    instant,
    json_option,
    settings_for,
    show,
    show_refusal,
    stored_text,
    table_of,
)
from commerce.commands.payment_tables import print_cases, print_detail, print_rows
from commerce.commands.transact import transact
from commerce.embedded.folder import DataFolder
from commerce.embedded.locate import Urls, running_stack, stack_at
from commerce.embedded.sandbox import WEBHOOKS, sandbox_account
from commerce.kernel.bodies import Reason
from commerce.kernel.refusals import MoveNotAllowed, Refusal
from commerce.settings import Settings
from orders.payments.rules import PaymentState

if TYPE_CHECKING:
    from commerce.kernel.db import Session
    from orders.payments.reconcile import Reconciliation

DAY = timedelta(days=1)
ACTOR = "terminal"
"""Who did it, on an order's timeline."""


@dataclass(eq=False)
class NoProvider(Refusal):
    """There is nobody whose books could be laid beside ours."""

    status = 503
    code = "no_payment_provider"
    hint = "Set STRIPE_API_KEY, or start the shop, and with it its sandbox: commerce run"

    def __str__(self) -> str:
        return "No payment provider is set up, and no sandbox runs here."


@dataclass(eq=False)
class ReconcilingStopped(Refusal):
    """The provider went away meanwhile. What was laid side by side before is kept."""

    status = 503
    code = "reconciling_stopped"
    day: datetime
    reason: str
    said: ClassVar[str] = "The payment provider does not answer"
    then: ClassVar[str] = "Go on when it answers"

    @property
    def hint(self) -> str:
        """What to do, and to type to go on."""
        return f"{self.then}: commerce payments reconcile --since {self.day:%Y-%m-%dT%H:%M:%S%z}"

    def __str__(self) -> str:
        return f"{self.said}: {self.reason}"


class KeyRefused(ReconcilingStopped):
    """The provider answers, and does not let us in: waiting helps nothing."""

    code = "payment_provider_refuses_key"
    said = "The payment provider does not accept our key"
    then = "Check STRIPE_API_KEY, and that it may read payments, refunds, saved cards and disputes; then go on"


class QuestionRefused(ReconcilingStopped):
    """The provider answers, and not what was asked: asking again helps nothing."""

    code = "payment_provider_refuses"
    said = "The payment provider refused to tell"
    then = "Its answer says what to mend; then go on"


@dataclass(eq=False)
class NothingToRetry(Refusal):
    """The call was not refused, or is none that may be made anew by itself."""

    code = "nothing_to_retry"
    call: str
    hint = "What could not be opened is begun anew by its buyer; a refund that failed is retried by its own id, rfd_..."

    def __str__(self) -> str:
        return f"{self.call} is no capture or cancellation that was refused."


@dataclass(eq=False)
class CaseIsClosed(Refusal):
    """Somebody else was quicker, or the worker saw that it had passed by itself."""

    code = "case_is_closed"
    case: str
    hint = "Nothing was done. What still waits for a person: commerce payments cases"

    def __str__(self) -> str:
        return f"{self.case} is closed already."


@click.group()
def payments() -> None:
    """Look at payments and what waits for a person, compare them with the provider, and try again what failed.

    What is asked of the provider is counted by whoever asks: the calls that move money, by what came of them
    (commerce_provider_calls_total), and every request (commerce_provider_requests_total). That is mostly the worker, so
    let Prometheus ask it too, `commerce work --metrics-port`. The API's /metrics has its own, and what is in the
    database.
    """


@payments.command("list")
@data_option
@json_option
@click.option("--state", type=click.Choice([str(state) for state in PaymentState]), help="Only those in this state.")
@click.option("--in-doubt", is_flag=True, help="Only those of which something was asked, and no answer came.")
@click.option("--order", metavar="ID|NUMBER", callback=stored_text, help="Only this order's.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at the most.")
def list_newest(
    data: Path | None, state: str | None, order: str | None, limit: int, *, in_doubt: bool, as_json: bool
) -> None:
    """List payments, the newest first."""
    from orders.payments.watch import Wanted, newest_payments  # noqa: PLC0415 - it takes SQLAlchemy along, --help none

    wanted = Wanted(state, order, in_doubt)
    found = transact(data, lambda tx, _: newest_payments(tx, wanted, limit))
    shown, more = found[:limit], len(found) > limit
    if as_json:
        _print_json({"payments": shown, "more": more})
        return
    if not shown:
        click.echo("There is no such payment.")
        return
    print_rows(shown)
    if more:
        click.echo(f"These are the newest {limit}; there are more: --limit N")


@payments.command("show")
@data_option
@json_option
@click.argument("payment_id", metavar="ID", callback=stored_text)
def show_one(data: Path | None, payment_id: str, *, as_json: bool) -> None:
    """Show a payment with every try of its buyer's, and every call to the provider about it."""
    from orders.payments.watch import one_payment  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, _: one_payment(tx, payment_id))
    if as_json:
        _print_json(found)
        return
    print_detail(found)


@payments.command()
@data_option
@json_option
@click.option("--all", "closed_too", is_flag=True, help="Those that are closed, too.")
def cases(data: Path | None, *, closed_too: bool, as_json: bool) -> None:
    """List what does not add up about money and waits for a person, the oldest first."""
    from orders.payments.watch import every_case  # noqa: PLC0415 - as above

    found = transact(data, lambda tx, _: every_case(tx, only_open=not closed_too))
    if as_json:
        _print_json({"cases": found})
        return
    if not found:
        click.echo("Nothing waits for a person.")
        return
    print_cases(found)


def _stored_texts(ctx: click.Context, param: click.Parameter, said: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, however often it was typed."""
    return tuple(dict.fromkeys(str(stored_text(ctx, param, one)) for one in said))


def _what_was_done(ctx: click.Context, param: click.Parameter, said: str) -> str:
    try:
        return msgspec.convert(stored_text(ctx, param, said), Reason)
    except msgspec.ValidationError:
        raise click.BadParameter("write 1 to 200 characters, and not only blank ones") from None


@payments.command()
@data_option
@json_option
@click.argument("case_ids", metavar="CASE...", nargs=-1, required=True, callback=_stored_texts)
@click.option(
    "--note", metavar="TEXT", required=True, callback=_what_was_done, help="What was done about it, for who asks later."
)
def close(data: Path | None, case_ids: tuple[str, ...], note: str, *, as_json: bool) -> None:
    """Close cases (pcs_...) that a person has seen to, and note what was done: all of them, or none.

    `commerce payments cases` lists those that are open. Closing moves no money; what comes up again is a new case.
    """
    transact(data, lambda tx, now: _close_all(tx, case_ids, note, now))
    show({"closed": case_ids}, as_json=as_json)


async def _close_all(tx: "Session", case_ids: tuple[str, ...], note: str, now: datetime) -> None:
    """In the order of their ids, so that two who close the same ones never wait for each other."""
    from orders.payments.cases import close_case  # noqa: PLC0415 - as above

    for case_id in sorted(case_ids):
        try:
            await close_case(tx, case_id, note, ACTOR, now)
        except MoveNotAllowed as closed:
            raise CaseIsClosed(case_id) from closed


@payments.command()
@data_option
@json_option
@click.argument("thing", metavar="CALL|REFUND", callback=stored_text)
def retry(data: Path | None, thing: str, *, as_json: bool) -> None:
    """Make a call anew that was refused (pcl_...), or promise a refund anew that failed (rfd_...).

    `commerce payments show` tells the calls, `commerce payments cases` the refunds. The worker does it within seconds.
    """
    again: dict[str, Callable[[Session, datetime, str], Awaitable[None]]] = {"pcl": _retry_call, "rfd": _retry_refund}
    do = again.get(thing.partition("_")[0])
    if do is None:
        raise click.UsageError("Name a call (pcl_...) or a refund (rfd_...).")
    transact(data, lambda tx, now: do(tx, now, thing))
    show({"retried": thing}, as_json=as_json)


async def _retry_call(tx: "Session", now: datetime, call_id: str) -> None:
    from orders.payments.calls import retry_call  # noqa: PLC0415 - as above

    if not await retry_call(tx, call_id, now):
        raise NothingToRetry(call_id)


async def _retry_refund(tx: "Session", now: datetime, refund_id: str) -> None:
    from orders.payments.refund import retry_refund  # noqa: PLC0415 - as above

    await retry_refund(tx, refund_id, ACTOR, now)


@payments.command()
@data_option
@json_option
@click.option(
    "--since",
    metavar="WHEN",
    callback=instant,
    help="From when on, our first payment's day at the earliest. [default: three days before --until]",
)
@click.option("--until", metavar="WHEN", callback=instant, help="Up to when; dates are UTC. [default: now]")
def reconcile(data: Path | None, since: datetime | None, until: datetime | None, *, as_json: bool) -> None:
    """Lay our books and the payment provider's side by side, day by day, and take over what it knows better.

    What no rule may decide becomes a case: `commerce payments cases`. What is younger than five minutes may be under
    way, and is left out. Safe to repeat; the worker does the same every night.
    """
    settings = settings_for(data)
    with stack_at(settings.data, settings) as urls, on_screen() as screen:
        own = _with_provider(settings, urls)
        see_to_tables(urls.database)
        try:
            done = asyncio.run(_reconcile(own, since, until, screen))
        except ReconcilingStopped as stopped:
            show_refusal(stopped, as_json=as_json)
            sys.exit(FAILED)
    if as_json:
        _print_json(done)
    else:
        Console().print(table_of(msgspec.structs.asdict(done)))
        if done.cases:
            click.echo("What waits for a person: commerce payments cases")
    if done.not_seen:
        click.echo(f"{done.not_seen} could not be looked at; do it once more.", err=True)
        sys.exit(FAILED)


def _with_provider(settings: Settings, urls: Urls) -> Settings:
    """The settings with somebody to ask: an account, or the sandbox that runs in the folder. Raises NoProvider."""
    account = urls.stripe
    folder = DataFolder(settings.data.absolute())
    if account is None:
        running = running_stack(folder)
        account = sandbox_account(folder, running.stripe_url) if running and running.stripe_url else None
    if account is None:
        raise NoProvider
    return settings.using(database_url=urls.database, redis_url=urls.redis, stripe=account)


async def _reconcile(
    settings: Settings, since: datetime | None, until: datetime | None, screen: Screen
) -> "Reconciliation":
    """Day by day, so that whoever waits sees how far it is, and what was done stays done."""
    from commerce.kernel.db import Database  # noqa: PLC0415 - as above
    from commerce.kernel.logs import set_up_logs  # noqa: PLC0415 - as above
    from commerce.provider.connect import connect  # noqa: PLC0415 - as above
    from commerce.provider.limits import WAIT_S_MAX  # noqa: PLC0415 - as above
    from orders.payments.port import AccountRefused, InDoubt, NotNow, ProviderRefused  # noqa: PLC0415 - as above
    from orders.payments.reconcile import Reconciliation, reconcile_between  # noqa: PLC0415 - as above
    from orders.payments.tasks import NIGHT  # noqa: PLC0415 - as above
    from orders.payments.watch import first_of_all  # noqa: PLC0415 - as above

    set_up_logs(settings.log, logging.ERROR)  # What is passed over is counted, and what is printed is the answer alone.
    db = Database(settings.database_url or "", pool_size=2)
    gateway = connect(settings, wait_s=WAIT_S_MAX)
    try:
        async with db.read() as tx:
            begin, end = stretch_of(since, until, await first_of_all(tx), db.clock.now(), NIGHT)
        days = days_of(begin, end)
        whole = Reconciliation(begin, end)
        for number, (first, last) in enumerate(days):
            screen.reading("days", number, len(days))
            try:
                add(whole, await reconcile_between(db, gateway, first, last))
            except AccountRefused as no:
                raise KeyRefused(first, str(no)) from no
            except ProviderRefused as no:
                raise QuestionRefused(first, str(no)) from no
            except (InDoubt, NotNow, TimeoutError) as trouble:
                raise ReconcilingStopped(first, str(trouble)) from trouble
        return whole
    finally:
        await gateway.close()
        await db.close()


@payments.command()
@json_option
def webhook(*, as_json: bool) -> None:
    """Show what to enter at Stripe, so that it tells us what happens: where to, and which events.

    Stripe then shows a signing secret (whsec_...). Set it as STRIPE_WEBHOOK_SECRETS, several parted by commas.
    """
    from orders.payments.stripe_words import EVENTS  # noqa: PLC0415 - as above

    facts = {"url": f"https://<where your API is>{WEBHOOKS}", "events": EVENTS}
    show(facts, as_json=as_json)


def stretch_of(
    since: datetime | None, until: datetime | None, first: datetime | None, now: datetime, usual: timedelta
) -> tuple[datetime, datetime]:
    """From when to when to compare: not beyond our first payment's day, nor now. Raises BadParameter."""
    day = (first or now).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if since is not None and since < day:
        why = f"our first payment is of {day:%Y-%m-%d}" if first else "we have no payment of before today"
        raise click.BadParameter(f"{why}; before that there is nothing to compare.", param_hint="--since")
    end = min(until or now, now)
    return since or max(end - usual, day), end


def days_of(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Cut a stretch of time into days; what is left at the end is shorter. Raises BadParameter where there is none."""
    if since >= until:
        raise click.BadParameter("it is not before --until.", param_hint="--since")
    firsts = [since]
    while firsts[-1] + DAY < until:
        firsts.append(firsts[-1] + DAY)
    return list(zip(firsts, [*firsts[1:], until], strict=True))


def add(whole: "Reconciliation", day: "Reconciliation") -> None:
    """Add what a day brought; the open cases are counted anew each time."""
    whole.until = day.until
    for name in ("payments", "refunds", "mandates", "disputes", "settled", "not_seen"):
        setattr(whole, name, getattr(whole, name) + getattr(day, name))
    whole.cases = day.cases
    whole.trouble = whole.trouble or day.trouble


def _print_json(facts: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts)).decode() + "\n")
