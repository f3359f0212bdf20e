"""What attach programs say no to."""

from dataclasses import dataclass
from datetime import datetime

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class ProgramChanged(Refusal):
    """Somebody else changed the program after it was read: what they did would be lost."""

    code = "program_changed"
    field: str
    program: str
    version: int
    current: int

    def __str__(self) -> str:
        return f"{self.program!r} is at version {self.current} and not at {self.version}: look at it, and say it again."


@dataclass(eq=False)
class GoalsElsewhere(Refusal):
    """Goals are named for a pairing whose program has others: they would be given to nobody."""

    status = 422
    code = "goals_elsewhere"
    field: str
    pairing: str
    program: str

    def __str__(self) -> str:
        return f"{self.pairing!r} has a program with other goals, {self.program!r}: change them there."


@dataclass(eq=False)
class AlertAcknowledged(Refusal):
    """Somebody has taken note of the alert before."""

    code = "alert_acknowledged"
    alert: str
    by: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.by} acknowledged it at {self.at:%Y-%m-%d %H:%M} UTC."


class ImportUnderWay(Refusal):
    """What an import brings was recorded as of its beginning: until it is done, no figure of that time stands."""

    code = "import_under_way"

    def __str__(self) -> str:
        return "An import is under way, so no figure stands yet. Look again when it is done."
