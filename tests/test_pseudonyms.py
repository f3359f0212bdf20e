"""Pseudonyms: the same name for the same customer, another one in another shop, and no way back."""

import asyncio
import hashlib
import hmac
import re

import pytest
from asyncpg import CheckViolationError
from sqlalchemy.exc import IntegrityError

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.db import Database
from orders.reports.pseudonyms import Pseudonyms, pseudonyms
from tests.conftest import migrate
from tests.shop import rows
from tests.stories import plant
from tests.test_migrations import sql

SECRET = bytes(range(32))


def test_a_name_is_the_hmac_of_the_customers_number() -> None:
    """Worked out apart from ours: sixteen letters of base 32 are the first eighty bits."""
    names = Pseudonyms(SECRET)

    name = names.of(1)

    assert name is not None
    digest = hmac.new(SECRET, b"\0\0\0\0\0\0\0\1", hashlib.sha256).digest()
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    bits = int.from_bytes(digest[:10], "big")
    assert name == "person_" + "".join(letters[bits >> 5 * place & 31] for place in range(15, -1, -1))
    assert names.of(None) is None


def test_many_customers_have_as_many_names_and_keep_them() -> None:
    names = {Pseudonyms(SECRET).of(number) for number in range(20_000)}

    assert len(names) == 20_000
    assert all(name is not None and re.fullmatch("person_[a-z2-7]{16}", name) for name in names)
    assert {Pseudonyms(SECRET).of(number) for number in range(20_000)} == names
    assert names.isdisjoint(Pseudonyms(SECRET[::-1]).of(number) for number in range(20_000))


def test_the_secret_shows_nowhere() -> None:
    assert SECRET.hex() not in repr(Pseudonyms(SECRET))
    assert repr(SECRET) not in repr(Pseudonyms(SECRET))


async def test_a_shop_has_one_secret_and_names_by_it(db: Database) -> None:
    async with db.snapshot() as tx:
        names = await pseudonyms(tx)
    async with db.snapshot() as tx:
        again = await pseudonyms(tx)

    [[secret]] = await rows(db, "SELECT secret FROM report_secrets")
    assert len(set(secret)) > 16
    assert names.of(7) == again.of(7) == Pseudonyms(secret).of(7)


@pytest.mark.parametrize("another", ["(2, sha256('2'))", "(1, sha256('1'))"])
async def test_there_is_no_second_secret(db: Database, another: str) -> None:
    with pytest.raises(IntegrityError):
        await plant(db, f"INSERT INTO report_secrets VALUES {another}")


async def test_a_short_secret_is_none(db: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        await plant(db, "UPDATE report_secrets SET secret = 'short'")

    assert isinstance(getattr(refused.value.orig, "__cause__", None), CheckViolationError)


def test_every_shop_has_a_secret_of_its_own(server: EmbeddedPostgres) -> None:
    secrets = set()
    for name in ("shop_one", "shop_two"):
        asyncio.run(sql(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template0"))
        migrate(server.url.replace("/commerce?", f"/{name}?"))
        secrets |= set(asyncio.run(sql(server, name, "SELECT secret FROM report_secrets")))
        asyncio.run(sql(server, "postgres", f"DROP DATABASE {name} WITH (FORCE)"))

    assert len(secrets) == 2
