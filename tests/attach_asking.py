"""Asking the API what the plain recomputation was asked, and reading its answer the same way."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from commerce.kernel.db import Database, ReadSession
from orders.reports.asking import Asked as Written
from orders.reports.attach_rate import AttachRates, attach_rate, attach_rate_in
from tests.attach_world import Asked
from tests.conftest import Api, Json
from tests.naive_attach import Count, Group

ATTACH_RATE = "/v1/reports/attach-rate"
_WRITTEN = {"first": "from", "last": "to"}
_READ = {written: read for read, written in _WRITTEN.items()}
_NOT_WRITTEN = frozenset({"narrowed"})


def parameters(asked: Asked) -> dict[str, Any]:
    """A question as the parameters of an address; what is as if it were not asked for is not written."""
    found = {}
    for field in fields(asked):
        value = getattr(asked, field.name)
        if field.name not in _NOT_WRITTEN and value is not None and value is not False and value != ():
            found[_WRITTEN.get(field.name, field.name)] = _text(value)
    return found


def _text(value: object) -> Any:  # noqa: ANN401 - texts, numbers, and lists of them
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true"
    return list(value) if isinstance(value, tuple) else str(value)


async def ask(analyst: Api, asked: Asked) -> Json:
    """The whole answer of the API."""
    answer = await analyst.get(ATTACH_RATE, **parameters(asked))
    assert answer.status_code == 200, (answer.text, asked)
    found: Json = answer.json()
    return found


def rows_of(answer: Json, asked: Asked) -> dict[Group, Count]:
    """The rows of an answer by their groups."""
    rows = {tuple(row["group"][name] for name in asked.group_by): count_of(row) for row in answer["rows"]}
    assert len(rows) == len(answer["rows"]), "no group comes twice"
    return rows


def count_of(row: Mapping[str, Any]) -> Count:
    """A row's figures."""
    still_open = row["open"] or {"numerator": None, "denominator": None}
    return Count(row["numerator"], row["denominator"], still_open["numerator"], still_open["denominator"])


async def answer_of(tx: ReadSession, asked: Asked, now: datetime) -> Json:
    """What the API would answer from this snapshot, without the way through HTTP."""
    found: Json = msgspec.to_builtins(await attach_rate_in(tx, written(asked), now))
    return found


async def shared_answer_of(db: Database, asked: Asked) -> Json:
    """What the API answers now, where two sessions may share the work."""
    found: Json = msgspec.to_builtins(await attach_rate(db, AttachRates(), written(asked)))
    return found


def written(asked: Asked) -> Written:
    """A question as the API understands it."""
    named = {_READ.get(name, name): value for name, value in parameters(asked).items()}
    return msgspec.convert(named, Written, strict=False)
