"""A real shop's past: the plain recomputation against figures that somebody else worked out."""

import json
from datetime import date
from functools import cache
from typing import Any

import pytest

from tests.attach_folders import read_history
from tests.attach_world import Asked, History
from tests.exchange_folders import CONTOSO
from tests.naive_attach import all_known, answer_from

EXPECTED = CONTOSO / "expected" / "attach-rate.json"
needs_contoso = pytest.mark.skipif(not EXPECTED.exists(), reason=f"{EXPECTED} is not there")


@cache
def contoso() -> History:
    """The history, read once."""
    return read_history(CONTOSO)


@cache
def expected() -> list[dict[str, Any]]:
    """The rows that were worked out."""
    return list(json.loads(EXPECTED.read_text())["rows"])


def asked_of(row: dict[str, Any], as_of: date) -> Asked:
    """The question that a row answers: what it calls `cross` are events that name where the attach was bought."""
    return Asked(
        anchor=(f"category:{row['anchor']}",),
        attach=(f"category:{row['attach']}",),
        basis="events" if row["basis"] == "cross" else row["basis"],
        window_days=row["window_days"],
        as_of=as_of,
        channel_kind=row["channel"],
        attach_channel_kind=row["attach_channel"],
        complete_only=row["complete_only"],
    )


@needs_contoso
def test_the_plain_recomputation_equals_every_row_that_is_expected() -> None:
    last = max(sale.at.date() for sale in contoso().sales)
    known = all_known(contoso(), asked_of(expected()[0], last))
    wrong = []
    for row in expected():
        found = answer_from(known, asked_of(row, last))[()]
        if (found.numerator, found.denominator) != (row["numerator"], row["denominator"]):
            wrong.append((row, found))

    assert wrong == []
    assert len(expected()) >= 104
