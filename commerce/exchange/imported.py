"""Imported: a row that says what it said last time is passed over, whatever the shop did since."""

from collections.abc import Collection

from commerce.exchange.files import BY_NAME, File
from commerce.exchange.kinds import AMOUNT
from commerce.exchange.wire import Wire, rows_of

REMEMBERED = ("markets", "channels", "locations", "categories", "products", "recommended_prices", "customers", "stock")
"""Files whose stored rows may change after they were imported. (History is not rewritten.)"""


async def pass_over(wire: Wire, files: Collection[str]) -> None:
    """Take those rows out of `given_…` that were last imported with the same words: their stored rows stand.

    A key that stands in the file twice is kept, to be complained about.
    """
    for file in REMEMBERED:
        if file in files and rows_of(await wire.execute(_pass_over(BY_NAME[file]))):
            await wire.execute(f"ANALYZE given_{file}")


async def remember(wire: Wire, files: Collection[str]) -> None:
    """Keep what the rows still in `given_…` say, for the next time."""
    remembered = 0
    for file in REMEMBERED:
        if file in files:
            remembered += rows_of(await wire.execute(_remember(BY_NAME[file])))
    if remembered:
        await wire.execute("ANALYZE imported_rows")


def _pass_over(file: File) -> str:
    # Every name in the statement is the format's own; cells are data in tables.
    same_key = " AND ".join(f"k.{column} = g.{column}" for column in file.key)
    return f"""
        DELETE FROM given_{file.name} g USING imported_rows i
         WHERE g.sound AND i.file = '{file.name}' AND i.key = {_key(file)} AND i.digest = {_digest(file)}
           AND NOT EXISTS (SELECT FROM given_{file.name} k WHERE {same_key} AND k.at <> g.at)
    """  # noqa: S608 - see above


def _remember(file: File) -> str:
    return f"""
        INSERT INTO imported_rows (file, key, digest)
        SELECT '{file.name}', {_key(file)}, {_digest(file)} FROM given_{file.name} g ORDER BY g.at
        ON CONFLICT (file, key) DO UPDATE SET digest = excluded.digest
    """  # noqa: S608 - as above


def _key(file: File) -> str:
    return f"CAST(ROW({', '.join(f'g.{column}' for column in file.key)}) AS text)"


def _digest(file: File) -> str:
    """Half a SHA-256: nobody gains by finding two rows that share it. 799 is the same amount as 799.00."""
    cells = ", ".join(
        f"trim_scale(g.{column.name})" if column.kind is AMOUNT else f"g.{column.name}" for column in file.columns
    )
    return f"substr(sha256(convert_to(CAST(ROW({cells}) AS text), 'UTF8')), 1, 16)"
