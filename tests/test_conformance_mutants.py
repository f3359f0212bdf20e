"""Engines that have one rule wrong: every one is caught by a vector, so being equal on all of them is worth it."""

import pytest

from pricing.rules import benefits
from pricing.rules.working import Line
from tests.wrong_benefits import BENEFITS
from tests.wrong_engines import Patch, caught
from tests.wrong_figures import FIGURES
from tests.wrong_landings import LANDINGS

WRONG = {**BENEFITS, **LANDINGS, **FIGURES}


@pytest.mark.parametrize("thought", sorted(WRONG))
def test_an_engine_that_has_one_rule_wrong_is_caught(thought: str, monkeypatch: Patch) -> None:
    assert caught(monkeypatch, WRONG[thought]) is not None


def test_an_engine_that_says_the_same_in_other_words_is_not(monkeypatch: Patch) -> None:
    """What catches the wrong ones is the rule, not that something was changed."""

    def same(patch: Patch) -> None:
        patch.setattr(benefits, "dearest_first", lambda lines: sorted(lines, key=lambda one: (-one.price, one.place)))
        patch.setattr(Line, "worth", lambda line, units: (2 * units * line.net + line.quantity) // (2 * line.quantity))

    assert caught(monkeypatch, same, strict=True) is None


def test_there_are_many_and_no_two_think_the_same() -> None:
    assert len(WRONG) == len(BENEFITS) + len(LANDINGS) + len(FIGURES) >= 100
