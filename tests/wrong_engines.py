"""Engines that have one rule wrong, and the vector that catches each."""

from collections.abc import Callable

import pytest

from pricing.conformance import Engine, differences, published_vectors, read_vectors

KNOWN = read_vectors(published_vectors())
Patch = pytest.MonkeyPatch
Spoil = Callable[[Patch], None]
Wrong = dict[str, Spoil]
"""Engines with one wrong rule, by what they think."""


def noted(engines: Wrong, thought: str) -> Callable[[Spoil], Spoil]:
    """Note an engine that thinks so."""
    assert thought not in engines, thought

    def note(spoil: Spoil) -> Spoil:
        engines[thought] = spoil
        return spoil

    return note


def caught(patch: Patch, spoil: Spoil, *, strict: bool = False) -> str | None:
    """The first vector to which a spoilt engine has a wrong answer; None if all are right."""
    with patch.context() as spoilt:
        spoil(spoilt)
        engine = Engine()
        for vector in KNOWN.vectors:
            if differences(vector.expected, engine.answer(KNOWN.question(vector)), strict=strict):
                return vector.id
    return None
