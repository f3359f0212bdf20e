"""Find out: whether a call that was never answered was done all the same, by looking at the thing itself."""

from orders.payments.calls import Call
from orders.payments.port import PaymentGateway, SeenMandate, SeenPayment, SeenRefund
from orders.payments.rules import Operation, PaymentState

Answer = SeenPayment | SeenMandate | SeenRefund | None
"""What the provider said; None where there was nothing to ask, or nothing was found."""


async def find_out(gateway: PaymentGateway, call: Call, provider_id: str | None) -> Answer:
    """What came of a call, if anything did. Raises InDoubt, NotNow, ProviderRefused.

    A request for a mandate is not looked for: made twice, it costs nobody anything.
    """
    if call.operation is Operation.OPEN:
        return await gateway.find_payment(call.payment_id or "")
    if provider_id is None or call.operation is Operation.ASK_MANDATE:
        return None
    if call.operation is Operation.REFUND:
        made = await gateway.refunds_of(provider_id)
        return next((one for one in made if one.refund_id == call.refund_id), None)
    seen = await gateway.look(provider_id)
    over = seen.state in {PaymentState.CAPTURED, PaymentState.CANCELLED}
    captured = call.operation is Operation.CAPTURE and seen.captured >= call.facts["expected"]
    return seen if over or captured else None
