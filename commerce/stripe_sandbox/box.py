"""The sandbox as one thing: its world, what is on its way out, what goes wrong on purpose, and what it was asked."""

from collections import deque
from dataclasses import dataclass

from commerce.kernel.clock import SystemClock
from commerce.stripe_sandbox import timers
from commerce.stripe_sandbox.errors import Json
from commerce.stripe_sandbox.faults import Fault, Faults, Script
from commerce.stripe_sandbox.journal import Journal
from commerce.stripe_sandbox.keys import Kept
from commerce.stripe_sandbox.options import Options
from commerce.stripe_sandbox.outgoing import Outgoing
from commerce.stripe_sandbox.world import Event, Work, World

CALLS_MAX = 100_000


@dataclass(slots=True)
class Asked:
    """One request as the log remembers it; `status` and `replayed` are filled in when it is answered."""

    method: str
    path: str
    agent: str
    key: str | None
    at_s: float
    fault: Fault | None
    status: int | None = None
    replayed: bool = False

    def told(self) -> Json:
        """The request as the log tells it."""
        return {
            "method": self.method,
            "path": self.path,
            "agent": self.agent,
            "key": self.key,
            "status": self.status,
            "fault": self.fault,
            "replayed": self.replayed,
            "at_s": self.at_s,
        }


class Sandbox:
    """One sandbox; everything it knows lives in this process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        journal = Journal(options.journal) if options.journal else None
        self.world = World(SystemClock(), journal, seed=options.seed)
        self.faults = Faults(Script(), options.seed)
        self.outgoing = Outgoing(self.world, lambda: self.faults, options.webhook_secrets, options.webhook_events)
        self.webhook_url = options.webhook_url
        self.latency_ms = options.latency_ms
        self.world.multicapture = options.multicapture
        self.lag_search(options.search_lag_s)
        self.calls: deque[Asked] = deque(maxlen=CALLS_MAX)
        if journal is not None:
            self._restore(journal)

    def _restore(self, journal: Journal) -> None:
        pending: dict[str, Event] = {}

        def apply(line: Json) -> None:
            for event in self.world.apply(line):
                pending[event.id] = event
            for id_ in line.get("settled", ()):
                pending.pop(id_, None)

        journal.replay(apply)
        timers.schedule_again(self.world)
        self.outgoing.add_again(pending.values())

    def reset(self) -> None:
        """Be as just started, with nothing in the journal."""
        self.world.forget()
        self.outgoing.clear()
        self.calls.clear()
        self.play(Script())
        self.outgoing.secrets = self.options.webhook_secrets
        self.webhook_url = self.options.webhook_url
        self.latency_ms = self.options.latency_ms
        self.world.multicapture = self.options.multicapture
        self.lag_search(self.options.search_lag_s)

    def play(self, script: Script) -> None:
        """Let go wrong what the script says, and nothing else."""
        self.faults = Faults(script, self.options.seed)
        self.lag_search(self.search_lag_s)

    def lag_search(self, seconds: int) -> None:
        """Let search find nothing that is younger, unless the script has a time of its own."""
        self.search_lag_s = seconds
        own = self.faults.script.search_lag_s
        self.world.search_lag_s = seconds if own is None else own

    def pass_time(self) -> None:
        """Let happen what the clock has brought."""
        work = Work(self.world)
        timers.bring(work)
        self.finish(work)

    def finish(self, work: Work, kept: Kept | None = None) -> None:
        """Make a work's changes true, and send its events on their way."""
        work.done(kept)
        if work.events:
            self.outgoing.add(work.events)
