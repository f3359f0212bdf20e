"""Capturing: taking the money that is held, as a whole, less of it, or in several parts."""

from commerce.stripe_sandbox import charges, disputes
from commerce.stripe_sandbox.calls import Call, with_metadata
from commerce.stripe_sandbox.currencies import refuse_fraction
from commerce.stripe_sandbox.errors import Json, refused, unexpected_state
from commerce.stripe_sandbox.payment_methods import means_of
from commerce.stripe_sandbox.world import Work

HONOURED = frozenset({"amount_to_capture", "final_capture", "metadata"})


def capture(work: Work, call: Call) -> Json:
    """Capture what an intent holds, or the amount said; the rest is let go unless more captures are to come."""
    intent = work.get("payment_intent", call.id, "intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a"
            " PaymentIntent with one of the following statuses may be captured: requires_capture.",
            "payment_intent",
            intent,
        )
    charge = work.edit("charge", intent["latest_charge"])
    final = call.said.get("final_capture", True)
    if not final and not charges.is_multicapture(charge):
        raise refused("`final_capture` can only be false when multicapture is available.", "final_capture")
    amount = _amount(call.said, intent)
    intent = work.edit("payment_intent", call.id)
    intent["metadata"] = with_metadata(intent["metadata"], call.said.get("metadata"))
    if amount == 0:
        return let_go(work, intent)
    return take(work, intent, charge, amount, final=final)


def _amount(said: Json, intent: Json) -> int:
    held: int = intent["amount_capturable"]
    amount: int = said.get("amount_to_capture", held)
    if amount > held:
        raise refused(
            f"The amount_to_capture ({amount}) is greater than the amount that can be captured ({held}).",
            "amount_to_capture",
            "amount_too_large",
        )
    least = 0 if is_partly_captured(intent) and said.get("final_capture", True) else 1
    if amount < least:
        raise refused(
            f"This value must be greater than or equal to {least}.", "amount_to_capture", "parameter_invalid_integer"
        )
    refuse_fraction(amount, intent["currency"], "amount_to_capture")
    return amount


def is_partly_captured(intent: Json) -> bool:
    """Whether something was captured, and something is still held."""
    return bool(intent["status"] == "requires_capture" and intent["amount_received"])


def let_go(work: Work, intent: Json) -> Json:
    """No more captures: what was captured is what was paid."""
    intent.update(status="succeeded", amount_capturable=0)
    work.tell("payment_intent.succeeded", intent)
    return intent


def take(work: Work, intent: Json, charge: Json, amount: int, *, final: bool, at_once: bool = False) -> Json:
    """Take the money: it is in the ledger from here on. `at_once`: it was never held."""
    left = 0 if at_once else intent["amount_capturable"] - amount
    over = final or left == 0
    charge.update(captured=True, amount_captured=charge["amount_captured"] + amount)
    if intent["capture_method"] != "automatic_async" or not at_once:
        charge["balance_transaction"] = work.world.make_id("txn_")
    intent.update(amount_received=intent["amount_received"] + amount, amount_capturable=0 if over else left)
    work.book("capture", intent, charge["id"], amount)
    work.tell("charge.succeeded" if at_once else "charge.captured", charge)
    if over:
        intent["status"] = "succeeded"
        work.tell("payment_intent.succeeded", intent)
    else:
        work.tell("payment_intent.amount_capturable_updated", intent)
    if charge["balance_transaction"] is None:
        # Asynchronous capture answers first; the movement on the balance is known a moment later.
        charge["balance_transaction"] = work.world.make_id("txn_")
        work.tell("charge.updated", charge)
    means = means_of(work, charge["payment_method"])
    if means.dispute and over:
        disputes.open_dispute(work, intent, charge, means.dispute, inquiry=means.inquiry)
    return intent
