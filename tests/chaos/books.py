"""The verdict: our books beside the provider's, row by row, and everything that must not be left behind."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from commerce.kernel.db import Database
from commerce.kernel.laws import broken, check_laws
from commerce.lawbook import LAWS
from tests.conftest import Json
from tests.shop import rows

Row = tuple[str, str, int, str, str]
"""A payment's id at the provider, what moved, how much (minor units), the currency, and the refund's id there."""

DISPUTED = {"dispute", "dispute_won"}
"""What a bank takes back is shown and put before a person; no ledger entry of ours follows from it."""

_MOVED = """
    SELECT coalesce(p.provider_id, ''), 'capture', (-e.amount)::bigint, lower(e.currency), ''
      FROM ledger_entries e JOIN payments p ON p.id = e.reference WHERE e.kind = 'payment'
     UNION ALL
    SELECT coalesce(p.provider_id, ''), CASE WHEN e.amount > 0 THEN 'refund' ELSE 'refund_failed' END,
           (-e.amount)::bigint, lower(e.currency), coalesce(r.provider_id, '')
      FROM ledger_entries e JOIN refunds r ON r.id = e.reference JOIN payments p ON p.id = r.payment_id
     WHERE e.kind = 'repayment'
"""
_ASKED = "SELECT id, order_id, amount FROM payments"
_PROMISED = """
    SELECT p.id, coalesce(sum(r.amount), 0)::bigint FROM payments p
      LEFT JOIN refunds r ON r.payment_id = p.id AND r.state <> 'replaced' GROUP BY p.id
"""
_OPEN = """
    SELECT 'call ' || operation || ' ' || id || ' ' || coalesce(last_error, '') FROM provider_calls
     WHERE state = 'intended'
     UNION ALL SELECT 'look ' || about || ' ' || provider_id || ' ' || coalesce(last_error, '') FROM provider_looks
     UNION ALL SELECT 'refund ' || id || ' ' || state FROM refunds WHERE state IN ('intended', 'pending')
     UNION ALL SELECT 'job ' || name || ' ' || last_error FROM schedules WHERE last_error IS NOT NULL
"""
_CASES = "SELECT kind || ' ' || subject || ' ' || facts FROM payment_cases WHERE closed_at IS NULL ORDER BY 1"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; everything but `rows` is a sentence about something that must not be."""

    rows: int
    """So many movements stand in both ledgers."""
    differences: list[str]
    double_charges: list[str]
    double_refunds: list[str]
    without_order: list[str]
    """Paid, and no order of ours is behind it."""
    in_doubt: list[str]
    cases: list[str]
    laws: list[str]

    def violations(self) -> list[str]:
        """Everything that must not be, in one list."""
        found = {
            "books differ": self.differences,
            "charged twice": self.double_charges,
            "refunded twice": self.double_refunds,
            "paid without an order": self.without_order,
            "in doubt": self.in_doubt,
            "case": self.cases,
            "law broken": self.laws,
        }
        return [f"{what}: {each}" for what, offenders in found.items() for each in offenders]


async def judge(db: Database, ledger: Sequence[Json]) -> Verdict:
    """Lay our books beside the provider's ledger, and look for whatever must not be left behind."""
    theirs = [row for row in ledger if row["kind"] not in DISPUTED]
    moved: list[Row] = [(row[0], row[1], row[2], row[3], row[4]) for row in await rows(db, _MOVED)]
    orders = {row[0] for row in await rows(db, "SELECT id FROM orders")}
    async with db.snapshot() as tx:
        findings = broken(await check_laws(tx, LAWS))
    return Verdict(
        rows=len(theirs),
        differences=_differences(Counter(moved), Counter(_row(row) for row in theirs)),
        double_charges=await _double_charges(db, theirs),
        double_refunds=await _double_refunds(db, theirs),
        without_order=[str(row) for row in theirs if row["metadata"].get("order") not in orders],
        in_doubt=await in_doubt(db),
        cases=[str(row[0]) for row in await rows(db, _CASES)],
        laws=[f"{one.law}: {one.offenders} offenders, {one.shown}" for one in findings],
    )


async def in_doubt(db: Database) -> list[str]:
    """What is asked of the provider and not answered, not looked at yet, or failed and to be done again."""
    return [str(row[0]) for row in await rows(db, _OPEN)]


def _row(theirs: Json) -> Row:
    refund = theirs["object"] if theirs["kind"].startswith("refund") else ""
    return (theirs["payment_intent"], theirs["kind"], theirs["amount"], theirs["currency"], refund)


def _differences(ours: Counter[Row], theirs: Counter[Row]) -> list[str]:
    """What stands in one ledger and not in the other, each as often as it is missing."""
    return [
        *(f"only in ours: {row}" for row in sorted((ours - theirs).elements())),
        *(f"only in the provider's: {row}" for row in sorted((theirs - ours).elements())),
    ]


async def _double_charges(db: Database, theirs: Sequence[Json]) -> list[str]:
    """Payments of ours that were charged as two there, or beyond what was asked."""
    intents: defaultdict[str, set[str]] = defaultdict(set)
    charged: Counter[str] = Counter()
    for row in theirs:
        if row["kind"] == "capture":
            ours = str(row["metadata"].get("payment"))
            intents[ours].add(row["payment_intent"])
            charged[ours] += row["amount"]
    asked = {row[0]: int(row[2]) for row in await rows(db, _ASKED)}
    return [
        f"{ours}: {charged[ours]} in {len(intents[ours])} parts of {asked.get(ours, 0)}"
        for ours in sorted(intents)
        if len(intents[ours]) > 1 or charged[ours] > asked.get(ours, 0)
    ]


async def _double_refunds(db: Database, theirs: Sequence[Json]) -> list[str]:
    """Payments of which more went back there than we promised."""
    made: Counter[str] = Counter()
    for row in theirs:
        if row["kind"].startswith("refund"):
            made[str(row["metadata"].get("payment"))] -= row["amount"]
    promised = {row[0]: int(row[1]) for row in await rows(db, _PROMISED)}
    return [
        f"{ours}: {back} back of {promised.get(ours, 0)} promised"
        for ours, back in sorted(made.items())
        if back > promised.get(ours, 0)
    ]
