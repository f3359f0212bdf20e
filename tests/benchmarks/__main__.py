"""`make bench`: measure everything, print what came out, and write bench.json.

python -m tests.benchmarks [orders] [exchange] [rush] ...     (all without a name)
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import machine, orders

Say = Callable[[str], None]
BENCHMARKS: Mapping[str, Callable[[Say], dict[str, object]]] = {"orders": orders.run}


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
            report = BENCHMARKS[name](lambda sentence, name=name, status=status: status.update(f"{name}: {sentence}"))  # type: ignore[misc]  # mypy reads no defaults
        results[name] = report
        kept &= _show(console, name, report)
    Path("bench.json").write_text(json.dumps(results, indent=2) + "\n")
    console.print("Written to bench.json.")
    return 0 if kept else 1


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
