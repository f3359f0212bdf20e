"""`commerce` with an API whose orders leave no facts for reports, as if nobody had ever wanted any.

It shows what keeping facts costs, and exists nowhere else: python -m tests.benchmarks.without_facts serve ...
"""

from collections.abc import Callable
from typing import Any

from commerce.commands import serve


def make_app(parent: int) -> Callable[..., Any]:
    """The application of one worker process, as the shop's own but for the facts."""
    import orders.place as placing  # noqa: PLC0415 - each worker process has its own, after the fork

    vars(placing).update(record_sales=_write_nothing)
    return _SHOPS_OWN(parent)


async def _write_nothing(*_: object) -> None:
    pass


_SHOPS_OWN = serve.make_app

if __name__ == "__main__":
    from commerce.__main__ import main

    serve.make_app = make_app
    main()
