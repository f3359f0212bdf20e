"""`commerce stripe-sandbox`: a server that stands for Stripe's."""

import gc
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops

from commerce.commands.options import json_option, show
from commerce.commands.serve import GRANIAN_LOGS
from commerce.embedded.accounts import die_with
from commerce.embedded.sandbox import KEYS_VARIABLE, SECRETS_VARIABLE
from commerce.embedded.supervisor import free_port, near_url, refuse_taken_port
from commerce.kernel.logs import set_up_logs
from commerce.kernel.refusals import Refusal
from commerce.stripe_sandbox.journal import Journal, JournalBroken
from commerce.stripe_sandbox.options import (
    LATENCY_MS_MAX,
    SEARCH_LAG_S_MAX,
    Options,
    is_secret_key,
    is_web_address,
    is_webhook_secret,
)

GARBAGE_AFTER = 100_000
"""So many objects more than there were make Python look for cycles."""

WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105 - it opens nothing; whoever wants another says so


def _web_address(_ctx: click.Context, _param: click.Parameter, said: str | None) -> str | None:
    if said is not None and not is_web_address(said):
        raise click.BadParameter(f"{said!r} is no address; it begins with http:// or https://, and names a host.")
    return said


def _secrets(_ctx: click.Context, _param: click.Parameter, said: tuple[str, ...]) -> tuple[str, ...]:
    for secret in said:
        if not is_webhook_secret(secret):
            raise click.BadParameter(f"{secret!r} does not look like whsec_...; with an empty one anybody could sign.")
    return said


def _keys(_ctx: click.Context, _param: click.Parameter, said: tuple[str, ...]) -> frozenset[str]:
    for key in said:
        if not is_secret_key(key):
            raise click.BadParameter(f"{key!r} does not look like sk_test_..., a secret key for tests.")
    return frozenset(said)


def _events(_ctx: click.Context, _param: click.Parameter, said: tuple[str, ...]) -> frozenset[str]:
    from commerce.stripe_sandbox.parameters import event_types  # noqa: PLC0415 - it knows the SDK, and --help needs none

    for kind in said:
        if kind not in event_types():
            raise click.BadParameter(f"Stripe has no events of the type {kind!r}.")
    return frozenset(said)


@dataclass(eq=False)
class JournalUnusable(Refusal):
    """The sandbox's journal cannot be worked with; nothing was started."""

    code = "journal_unusable"
    path: Path
    reason: str
    hint = "Name another file: --data FILE"

    def __str__(self) -> str:
        return f"The journal {self.path} {self.reason}."


@click.command("stripe-sandbox")
@json_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--data",
    "journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The journal from which everything is there again after a restart. [default: only remember]",
)
@click.option(
    "--webhook-url",
    metavar="URL",
    callback=_web_address,
    help="Where events are posted. [default: they wait to be taken]",
)
@click.option(
    "--webhook-secret",
    "webhook_secrets",
    multiple=True,
    metavar="whsec_...",
    callback=_secrets,
    default=(WEBHOOK_SECRET,),
    show_default=True,
    envvar=SECRETS_VARIABLE,
    show_envvar=True,  # What stands on a command line is read by everybody on the machine.
    help="What events are signed with; several while one is being replaced.",
)
@click.option(
    "--webhook-event",
    "webhook_events",
    multiple=True,
    metavar="TYPE",
    callback=_events,
    help="A type of events that is posted, as payment_intent.succeeded. [default: every type]",
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    metavar="sk_test_...",
    envvar=KEYS_VARIABLE,
    show_envvar=True,
    callback=_keys,
    help="A secret key that is accepted. [default: any that begins with sk_test_]",
)
@click.option(
    "--multicapture/--no-multicapture",
    default=True,
    show_default=True,
    help="Whether holds may be captured in parts; Stripe allows it only to accounts with IC+ pricing.",
)
@click.option(
    "--latency-ms", type=click.IntRange(0, LATENCY_MS_MAX), default=0, show_default=True, help="Every answer's time."
)
@click.option(
    "--search-lag-s",
    type=click.IntRange(0, SEARCH_LAG_S_MAX),
    default=60,
    show_default=True,
    help="So long search does not find what was made; at Stripe it may take a minute.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For ids, and for faults that bring no seed.")
def stripe_sandbox(*, as_json: bool, host: str, port: int, **words: Any) -> None:  # noqa: ANN401 - click's values are of any kind
    """Serve a stand-in for Stripe's API, with its test cards and webhooks, and faults on demand.

    Point the SDK at the address it prints. Its own addresses are below /_sandbox: reset, clock, faults, latency,
    search-lag, multicapture, webhook, deliveries/take, disputes, ledger, calls. Ends on SIGTERM or Ctrl-C.
    """
    number = port or free_port(host)
    address = refuse_taken_port(host, number)
    if words["journal"] is not None:
        look_at(words["journal"])
    options = Options(**words)
    set_up_logs("pretty" if sys.stderr.isatty() else "json", level=30)
    show({"url": near_url(host, number), "journal": options.journal, "pid": os.getpid()}, as_json=as_json)
    Granian(
        "commerce.stripe_sandbox.app:Application",
        address=address,
        port=number,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        workers=1,
        workers_kill_timeout=5,
        backlog=2048,
        factory=True,
        log_dictconfig=GRANIAN_LOGS,
    ).serve(target_loader=partial(make_sandbox, os.getpid(), options), wrap_loader=False)


def look_at(path: Path) -> None:
    """See whether the journal can be opened and is whole, while there is somebody to tell. Raises JournalUnusable."""
    try:
        journal = Journal(path)
        try:
            journal.replay(lambda _: None)
        finally:
            journal.close()
    except JournalBroken as error:
        raise JournalUnusable(error.path, error.reason) from error


def make_sandbox(parent: int, options: Options) -> Callable[..., Any]:
    """The application in its worker process, which ends with the process that started it."""
    die_with(parent, signal.SIGTERM)
    from commerce.stripe_sandbox.app import Application  # noqa: PLC0415 - it knows the SDK, and --help needs none

    application = Application(options)
    # Whatever it is told stays, and little of it goes in circles: looking for those would take a tenth of its time.
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 50, 100)
    return application
