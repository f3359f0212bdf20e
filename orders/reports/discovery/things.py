"""Things: what is looked at together, be it skus, products or categories, each under a small number."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from catalog.described import Described, described
from catalog.tops import tops
from commerce.kernel.db import ReadSession


class Level(StrEnum):
    """How finely things are told apart."""

    SKU = "sku"
    PRODUCT = "product"
    CATEGORY = "category"
    """The category that a variant hangs in, without what hangs below that."""
    TOP_CATEGORY = "top_category"
    """The topmost category above a variant, with all below."""


class Things(NamedTuple):
    """Things by code; what is sold as nothing of them is the number 0, which no thing has."""

    codes: tuple[str, ...]
    """The code of each number, in the order of codes; the first one is empty."""
    number_of: tuple[int, ...]
    """By sku_no, from 0 on."""

    def skus_of(self) -> list[frozenset[int]]:
        """The sku_nos of each thing, by its number."""
        skus: list[set[int]] = [set() for _ in self.codes]
        for sku_no, number in enumerate(self.number_of):
            skus[number].add(sku_no)
        return [frozenset(one) for one in skus]


async def things(tx: ReadSession, level: Level, at: datetime, only: Sequence[int] | None = None) -> Things:
    """What every variant (or each of `only`, by sku_no) was a thing of, as the catalog said at that instant."""
    wanted = None if only is None else set(only)
    variants = [one for one in await described(tx, at) if wanted is None or one.sku_no in wanted]
    above = await tops(tx, at) if level is Level.TOP_CATEGORY else {}
    code_of = {one.sku_no: _code(one, level, above) for one in variants}
    codes = ("", *sorted(set(code_of.values())))
    numbers = {code: number for number, code in enumerate(codes)}
    last = max(code_of, default=0)
    return Things(codes, tuple(numbers[code_of.get(sku_no, "")] for sku_no in range(last + 1)))


def _code(one: Described, level: Level, above: dict[str, str]) -> str:
    return {
        Level.SKU: one.sku,
        Level.PRODUCT: one.product,
        Level.CATEGORY: one.category,
        Level.TOP_CATEGORY: above.get(one.category, one.category),
    }[level]
