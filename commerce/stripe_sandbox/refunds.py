"""Refunds: money back, never more than was captured and is not back yet."""

from commerce.stripe_sandbox import disputes
from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.currencies import refuse_fraction
from commerce.stripe_sandbox.errors import Json, missing_parameter, refused
from commerce.stripe_sandbox.payment_methods import means_of
from commerce.stripe_sandbox.world import Work

HONOURED = frozenset({"payment_intent", "charge", "amount", "reason", "metadata"})
SETTLES_S = 60
"""The refund of a marked test card fails, or goes through, so much later."""


def create(work: Work, call: Call) -> Json:
    """Give money back."""
    said = call.said
    charge = _charge(work, said)
    amount = _amount(work, said, charge)
    means = means_of(work, charge["payment_method"])
    refund = work.add("refund", _blank(charge, amount, said))
    update_plainly(refund, said, ())
    charge = work.edit("charge", charge["id"])
    _count(charge, amount)
    if means.refund:
        work.world.schedule(work.now + SETTLES_S, "refund", refund["id"])
    refund["status"] = "pending" if means.refund == "pending" else "succeeded"
    work.book("refund", work.get("payment_intent", charge["payment_intent"]), refund["id"], -amount)
    work.tell("refund.created", refund)
    work.tell("charge.refunded", charge)
    return refund


def _charge(work: Work, said: Json) -> Json:
    """The charge that is meant: named itself, or the one by which the intent was paid."""
    if "charge" in said:
        return work.get("charge", said["charge"], "charge", status=400)
    if "payment_intent" not in said:
        raise missing_parameter("charge")
    intent = work.get("payment_intent", said["payment_intent"], "payment_intent", status=400)
    charge = work.find("charge", intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        raise refused(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            "payment_intent",
            "charge_not_refundable",
        )
    return charge


def _amount(work: Work, said: Json, charge: Json) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["captured"] and left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not charge["captured"]:
        raise refused(
            f"Charge {charge['id']} has not been captured; cancel its PaymentIntent instead.",
            code="charge_not_refundable",
        )
    if disputes.is_charged_back(work, charge):
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    amount: int = said.get("amount", left)
    if amount < 1:
        raise refused("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        whole = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        raise refused(f"Refund amount ({amount}) is greater than {whole} ({left})", "amount", "amount_too_large")
    refuse_fraction(amount, charge["currency"], "amount")
    return amount


def _count(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]


def settle(work: Work, id_: str) -> None:
    """The bank decided about the refund of a marked test card: it goes through, or fails after all."""
    refund = work.edit("refund", id_)
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
        work.tell("refund.updated", refund)
        work.tell("charge.refund.updated", refund)
    elif refund["status"] == "succeeded":
        charge = work.edit("charge", refund["charge"])
        _count(charge, -refund["amount"])
        refund.update(
            status="failed",
            failure_reason="expired_or_canceled_card",
            failure_balance_transaction=work.world.make_id("txn_"),
        )
        intent = work.get("payment_intent", refund["payment_intent"])
        work.book("refund_failed", intent, id_, refund["amount"])
        work.tell("refund.updated", refund)
        work.tell("refund.failed", refund)
        work.tell("charge.refund.updated", refund)


def is_unsettled(work: Work, refund: Json) -> bool:
    """Whether the bank still has to decide."""
    charge = work.get("charge", refund["charge"])
    wanted = {"pending": "pending", "fails": "succeeded"}.get(means_of(work, charge["payment_method"]).refund or "")
    return bool(refund["status"] == wanted)


def retrieve(work: Work, call: Call) -> Json:
    """A refund."""
    return work.get("refund", call.id, "refund")


def update(work: Work, call: Call) -> Json:
    """Change a refund's metadata."""
    refund = work.edit("refund", call.id, "refund")
    update_plainly(refund, call.said, ())
    work.tell("refund.updated", refund)
    return refund


def _blank(charge: Json, amount: int, said: Json) -> Json:
    return {
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "currency": charge["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": said.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
