"""Stripe's sandbox as a part of the stack: payments can be tried out, and no real money moves."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from commerce.embedded.errors import FolderUnusable
from commerce.embedded.folder import DataFolder, write_privately
from commerce.embedded.parts import Program
from commerce.settings import Settings, StripeSettings

HOST = "127.0.0.1"
SECRETS_VARIABLE, KEYS_VARIABLE = "COMMERCE_SANDBOX_WEBHOOK_SECRETS", "COMMERCE_SANDBOX_API_KEYS"
"""By which a sandbox is told what nobody is to read in the list of processes; several are parted by blanks."""
WEBHOOKS = "/v1/webhooks/stripe"
"""Where the API wants to hear of what happened at the provider."""


class SandboxKeys(msgspec.Struct, frozen=True):
    """What the sandbox and we know each other by. Made once: what the database keeps was paid at this account."""

    api_key: str
    publishable_key: str
    webhook_secret: str


class EmbeddedSandbox(Program):
    """A sandbox of our own in `data_dir`, on a port of this machine, which tells the API at `api_url` what happens.

    Without an API its news wait until somebody says where one is (tell_sandbox). It remembers over a restart what was
    paid. Nobody needs it to start: orders are taken while it is away.
    """

    def __init__(self, data_dir: Path, port: int, api_url: str | None, command: Sequence[str]) -> None:
        folder = DataFolder(data_dir.absolute())
        folder.make()
        home, keys = _home(folder), sandbox_keys(folder)
        self.url = f"http://{HOST}:{port}"
        self.account = sandbox_account(folder, self.url)
        words = {
            "--host": HOST,
            "--port": str(port),
            "--data": str(home / "journal.jsonl"),
            **({"--webhook-url": f"{api_url}{WEBHOOKS}"} if api_url else {}),
        }
        super().__init__(
            "stripe",
            [*command, "stripe-sandbox", *(each for pair in words.items() for each in pair), *_subscription()],
            log=folder.logs / "stripe.log",
            env={
                **os.environ,
                SECRETS_VARIABLE: keys.webhook_secret,
                KEYS_VARIABLE: keys.api_key,
                "COMMERCE_DATA": str(folder.root),
                "PYTHONUNBUFFERED": "1",
            },
            answers=lambda: _answers(port),
        )


def _subscription() -> list[str]:
    """The words by which the sandbox tells us of what we listen to, as an endpoint at Stripe itself is set up."""
    from orders.payments.stripe_words import EVENTS  # noqa: PLC0415 - it knows orders, and --help needs none

    return [word for event in EVENTS for word in ("--webhook-event", event)]


def sandbox_account(folder: DataFolder, url: str) -> StripeSettings:
    """The account at a sandbox of this folder, with the rates that the environment asks for."""
    keys = sandbox_keys(folder)
    words = {
        "STRIPE_API_KEY": keys.api_key,
        "STRIPE_PUBLISHABLE_KEY": keys.publishable_key,
        "STRIPE_WEBHOOK_SECRET": "",
        "STRIPE_WEBHOOK_SECRETS": keys.webhook_secret,
        "STRIPE_API_BASE": url,
    }
    account = Settings.from_environment({**_rates(os.environ), **words}).stripe
    assert account is not None
    return account


def tell_sandbox(url: str, api_url: str) -> None:
    """Let a sandbox that somebody else started know where the API is. One that is away is told by whoever starts it."""
    where = urlsplit(url)
    line = HTTPConnection(where.hostname or HOST, where.port, timeout=2)
    try:
        line.request("POST", "/_sandbox/webhook", json.dumps({"url": f"{api_url}{WEBHOOKS}"}))
        line.getresponse()
    except (OSError, HTTPException):
        pass
    finally:
        line.close()


def sandbox_keys(folder: DataFolder) -> SandboxKeys:
    """The keys in the folder, made when there are none. Whoever asks works in the folder, so nobody else makes them."""
    file = _home(folder) / "keys.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=SandboxKeys)
    except FileNotFoundError:
        keys = SandboxKeys(*(f"{kind}_{secrets.token_hex(24)}" for kind in ("sk_test", "pk_test", "whsec")))
        write_privately(file, msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
        return keys
    except (OSError, msgspec.MsgspecError) as error:
        raise FolderUnusable(file, f"it cannot be read ({error}).", "Restore it, or remove its folder.") from error


def _home(folder: DataFolder) -> Path:
    home = folder.root / "stripe"
    home.mkdir(mode=0o700, exist_ok=True)
    return home


def _rates(env: Mapping[str, str]) -> dict[str, str]:
    return {name: word for name, word in env.items() if name.startswith("COMMERCE_STRIPE_")}


def _answers(port: int) -> bool:
    """Whether anything is answered there, whatever it is."""
    line = HTTPConnection(HOST, port, timeout=1)
    try:
        line.request("GET", "/healthcheck")
        line.getresponse()
    except (OSError, HTTPException):
        return False
    else:
        return True
    finally:
        line.close()
