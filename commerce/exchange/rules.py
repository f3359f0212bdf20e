"""Rules: what must hold between the rows of a folder and what is stored. Each is the query that finds the offenders."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from commerce.exchange.files import File
from commerce.exchange.kinds import AMOUNT
from commerce.kernel.money import AMOUNT_MAX


class Rule(NamedTuple):
    """Something that must hold of a file's rows.

    `offenders` selects the line `at`, the `word` that takes the place of {} in the message, and, where `column` is
    None, also the column `col`. It reads the `given_…` and `known_…` tables, in which a faulty cell is NULL, and must
    not take offence at that again.
    """

    file: str
    column: str | None
    message: str
    offenders: str
    needs: Collection[str] = ()
    """Files that must have been read whole for the rule to make sense."""

    def to_sql(self) -> str:
        """The statement that notes every offender."""
        column = "o.col" if self.column is None else f"'{self.column}'"
        message = self.message.replace("'", "''")
        # Messages and queries are this package's own; cells are data in tables.
        return f"""
            INSERT INTO faults (file, line, col, message)
            SELECT '{self.file}', o.at, {column}, replace('{message}', '{{}}', coalesce(left(o.word, 60), ''))
              FROM ({self.offenders}) AS o
        """  # noqa: S608 - see above


def keys_are_unique(file: File) -> Rule:
    """No two rows have the same key."""
    key = ", ".join(file.key)
    there = " AND ".join(f"g.{column} IS NOT NULL" for column in file.key)
    # Only keys that occur twice are looked at by line.
    return Rule(
        file.name,
        file.key[0],
        "The same key stands in line {} already.",
        f"""
        SELECT at, first::text AS word
          FROM (SELECT g.at, min(g.at) OVER (PARTITION BY {key}) AS first FROM given_{file.name} g
                 WHERE ({key}) IN (SELECT {key} FROM given_{file.name} g WHERE {there}
                                    GROUP BY {key} HAVING count(*) > 1)) AS twice
         WHERE at > first
        """,  # noqa: S608 - names of the format
    )


def refers(file: str, column: str, what: str, known: str, needs: str) -> Rule:
    """Every row's cell is a key of `known`, a table and its column, unless it is empty."""
    table, key = known.split(".")
    return Rule(
        file,
        column,
        f"There is no {what} '{{}}', neither in the folder nor stored.",
        f"""
        SELECT g.at, g.{column} AS word FROM given_{file} g
         WHERE g.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {table} k WHERE k.{key} = g.{column})
        """,  # noqa: S608 - names of the format
        needs=(needs,),
    )


def amounts_fit(file: File, joined: str) -> Iterable[Rule]:
    """No amount has more digits than its currency, or is absurd. `joined` finds the currency's digits as `d`."""
    columns = [column.name for column in file.columns if column.kind is AMOUNT]
    cells = ", ".join(f"('{column}', g.{column})" for column in columns)
    fine = " OR ".join(f"scale(g.{column}) > d.digits" for column in columns)
    much = " OR ".join(f"abs(g.{column}) * d.per_major > {AMOUNT_MAX}" for column in columns)
    unfolded = f"FROM given_{file.name} g {joined} CROSS JOIN LATERAL (VALUES {cells}) AS c (col, cell)"
    yield Rule(
        file.name,
        None,
        "'{}' has more digits than the currency.",
        f"SELECT g.at, c.col, c.cell::text AS word {unfolded} WHERE ({fine}) AND scale(c.cell) > d.digits",
    )
    yield Rule(
        file.name,
        None,
        "'{}' is more than this system handles.",
        f"SELECT g.at, c.col, c.cell::text AS word {unfolded} "
        f"WHERE ({much}) AND abs(c.cell) * d.per_major > {AMOUNT_MAX}",
    )


def stays_the_same(file: str, message: str, cells: Iterable[tuple[str, str, str]], joined: str) -> Rule:
    """No row says otherwise than its stored one. `cells` are (column, what is given, what is stored)."""
    unfolded = ", ".join(
        f"('{column}', ({given}) IS DISTINCT FROM ({stored}), CAST({stored} AS text))"
        for column, given, stored in cells
    )
    return Rule(
        file,
        None,
        message,
        f"""
        SELECT g.at, cell.col, coalesce(cell.stored, 'empty') AS word
          FROM given_{file} g {joined} CROSS JOIN LATERAL (VALUES {unfolded}) AS cell (col, differs, stored)
         WHERE g.sound AND cell.differs
        """,  # noqa: S608 - names of the format
    )
