"""`make bench`: measure everything, print what came out, and write bench.json.

python -m tests.benchmarks [orders] [rush] [crash] [exchange] [payments] [charges] [quotes] [books]
                           [attach_rate]   (all without)
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.status import Status
from rich.table import Table

from commerce.embedded.postgres import EmbeddedPostgres
from tests.benchmarks import attach_rate, books, charges, crash, exchange, machine, orders, payments, quotes, rush

Say = Callable[[str], None]


def bring_in_a_million_lines(say: Say) -> dict[str, object]:
    """Import a made-up past of a million order lines, beside a bare COPY of the same rows into the same tables."""
    say("a million lines, imported and copied in turn")
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        try:
            report = exchange.run(postgres.url)
        finally:
            postgres.stop()
    memory_mb = cast("float", report["import_peak_mb"])
    return {
        **report,
        "ratios": {"import_to_copy": (report["import_to_copy"], 0.3), "400_mb_to_peak": (round(400 / memory_mb, 1), 1)},
    }


BENCHMARKS: Mapping[str, Callable[[Say], dict[str, object]]] = {
    "orders": orders.run,
    "rush": rush.run,
    "crash": crash.run,
    "exchange": bring_in_a_million_lines,
    "payments": payments.run,
    "charges": charges.run,
    "quotes": quotes.run,
    "books": books.run,
    "attach_rate": attach_rate.run,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks; 0 if every ratio is what was promised."""
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        sys.stderr.write(f"No benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.\n")
        return 2
    console = Console()
    results: dict[str, object] = {"machine": machine.describe()}
    kept = True
    for name in names or BENCHMARKS:
        with console.status(name) as status:
            report = BENCHMARKS[name](partial(_tell, status, name))
        results[name] = report
        kept &= _show(console, name, report)
        Path("bench.json").write_text(json.dumps(results, indent=2) + "\n")
    console.print("Written to bench.json.")
    return 0 if kept else 1


def _tell(status: Status, name: str, sentence: str) -> None:
    status.update(f"{name}: {sentence}")


def _show(console: Console, name: str, report: Mapping[str, object]) -> bool:
    table = Table(title=name, title_justify="left", show_header=False)
    ratios = report.get("ratios")
    for fact, value in report.items():
        if fact != "ratios":
            table.add_row(fact, json.dumps(value))
    kept = True
    for what, (measured, wanted) in ratios.items() if isinstance(ratios, dict) else ():
        good = measured >= wanted
        kept &= good
        table.add_row(f"[bold]{what}[/bold]", f"[{'green' if good else 'red'}]{measured}[/] (wanted: {wanted} or more)")
    console.print(table)
    return kept


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
