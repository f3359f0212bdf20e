"""Many rows of many tables in one statement: what is written is what was given, and it may refer to itself."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.db import Database
from commerce.kernel.rows import Drawn, Into, write
from tests.statements import statements

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
PARENTS = Into("parents", {"id": "text", "made_at": "timestamptz", "amount": "bigint", "open": "bool"})
CHILDREN = Into("children", {"parent": "text", "print": "bytea", "facts": "jsonb", "note": "text"})


@pytest.fixture
async def family(db: Database) -> Database:
    async with db.transaction() as tx:
        await tx.execute(
            text("CREATE TABLE parents (id text PRIMARY KEY, made_at timestamptz, amount bigint, open bool)")
        )
        await tx.execute(
            text("CREATE TABLE children (parent text REFERENCES parents, print bytea, facts jsonb, note text)")
        )
    return db


async def test_what_was_given_is_what_is_there(family: Database) -> None:
    awkward = "a 'quote', a \"second\", a back\\slash, {braces}, :colon, a line\nand 🙂"
    parents = PARENTS.rows([("a", NOON, 2**62, True), (awkward, None, -1, False)])
    children = CHILDREN.rows([
        ("a", bytes(range(256)), {"deep": [{"list": [1, None, True]}]}, None),
        (awkward, b"", {}, awkward),
    ])  # fmt: skip

    async with family.transaction() as tx:
        with statements(family) as sent:
            await write(tx, [children, parents])
    async with family.read() as tx:
        found_parents = (await tx.execute(text("SELECT * FROM parents ORDER BY amount DESC"))).all()
        found = (await tx.execute(text("SELECT * FROM children ORDER BY length(print) DESC"))).all()

    assert len(sent) == 1, "children and the parents they refer to, in whichever order"
    assert [tuple(row) for row in found_parents] == parents.values
    assert [tuple(row) for row in found] == children.values


async def test_what_is_drawn_is_of_the_rows_that_are_written_with_it_alone(family: Database) -> None:
    drawn = Drawn(
        """
        INSERT INTO counts SELECT p.id, count(c.parent) FROM {parents} p LEFT JOIN {children} c ON c.parent = p.id
         GROUP BY p.id ORDER BY p.id
        """,
        ("parents", "children"),
    )
    async with family.transaction() as tx:
        await tx.execute(text("CREATE TABLE counts (parent text, children int)"))
        await write(tx, [PARENTS.rows([("old", NOON, 1, True)]), CHILDREN.rows([("old", b"", {}, None)])])
    async with family.transaction() as tx:
        with statements(family) as sent:
            both = [
                CHILDREN.rows([("a", b"", {}, None)] * 2),
                PARENTS.rows([("a", NOON, 1, True), ("b", NOON, 1, True)]),
            ]
            await write(tx, both, drawn)
            await write(tx, [PARENTS.rows([("c", NOON, 1, True)])], drawn)
            await write(tx, [CHILDREN.rows([("c", b"", {}, None)])], drawn)
    async with family.read() as tx:
        found = (await tx.execute(text("SELECT * FROM counts ORDER BY parent"))).all()

    assert len(sent) == 3
    assert [tuple(row) for row in found] == [("a", 2), ("b", 0), ("c", 0)]


async def test_no_rows_are_no_statement(family: Database) -> None:
    with statements(family) as sent:
        async with family.transaction() as tx:
            await write(tx, [PARENTS.rows([]), CHILDREN.rows([])])
            await write(tx, [])
            assert sent == []
            await write(tx, [PARENTS.rows([("a", NOON, 1, True)]), CHILDREN.rows([])])

    assert len(sent) == 1
    assert "children" not in sent[0]


async def test_all_or_nothing(family: Database) -> None:
    with pytest.raises(DBAPIError):
        async with family.transaction() as tx:
            await write(tx, [PARENTS.rows([("a", NOON, 1, True)]), CHILDREN.rows([("b", b"", {}, None)])])
    with pytest.raises(ValueError, match="zip"):
        async with family.transaction() as tx:
            await write(tx, [PARENTS.rows([("a", NOON, 1)])])

    async with family.read() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM parents"))).scalar_one() == 0
