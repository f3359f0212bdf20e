"""Every figure that two strangers worked out for a real past, to the integer, over HTTP after an import."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.conftest import REPOSITORY, Callers

CONTOSO = REPOSITORY.parent / "shared" / "data" / "contoso-10k"
LAST_DAY = "2020-03-03"


@pytest.mark.skipif(not CONTOSO.is_dir(), reason="there is no ../shared/data here")
async def test_every_expected_attach_rate_is_answered(db: Database, callers: Callers) -> None:
    await import_folder(db, CONTOSO)
    analyst = await callers(Role.ANALYST)

    answered = []
    for row in expected(CONTOSO):
        answer = await analyst.get("/v1/reports/attach-rate", **question(row))
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["rows"]
        assert found == {**found, "group": {}} == answer.json()["total"]
        answered.append({**row, "numerator": found["numerator"], "denominator": found["denominator"]})

    assert len(answered) == 104
    assert answered == list(expected(CONTOSO))


def expected(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows that others worked out."""
    yield from json.loads((folder / "expected" / "attach-rate.json").read_text())["rows"]


def question(row: dict[str, Any]) -> dict[str, Any]:
    """What is asked for such a row. Their cross-channel rows are events with an attach channel."""
    asked = {
        "anchor": f"category:{row['anchor']}",
        "attach": f"category:{row['attach']}",
        "basis": "events" if row["basis"] == "cross" else row["basis"],
        "channel_kind": row["channel"],
        "attach_channel_kind": row["attach_channel"],
        "window_days": row["window_days"],
        "as_of": LAST_DAY if row["complete_only"] else None,
        "complete_only": "true" if row["complete_only"] else None,
    }
    return {name: said for name, said in asked.items() if said is not None}
