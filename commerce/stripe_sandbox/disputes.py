"""Disputes: the buyer's bank takes the money back, until somebody has decided who is right."""

from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.errors import Json, refused
from commerce.stripe_sandbox.world import Work

HONOURED = frozenset({"evidence", "metadata", "submit"})
OVER = frozenset({"won", "lost", "warning_closed"})
STATUSES = frozenset({"needs_response", "under_review", "warning_needs_response", "warning_under_review", *OVER})
ANSWER_WITHIN_S = 14 * 24 * 3600
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}
"""What the documentation's test words as `uncategorized_text` bring about."""


def open_dispute(work: Work, intent: Json, charge: Json, reason: str, *, inquiry: bool = False) -> Json:
    """Dispute a charge. An inquiry only asks; otherwise the money is gone from this moment."""
    amount = charge["amount_captured"] - charge["amount_refunded"]
    dispute = work.add(
        "dispute",
        {
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": work.now + ANSWER_WITHIN_S,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "metadata": {},
            "payment_intent": intent["id"],
            "payment_method_details": None,
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        },
    )
    work.edit("charge", charge["id"])["disputed"] = not inquiry
    work.tell("charge.dispute.created", dispute)
    if not inquiry:
        work.book("dispute", intent, dispute["id"], -amount)
        work.tell("charge.dispute.funds_withdrawn", dispute)
    return dispute


def move(work: Work, id_: str, status: str) -> Json:
    """Bring a dispute to another status; a won one brings the money back."""
    dispute = work.get("dispute", id_, "dispute")
    if dispute["status"] in OVER:
        raise refused("This dispute is already closed.", code="dispute_already_closed")
    dispute = work.edit("dispute", id_)
    dispute["status"] = status
    if status not in OVER:
        work.tell("charge.dispute.updated", dispute)
        return dispute
    work.tell("charge.dispute.closed", dispute)
    if status == "won":
        intent = work.get("payment_intent", dispute["payment_intent"])
        work.book("dispute_won", intent, id_, dispute["amount"])
        work.tell("charge.dispute.funds_reinstated", dispute)
    return dispute


def is_charged_back(work: Work, charge: Json) -> bool:
    """Whether the buyer's bank has the charge's money, for now or for good."""
    if not charge["disputed"]:
        return False
    disputes = work.world.tables["dispute"].newest_first()
    return any(each["charge"] == charge["id"] and each["status"] != "won" for each in disputes)


def retrieve(work: Work, call: Call) -> Json:
    """A dispute."""
    return work.get("dispute", call.id, "dispute")


def update(work: Work, call: Call) -> Json:
    """Answer a dispute: evidence that is submitted is looked at, and the documented test words decide it."""
    dispute = work.edit("dispute", call.id, "dispute")
    update_plainly(dispute, call.said, ())
    evidence = call.said.get("evidence") or {}
    dispute["evidence"] = {**dispute["evidence"], **evidence}
    details = dispute["evidence_details"]
    dispute["evidence_details"] = {**details, "has_evidence": bool(dispute["evidence"])}
    verdict = VERDICTS.get(evidence.get("uncategorized_text", ""))
    if not evidence or not call.said.get("submit", True):
        work.tell("charge.dispute.updated", dispute)
        return dispute
    dispute["evidence_details"] = {**dispute["evidence_details"], "submission_count": details["submission_count"] + 1}
    warning = "warning_" if dispute["status"].startswith("warning_") else ""
    return move(work, call.id, verdict or f"{warning}under_review")


def close(work: Work, call: Call) -> Json:
    """Give in."""
    work.get("dispute", call.id, "dispute")
    return move(work, call.id, "lost")
