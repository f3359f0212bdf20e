"""How much should leave with what at Skerrin: the goals of the attach programs that are made of its pairings."""

from typing import NamedTuple


class Goal(NamedTuple):
    """A target, and the ends of a band if somebody is to hear of a rate outside of it; all in basis points."""

    target_bp: int
    low_bp: int | None = None
    high_bp: int | None = None


class Goals(NamedTuple):
    """The goal of a pairing's program, and those of the web shops and of the stores where they differ."""

    pairing: str
    goal: Goal
    online: Goal | None = None
    retail: Goal | None = None


OWNER = "accessories team"
GOALS = (
    Goals("phones-cases", Goal(6000, 5000, 7500), Goal(5000, 4000), Goal(7000, 6000)),
    Goals("phones-glass", Goal(3500, 2500), Goal(2000, 1000), Goal(6000, 4500)),
    Goals("phones-chargers", Goal(4500, 4000)),
    Goals("phones-earbuds", Goal(2500, 1500, 4000)),
    Goals("phones-watches", Goal(2000, 1200)),
    Goals("tern-3-made-for-it", Goal(7000, 5500)),
    Goals("watches-straps", Goal(1500, 1000)),
    Goals("hub-things", Goal(9000)),
)
