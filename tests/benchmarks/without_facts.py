"""`commerce` with an API whose orders leave no facts for reports, as if nobody had ever wanted any.

It shows what keeping facts costs, and exists nowhere else: python -m tests.benchmarks.without_facts serve ...
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from commerce.commands import serve
from commerce.kernel.db import Session
from commerce.kernel.rows import Rows, write


def make_app(parent: int) -> Callable[..., Any]:
    """The application of one worker process, as the shop's own but for the facts."""
    import orders.place as placing  # noqa: PLC0415 - each worker process has its own, after the fork

    vars(placing).update(write_sold=_write_no_facts)
    return _SHOPS_OWN(parent)


async def _write_no_facts(tx: Session, many: Iterable[Rows], _: datetime) -> None:
    await write(tx, many)


_SHOPS_OWN = serve.make_app

if __name__ == "__main__":
    from commerce.__main__ import main

    serve.make_app = make_app
    main()
