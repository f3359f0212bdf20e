"""The catalog's pure decisions, and its laws with a planted violation each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from catalog.laws import LAWS, CategoriesHangFromRoots, ProductsHaveVariants
from catalog.rules import MOVES, VariantStatus, is_gtin, would_cycle
from catalog.words import terms_of
from commerce.kernel.db import Database
from commerce.kernel.laws import Law, broken, check_laws
from tests.shop import no_law_is_broken, open_shop, rows


@pytest.mark.parametrize("gtin", ["96385074", "036000291452", "4006381333931", "00012345600012"])
def test_a_gtin_has_one_of_four_lengths(gtin: str) -> None:
    assert is_gtin(gtin)


@pytest.mark.parametrize("text", ["", "0", "4006381333932", "400638133393", "4006-381333931", " 4006381333931", "٤٠٠٦"])
def test_what_is_not_a_gtin(text: str) -> None:
    assert not is_gtin(text)


@given(st.integers(0, 10**12 - 1), st.integers(1, 9), st.integers(0, 12))
def test_any_one_digit_misread_is_noticed(number: int, slip: int, place: int) -> None:
    body = f"{number:012}"
    gtin = body + ean.calc_check_digit(body)
    misread = gtin[:place] + str((int(gtin[place]) + slip) % 10) + gtin[place + 1 :]

    assert is_gtin(gtin)
    assert not is_gtin(misread)


def test_nothing_that_was_public_becomes_a_draft_again() -> None:
    assert all(VariantStatus.DRAFT not in targets for targets in MOVES.values())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_moves_that_are_allowed_never_close_a_circle(moves: list[tuple[int, int]]) -> None:
    parents: dict[str, str | None] = {str(number): None for number in range(10)}
    for category, parent in moves:
        if not would_cycle(parents, str(category), str(parent)):
            parents[str(category)] = str(parent)

    for above in parents.values():
        seen: set[str] = set()
        while above is not None:
            assert above not in seen
            seen.add(above)
            above = parents[above]  # noqa: PLW2901 - it climbs


@pytest.mark.parametrize(
    ("law", "planted", "offender"),
    [
        (CategoriesHangFromRoots, "UPDATE categories SET parent = 'cases' WHERE code = 'accessories'", "accessories"),
        (ProductsHaveVariants, "INSERT INTO products (code, title) VALUES ('empty', 'Empty')", "empty"),
    ],
)
async def test_a_broken_law_is_seen(db: Database, law: type[Law], planted: str, offender: str) -> None:
    await open_shop(db)
    await no_law_is_broken(db, *LAWS)

    async with db.transaction() as tx:
        await (await tx.connection()).exec_driver_sql(planted)

    async with db.snapshot() as tx:
        [finding] = broken(await check_laws(tx, [law]))
    assert finding.shown[0] == offender
    assert await rows(db, "SELECT count(*) FROM categories") == [(3,)]


@pytest.mark.parametrize(
    ("q", "wanted", "unwanted"),
    [
        ("tern or lapwing", ["tern or lapwing"], []),
        ("tern or lapwing or plover case", ["tern or lapwing or plover", "case"], []),
        ("lapwing or -case", ["lapwing"], ["case"]),
        ("case -tern or lapwing", ["case", "lapwing"], ["tern"]),
        ("case --clear", ["case"], ["clear"]),
        ('-"clear case" or', ["or"], ['"clear case"']),
        ("or", ["or"], []),
    ],
)
def test_an_exclusion_has_no_alternative(q: str, wanted: list[str], unwanted: list[str]) -> None:
    assert terms_of(q) == (wanted, unwanted)
