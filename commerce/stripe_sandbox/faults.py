"""What goes wrong on purpose: a script for calls and for events, with seeded dice, so that it can be repeated."""

import fnmatch
import random
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from commerce.stripe_sandbox.options import SEARCH_LAG_S_MAX

Fault = Literal["error_before", "error_after", "drop_after", "rate_limit", "lock_timeout", "hang", "hang_after"]
"""`..._before` and the refusals do nothing; `..._after` do what was asked, and then the answer is another or none."""

HANG_S_MAX = 120
DELAY_S_MAX = 30 * 24 * 3600
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Glob = Annotated[str, msgspec.Meta(min_length=1)]
Path = Annotated[str, msgspec.Meta(pattern=r"\A[/*]")]
Delay = Annotated[float, msgspec.Meta(ge=0, le=DELAY_S_MAX)]
SearchLag = Annotated[int, msgspec.Meta(ge=0, le=SEARCH_LAG_S_MAX)]
"""Seconds by the sandbox's clock until search finds what was made."""


class Match(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which calls: by method, path and caller, then the nth of them or a share, at most so many times.

    Path and caller are globs; a caller is known by the User-Agent it bears.
    """

    method: Literal["*", "GET", "POST", "DELETE"] = "*"
    path: Path = "*"
    agent: Glob = "*"
    nth: AtLeastOne | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    times: AtLeastOne | None = None


class CallFault(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A fault, and the calls it befalls."""

    match: Match
    fault: Fault


class EventFaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What happens to events on their way: delivered so many times, late, in any order, or not at all (a share)."""

    duplicate: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    shuffle: bool = False
    delay_s: tuple[Delay, Delay] = (0, 0)
    drop: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        """The shortest delay comes first."""
        if self.delay_s[0] > self.delay_s[1]:
            raise ValueError("delay_s: the shorter delay comes first")


class Script(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A whole script. Without a seed it uses the sandbox's, and so with the time until search finds what was made."""

    calls: Sequence[CallFault] = ()
    events: EventFaults = EventFaults()
    search_lag_s: SearchLag | None = None
    seed: int | None = None


class Faults:
    """A script at work: it counts calls and throws dice."""

    def __init__(self, script: Script, seed: int) -> None:
        self.script = script
        own = seed if script.seed is None else script.seed
        self._dice = random.Random(own)  # noqa: S311 - repeatable on purpose
        self.event_dice = random.Random(own if script.events.seed is None else script.events.seed)  # noqa: S311 - as above
        self._met = [0] * len(script.calls)
        self._done = [0] * len(script.calls)

    def meet(self, method: str, path: str, agent: str) -> Fault | None:
        """What befalls this call: the first entry that matches and strikes. Every entry counts what it matches."""
        struck: Fault | None = None
        for place, entry in enumerate(self.script.calls):
            match = entry.match
            globs = ((method, match.method), (path, match.path), (agent, match.agent))
            if not all(fnmatch.fnmatchcase(said, glob) for said, glob in globs):
                continue
            self._met[place] += 1
            if struck is None and self._strikes(place, match):
                self._done[place] += 1
                struck = entry.fault
        return struck

    def _strikes(self, place: int, match: Match) -> bool:
        """From the nth call on, or by a share; once if it is the nth and nothing else is said, else without end."""
        most = match.times if match.times is not None else 1 if match.nth is not None else None
        if most is not None and self._done[place] >= most:
            return False
        if match.nth is not None and self._met[place] < match.nth:
            return False
        return match.share is None or self._dice.random() < match.share
