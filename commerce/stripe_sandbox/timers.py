"""What time brings: authorisations that expire, debits and refunds that the bank decides about."""

from commerce.stripe_sandbox import charges, confirm, disputes, intents, refunds
from commerce.stripe_sandbox.capture import is_partly_captured, let_go
from commerce.stripe_sandbox.cards import DECLINES
from commerce.stripe_sandbox.errors import Json
from commerce.stripe_sandbox.payment_methods import means_of
from commerce.stripe_sandbox.world import Work, World


def schedule_again(world: World) -> None:
    """After a restart: look through everything for what is still to come."""
    work = Work(world)
    for intent in world.tables["payment_intent"].rows.values():
        if intent["status"] == "requires_capture":
            world.schedule(
                charges.held_until(work.get("charge", intent["latest_charge"])), "authorisation", intent["id"]
            )
        elif intent["status"] == "processing":
            charge = work.get("charge", intent["latest_charge"])
            settles_s = means_of(work, charge["payment_method"]).settles_s
            world.schedule(charge["created"] + settles_s, "debit", intent["id"])
    for refund in world.tables["refund"].rows.values():
        if refunds.is_unsettled(work, refund):
            world.schedule(refund["created"] + refunds.SETTLES_S, "refund", refund["id"])


def bring(work: Work) -> None:
    """Let happen what has come due. Each looks first whether it still has something to do."""
    for what, id_ in work.world.take_due(work.now):
        if what == "refund":
            _settle_refund(work, id_)
            continue
        intent = work.find("payment_intent", id_)
        if intent is None:
            continue
        if what == "authorisation" and intent["status"] == "requires_capture":
            _expire(work, work.edit("payment_intent", id_))
        elif what == "debit" and intent["status"] == "processing":
            _settle_debit(work, work.edit("payment_intent", id_))


def _settle_refund(work: Work, id_: str) -> None:
    refund = work.find("refund", id_)
    if refund is not None and refunds.is_unsettled(work, refund):
        refunds.settle(work, id_)


def _expire(work: Work, intent: Json) -> None:
    """Nobody captured in time: what is held goes back to the buyer."""
    work.tell("charge.expired", work.get("charge", intent["latest_charge"]))
    if is_partly_captured(intent):
        let_go(work, intent)
    else:
        intents.call_off(work, intent, "expired")


def _settle_debit(work: Work, intent: Json) -> None:
    charge = work.edit("charge", intent["latest_charge"])
    method = work.get("payment_method", charge["payment_method"])
    means = means_of(work, method["id"])
    if means.decline:
        charges.failed(charge, DECLINES[means.decline])
        confirm.note_failure(work, intent, charge, method, DECLINES[means.decline])
        return
    charge.update(status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
    charge["balance_transaction"] = work.world.make_id("txn_")
    intent.update(status="succeeded", amount_received=charge["amount"])
    work.book("capture", intent, charge["id"], charge["amount"])
    work.tell("charge.succeeded", charge)
    work.tell("payment_intent.succeeded", intent)
    if means.dispute:
        disputes.open_dispute(work, intent, charge, means.dispute)
