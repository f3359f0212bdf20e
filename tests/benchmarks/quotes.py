"""Quotes in one process on one core, beside django-oscar's offer applicator on the same baskets in the same run.

The assortment has 10,000 skus and 200 live promotions, about thirty of which have to do with a basket of ten lines.
Both are timed by the processor time of their own process, in turns, so that it matters less what else the machine does.
django-oscar is no dependency of ours: it is installed from `oscar.lock` into a cached environment of its own.
"""

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import msgspec

from pricing.rules import Prepared, prepare, quote
from pricing.rules.basket import Basket
from tests.benchmarks import assortment
from tests.benchmarks.installed import python_with
from tests.books import NOON

ROUNDS = 5
BASKETS = {10: 500, 100: 50, 1000: 5}
"""How many baskets of so many lines."""
OSCAR_BASKETS = 5
LOCK = Path(__file__).with_name("oscar.lock")

Say = Callable[[str], None]
Ask = Callable[[], dict[str, Any]]


def run(say: Say) -> dict[str, object]:
    """Measure quotes of ten lines, a hundred and a thousand, cold and warm, and the applicator on the first of them."""
    made = assortment.make()
    begun = process_time()
    prepared = prepare(assortment.as_book(made))
    prepare_s = process_time() - begun
    baskets = {lines: assortment.baskets(made, lines, number) for lines, number in BASKETS.items()}
    say("quotes of skus that nobody asked for before")
    cold = 1 / rate(prepared, baskets[10], at=NOON)
    for some in baskets.values():
        rate(prepared, some, at=NOON)
    ours: dict[int, list[float]] = {lines: [] for lines in baskets}
    theirs: list[dict[str, Any]] = []
    say("installing django-oscar, and telling it the assortment")
    with oscar(python_with(LOCK), made, baskets[10][:OSCAR_BASKETS]) as ask:
        for n in range(ROUNDS):
            say(f"round {n + 1} of {ROUNDS}")
            for lines, rates in ours.items():
                rates.append(rate(prepared, baskets[lines], at=NOON + 1 + n))
            theirs.append(ask())
    quotes = [quote(prepared, basket, NOON) for basket in baskets[10]]
    related = [sum(verdict.reason != "no_matching_item" for verdict in one.verdicts) for one in quotes]
    return {
        "promotions_of_a_basket": round(statistics.mean(related), 1),
        "prepare_s": round(prepare_s, 3),
        "first_quote_ms": round(cold * 1000, 2),
        **_report(ours, theirs),
        "saved_of_the_same_baskets": {
            "ours": sum(one.discount for one in quotes[:OSCAR_BASKETS]) / 100,
            "django_oscar": float(theirs[0]["saved"]),
        },
    }


def _report(ours: dict[int, list[float]], theirs: Sequence[dict[str, Any]]) -> dict[str, object]:
    rates = {lines: statistics.median(found) for lines, found in ours.items()}
    oscars = statistics.median(one["per_s"] for one in theirs)
    per_line_us = {lines: 1e6 / found / lines for lines, found in rates.items()}
    return {
        "quotes_per_s": {lines: round(found) for lines, found in rates.items()},
        "per_line_us": {lines: round(found, 1) for lines, found in per_line_us.items()},
        "django_oscar_per_s": round(oscars, 2),
        "django_oscar_statements": theirs[0]["statements"],
        "ratios": {
            "quotes_per_s_to_2000": (round(rates[10] / 2000, 2), 1),
            "a_line_of_10_to_a_line_of_1000": (round(per_line_us[10] / per_line_us[1000], 2), 0.5),
            "to_django_oscar": (round(rates[10] / oscars, 1), 20),
        },
    }


def rate(prepared: Prepared, baskets: Sequence[Basket], *, at: int) -> float:
    """Quotes for each second of this process's own time."""
    begun = process_time()
    for basket in baskets:
        quote(prepared, basket, at)
    return len(baskets) / (process_time() - begun)


@contextmanager
def oscar(python: Path, made: assortment.Assortment, baskets: Sequence[Basket]) -> Iterator[Ask]:
    """The applicator in a process of its own, ready to be asked; gone when the block ends."""
    told = {
        **msgspec.to_builtins(made),
        "baskets": [[(line.sku, line.quantity) for line in basket.lines] for basket in baskets],
    }
    script = Path(__file__).with_name("oscar_offers.py")
    words = [python, script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - as above
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(told) + "\n")

        def ask() -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            assert answer["discounted"] == len(baskets), answer
            return answer

        yield ask
        process.stdin.close()
