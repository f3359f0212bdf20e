"""A terminal in which `commerce payments` is typed, with a story's database and provider in the settings."""

import asyncio
import json
from datetime import timedelta

from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from tests.conftest import Json
from tests.paying import Checkout
from tests.stripe_backends import SECRET

PHONE, CHARGER = ("PHONE-WHT", 1), ("CHARGER", 1)


class Typed:
    """A terminal. Commands bring an event loop of their own."""

    def __init__(self, url: str, base: str) -> None:
        self._env = {
            "COMMERCE_DATABASE_URL": url,
            "COLUMNS": "200",
            "STRIPE_API_KEY": "sk_test_stories",
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "STRIPE_API_BASE": base,
        }

    async def __call__(self, *words: str, **env: str) -> Result:
        """What a command line prints."""
        runner = CliRunner(env={**self._env, **env})
        return await asyncio.to_thread(runner.invoke, commerce, ["payments", *words])

    async def json(self, *words: str) -> Json:
        """What a program is told."""
        answer = await self(*words, "--json")
        assert answer.exit_code == 0, answer.output
        return dict(json.loads(answer.stdout))

    async def listed(self, *words: str) -> list[str]:
        """The ids of a list."""
        return [one["id"] for one in (await self.json("list", *words))["payments"]]

    async def refused(self, *words: str, **env: str) -> tuple[int, str, str]:
        """The exit code of a command, and what a program is told: the code, and the words."""
        answer = await self(*words, "--json", **env)
        said = json.loads(answer.stdout)
        return answer.exit_code, said["code"], said["detail"]


def window(shop: Checkout, **wide: int) -> tuple[str, ...]:
    """The options for the time from the story's instant on."""
    now = shop.clock.now()
    return ("--since", f"{now:%Y-%m-%dT%H:%M:%S}", "--until", f"{now + timedelta(**wide):%Y-%m-%dT%H:%M:%S}")
