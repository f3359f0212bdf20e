"""Garbage: how often Python looks for cycles in processes that live long and answer much."""

import gc

GARBAGE_AFTER = 20_000
"""So many objects more than there were make Python look for cycles."""


def collect_garbage_seldom() -> None:
    """Leave alone what stays as long as the process, and look for cycles less often: they cost a quarter of the time.

    (Python's own numbers suit programs with a tenth of our objects; a request leaves few cycles behind.)
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)
