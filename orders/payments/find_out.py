"""Find out: whether a call that was never answered was done all the same, by looking at the thing itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from orders.payments.calls import Call
from orders.payments.port import InDoubt, PaymentGateway, ProviderRefused, SeenMandate, SeenPayment, SeenRefund
from orders.payments.rules import Operation, PaymentState

Answer = SeenPayment | SeenMandate | SeenRefund | None
"""What the provider said; None where there was nothing to ask, or nothing was found."""


@contextmanager
def only_looking() -> Iterator[None]:
    """A look that is refused says nothing of the call that it was made for: that one stays in doubt."""
    try:
        yield
    except ProviderRefused as no:
        raise InDoubt(f"the look was refused: {no}") from no


async def find_out(gateway: PaymentGateway, call: Call, provider_id: str | None, customer: str | None = None) -> Answer:
    """What came of a call, if anything did. Raises InDoubt, NotNow.

    Whatever moves money is found for certain: what was done to a payment shows on it, its refunds are listed, and a
    charge of a saved means is among its `customer`'s. A payment that only waits for its buyer may be missed when it is
    new, and a request for a mandate is not looked for: made twice, they cost nobody anything.
    """
    with only_looking():
        if provider_id is None and call.operation is Operation.OPEN:
            return await gateway.find_payment(call.payment_id or "", customer)
        if provider_id is None or call.operation is Operation.ASK_MANDATE:
            return None
        if call.operation is Operation.REFUND:
            made = await gateway.refunds_of(provider_id)
            return next((one for one in made if one.refund_id == call.refund_id), None)
        seen = await gateway.look(provider_id)
        if call.operation is Operation.OPEN:
            return seen
        if call.operation is Operation.CAPTURE:
            # What is over without having been taken is asked for again, and refused.
            return seen if seen.captured >= call.facts["expected"] else None
        return seen if seen.state in {PaymentState.CAPTURED, PaymentState.CANCELLED} else None
