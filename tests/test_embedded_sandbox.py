"""The payment provider's sandbox in the embedded stack: lent to whoever needs it, missed by nobody."""

import json
import os
import signal
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its annotations are not published with it
import pytest

from commerce.embedded.errors import FolderUnusable
from commerce.embedded.folder import DataFolder
from commerce.embedded.locate import running_stack, stack_at
from commerce.embedded.sandbox import sandbox_account, sandbox_keys
from commerce.settings import Settings
from orders.payments.stripe_words import EVENTS
from tests.processes import environment
from tests.supervised import ALL, pids, supervised
from tests.waiting import eventually


def environ_of(pid: int) -> dict[str, str]:
    """What a process was told when it was started."""
    return dict(psutil.Process(pid).environ())


def test_everybody_in_the_stack_knows_the_sandbox_by_the_same_keys(folder: Path) -> None:
    with supervised(folder, settings={"COMMERCE_STRIPE_RATE": "500"}) as (_, data):
        eventually(lambda: pids(data).keys() == ALL)
        state, told = running_stack(data), {name: environ_of(pid) for name, pid in pids(data).items()}
        assert state is not None
        sandbox = psutil.Process(pids(data)["stripe"]).cmdline()
        with stack_at(data.root, Settings.from_environment(environment(data.root))) as urls:
            lent = urls.stripe
        shown = [psutil.Process(pid).cmdline() for pid in pids(data).values()]

    keys = json.loads((data.root / "stripe" / "keys.json").read_text())
    account = Settings.from_environment(told["api"]).stripe
    assert account is not None
    assert account.api_key == keys["api_key"] != ""
    assert account.publishable_key == keys["publishable_key"]
    assert account.webhook_secrets == (keys["webhook_secret"],)
    assert (account.api_base, account.rate, account.live) == (state.stripe_url, 500, False)
    assert Settings.from_environment(told["worker"]).stripe == account
    assert lent is not None
    assert (lent.api_key, lent.api_base) == (account.api_key, account.api_base)
    words = list(zip(sandbox[3::2], sandbox[4::2], strict=True))
    assert tuple(word for name, word in words if name == "--webhook-event") == EVENTS
    assert {name: word for name, word in words if name != "--webhook-event"} == {
        "--host": "127.0.0.1",
        "--port": state.stripe_url.rpartition(":")[2],
        "--data": str(data.root / "stripe" / "journal.jsonl"),
        "--webhook-url": f"{state.url}/v1/webhooks/stripe",
    }
    secrets = {keys["webhook_secret"], keys["api_key"]}
    assert not [each for words in shown for each in words if any(secret in each for secret in secrets)]


def test_a_sandbox_that_is_killed_comes_back_where_it_was_and_nobody_else_is_touched(folder: Path) -> None:
    with supervised(folder) as (_, data):
        eventually(lambda: pids(data).keys() == ALL)
        first, before = pids(data), running_stack(data)
        os.kill(first["stripe"], signal.SIGKILL)
        os.kill(first["worker"], signal.SIGKILL)  # It comes back without waiting for the sandbox.
        eventually(lambda: all(pids(data)[name] != first[name] for name in ("stripe", "worker")))
        last, after = pids(data), running_stack(data)

    assert before is not None
    assert after is not None
    assert {name for name in ALL if last[name] != first[name]} == {"stripe", "worker"}
    assert after.stripe_url == before.stripe_url


def test_with_an_account_in_the_settings_there_is_no_sandbox(folder: Path) -> None:
    theirs = {"STRIPE_API_KEY": "sk_test_theirs", "STRIPE_WEBHOOK_SECRET": "whsec_theirs"}
    with supervised(folder, settings=theirs) as (_, data):
        eventually(lambda: bool(pids(data)))
        state, told = running_stack(data), environ_of(pids(data)["api"])
        parts = set(pids(data))

    assert parts == ALL - {"stripe"}
    assert state is not None
    assert state.stripe_url == ""
    assert (told["STRIPE_API_KEY"], told["STRIPE_WEBHOOK_SECRETS"]) == ("sk_test_theirs", "whsec_theirs")
    assert not (data.root / "stripe").exists()


def test_a_short_command_needs_no_provider_and_starts_none(folder: Path) -> None:
    settings = Settings.from_environment(environment(folder))

    with stack_at(folder, settings) as urls:
        assert urls.stripe is None
    assert not (folder / "stripe").exists()


def test_servers_of_ones_own_bring_no_play_money_along(folder: Path) -> None:
    own = {"COMMERCE_DATABASE_URL": "postgresql://db/shop", "COMMERCE_REDIS_URL": "redis://queue"}

    with stack_at(folder, Settings.from_environment({**environment(folder), **own}), lasting=True) as urls:
        assert (urls.stripe, urls.redis) == (None, "redis://queue/1")
    assert not (folder / "stripe").exists()


def test_keys_are_made_once_and_are_their_owners_only(folder: Path) -> None:
    data = DataFolder(folder)

    keys, again = sandbox_keys(data), sandbox_keys(data)

    assert keys == again
    assert [key.partition("_")[0] for key in (keys.api_key, keys.publishable_key, keys.webhook_secret)] == [
        "sk",
        "pk",
        "whsec",
    ]
    assert len({keys.api_key[-48:], keys.publishable_key[-48:], keys.webhook_secret[-48:]}) == 3
    assert (folder / "stripe" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "stripe").stat().st_mode & 0o777 == 0o700
    assert sandbox_account(data, "http://127.0.0.1:1").webhook_secrets == (keys.webhook_secret,)


def test_keys_that_cannot_be_read_are_not_made_anew(folder: Path) -> None:
    data = DataFolder(folder)
    sandbox_keys(data)
    (folder / "stripe" / "keys.json").write_text("{}")

    with pytest.raises(FolderUnusable) as refused:
        sandbox_keys(data)

    assert refused.value.hint == "Restore it, or remove its folder."
    assert (folder / "stripe" / "keys.json").read_text() == "{}"
