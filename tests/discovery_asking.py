"""Asking the API for pairs, and ten orders to ask about."""

from typing import Any

from tests.baskets import Basket
from tests.conftest import Api, Json

PAIRS = "/v1/reports/attach-pairs"
EVERYTHING: Json = {"min_support": 1, "min_lift": "0"}
TEN = [
    *[Basket("P1 C1")] * 4,
    Basket("P1"),
    Basket("C1"),
    *[Basket("W1")] * 2,
    Basket("P1 C1 W1"),
    Basket("C2"),
]
"""Ten orders: six with phones, six with cases, five with both, three with accessories, one with leather."""


async def found(analyst: Api, **asked: object) -> Json:
    """The answer to a question about pairs; every pair that came together once is in it."""
    answer = await analyst.get(PAIRS, **{**EVERYTHING, **asked})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def numbers(row: Json) -> tuple[Any, ...]:
    """A row's counts."""
    return row["anchor"], row["attach"], row["whole"], row["anchors"], row["attaches"], row["both"]
