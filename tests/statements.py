"""What is sent to the database while a story runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from commerce.kernel.db import Database


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The statements sent while the block runs, in order."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
