"""Stage a folder: its rows in temporary tables, first as the texts they are, then as what they mean.

For each file there is `raw_<file>` (the cells as text, '' where empty) and `given_<file>` (the cells in their types,
NULL where empty or faulty); `at` is the line on which a row begins, `sound` says that none of its cells is faulty.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

from commerce.exchange.faults import Faults
from commerce.exchange.files import FORMAT, Column, File
from commerce.exchange.kinds import Kind, currency_digits
from commerce.exchange.look import Source
from commerce.exchange.progress import Progress
from commerce.exchange.read import Reader
from commerce.exchange.wire import Record, Wire, rows_of

_PREFETCH = 5_000
_FAULTS = """
    CREATE TEMP TABLE faults (file text, line int, col text, message text) ON COMMIT DROP;
    CREATE TEMP TABLE odd_cells (file text, col text, cell text COLLATE "C") ON COMMIT DROP;
    CREATE TEMP TABLE currency_digits (currency text COLLATE "C" PRIMARY KEY, digits int, per_major numeric)
        ON COMMIT DROP;
"""
# Hash joins over a million lines should not go to the disk in sixty-four parts.
_MEMORY = "SET LOCAL work_mem = '64MB'"


async def stage(wire: Wire, sources: Sequence[Source], faults: Faults, progress: Progress) -> dict[str, int]:
    """Bring every file's rows into the temporary tables; what is wrong with a cell goes to `faults` there.

    Returns how many rows of each file could be read.
    """
    await wire.execute(_FAULTS)
    await wire.execute(_MEMORY)
    digits = [(currency, digits, 10**digits) for currency, digits in currency_digits().items()]
    await wire.copy_records_to_table("currency_digits", records=digits, columns=["currency", "digits", "per_major"])
    for file in FORMAT:
        await wire.execute(_tables(file))
    counts = {}
    for source in sources:
        reader = Reader(source, faults, progress)
        columns = ["at", *(["id"] if source.file.id_prefix else []), *source.file.column_names]
        await wire.copy_records_to_table(f"raw_{source.file.name}", records=reader.rows(), columns=columns)
        counts[source.file.name] = reader.rows_read
    for source in sources:
        progress.working(f"checking the cells of {source.path.name}")
        await _understand(wire, source.file)
    return counts


async def _understand(wire: Wire, file: File) -> None:
    for column in file.columns:
        if column.kind.check is not None:
            await _judge(wire, file, column.name, column.kind)
    faulty = rows_of(await wire.execute(_find_faults(file)))
    await wire.execute(_fill(file, guarded=faulty > 0))
    await wire.execute(f"DROP TABLE raw_{file.name}; ANALYZE given_{file.name}")


async def _judge(wire: Wire, file: File, column: str, kind: Kind) -> None:
    """Note every distinct cell of a column that Python finds odd."""
    assert kind.check is not None
    distinct = f"SELECT DISTINCT {column} FROM raw_{file.name} WHERE {column} <> ''"  # noqa: S608 - names of the format
    async for batch in in_batches(wire.cursor(distinct, prefetch=_PREFETCH)):
        odd = [(file.name, column, cell) for (cell,) in batch if not kind.check(cell)]
        await wire.copy_records_to_table("odd_cells", records=odd, columns=["file", "col", "cell"])


async def in_batches(rows: AsyncIterable[Record]) -> AsyncIterator[list[Record]]:
    """Rows in lists of a bounded length."""
    batch: list[Record] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _PREFETCH:
            yield batch
            batch = []
    yield batch


def _tables(file: File) -> str:
    identity = "id text, " if file.id_prefix else ""
    raw = ", ".join(f'{column.name} text COLLATE "C"' for column in file.columns)
    given = ", ".join(f"{column.name} {_type(column.kind)}" for column in file.columns)
    return f"""
        CREATE TEMP TABLE raw_{file.name} (at int, {identity}{raw}) ON COMMIT DROP;
        CREATE TEMP TABLE given_{file.name} (at int, sound boolean, {identity}{given}) ON COMMIT DROP;
    """


def _type(kind: Kind) -> str:
    return 'text COLLATE "C"' if kind.sql_type == "text" else kind.sql_type


def _find_faults(file: File) -> str:
    """All cells that cannot be what they should be. Rows without any are passed over after one look."""
    bad = {column.name: _bad(file, column) for column in file.columns}
    cells = ", ".join(f"('{column.name}', {bad[column.name]}, {_complaint(column)})" for column in file.columns)
    # Every name in the statement is the format's own; cells are data in tables.
    return f"""
        INSERT INTO faults (file, line, col, message)
        SELECT '{file.name}', r.at, f.col, f.message
          FROM raw_{file.name} r CROSS JOIN LATERAL (VALUES {cells}) AS f (col, bad, message)
         WHERE ({" OR ".join(bad.values())}) AND f.bad
    """  # noqa: S608 - see above


def _bad(file: File, column: Column) -> str:
    empty = "false" if column.may_be_empty else "true"
    return f"CASE WHEN r.{column.name} = '' THEN {empty} ELSE NOT ({_valid(file, column)}) END"


def _valid(file: File, column: Column) -> str:
    valid = column.kind.valid.replace("CELL", f"r.{column.name}")
    if column.kind.check is None:
        return valid
    odd = f"SELECT cell FROM odd_cells WHERE file = '{file.name}' AND col = '{column.name}'"  # noqa: S608 - as above
    return f"{valid} AND r.{column.name} NOT IN ({odd})"


def _complaint(column: Column) -> str:
    words = column.kind.words.replace("'", "''")
    cell = f"left(r.{column.name}, 60)"
    return f"CASE WHEN {cell} = '' THEN 'It must not be empty.' ELSE '''' || {cell} || ''' {words}.' END"


def _fill(file: File, *, guarded: bool) -> str:
    """Understand every cell. Only where some are faulty is each looked at once more before it is cast."""
    cells = [
        f"CASE WHEN NOT ({_bad(file, column)}) THEN {_cast(column)} END" if guarded else _cast(column)
        for column in file.columns
    ]
    sound = " AND ".join(f"NOT ({_bad(file, column)})" for column in file.columns) if guarded else "true"
    identity = "id, " if file.id_prefix else ""
    return f"""
        INSERT INTO given_{file.name} (at, sound, {identity}{", ".join(file.column_names)})
        SELECT r.at, {sound}, {identity}{", ".join(cells)} FROM raw_{file.name} r
    """  # noqa: S608 - as above


def _cast(column: Column) -> str:
    return f"CAST(nullif(r.{column.name}, '') AS {column.kind.sql_type})"
