"""The routes of payments: for storefronts, for whoever runs the shop, and for the provider itself."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, NamedTuple

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema
from litestar.params import JSONBody, PathParameter, QueryParameter

from commerce.kernel.access import Principal, Role, may, must_sell_in
from commerce.kernel.committer import GroupCommitter
from commerce.kernel.db import Database, Session
from commerce.kernel.http import AnyRequest, once, provide_call, replay
from commerce.kernel.idempotency import Answer, Call
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
from orders.fulfilment_schemas import RefundBody
from orders.payments import queries
from orders.payments.begin import BeginPayment, Ready, begin_payments
from orders.payments.cases import close_case
from orders.payments.charge import charge_order
from orders.payments.errors import ForgedEvent
from orders.payments.pay import Opened, come_back, open_at_provider, show_opened
from orders.payments.port import Forged, PaymentGateway
from orders.payments.receive import Received, receive_events
from orders.payments.refund import refund_order, retry_refund
from orders.payments.rules import PaymentState
from orders.payments.schemas import (
    BeginPaymentBody,
    CaseView,
    ChargeBody,
    CloseCaseBody,
    ConfirmPaymentBody,
    DisputeView,
    PaymentDetailView,
    PaymentRowView,
    PayView,
    ReceivedView,
    WhichDisputes,
)
from orders.queries import order_history
from orders.schemas import OrderHistoryView


class Provider(NamedTuple):
    """The gateway as routes are handed it (the framework cannot recognise a protocol), and who commits around it."""

    gateway: PaymentGateway
    beginning: GroupCommitter[BeginPayment, Ready]
    opening: GroupCommitter[Opened, Answer]
    receiving: GroupCommitter[Received, bool]

    @classmethod
    def at(cls, gateway: PaymentGateway, db: Database) -> "Provider":
        """Speak through a gateway, and commit to a database."""
        return cls(
            gateway,
            GroupCommitter("begin_payments", db, begin_payments),
            GroupCommitter("show_opened", db, partial(show_opened, gateway.publishable_key)),
            GroupCommitter("receive_events", db, receive_events),
        )

    def start(self) -> None:
        """Begin to serve; needs a running event loop."""
        for committer in (self.beginning, self.opening, self.receiving):
            committer.start()

    async def stop(self) -> None:
        """Serve nobody any more."""
        for committer in (self.beginning, self.opening, self.receiving):
            await committer.stop()
        await self.gateway.close()


@dataclass
class SignedEvent(Operation):
    """How an event is documented: its signature is of the very bytes, so no type of ours reads them."""

    def __post_init__(self) -> None:
        """Say what the framework cannot see in a handler that takes the bytes."""
        text, thing = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.OBJECT)
        event = Schema(
            type=OpenAPIType.OBJECT,
            description="An event as Stripe sends it. Only what it is about is read; that is then looked at anew.",
            properties={"id": text, "type": text, "data": thing},
            required=["id", "type", "data"],
        )
        self.request_body = RequestBody({"application/json": OpenAPIMediaType(schema=event)}, required=True)
        self.parameters = [
            Parameter(
                name="Stripe-Signature",
                param_in="header",
                required=True,
                description="When it was signed, and a signature of the body by each secret that is good.",
                schema=text,
                example="t=1793620860,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
            )
        ]


OrderPath = Annotated[str, PathParameter(pattern="^ord_[0-9a-f]{32}$", description="The order's id.")]
PaymentPath = Annotated[str, PathParameter(pattern="^pay_[0-9a-f]{32}$", description="The payment's id.")]
ThingPath = Annotated[
    str, PathParameter(pattern="^(pay|mnd)_[0-9a-f]{32}$", description="The payment's or the mandate's id.")
]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="The last page's `next_cursor`.")]


@post("/v1/orders/{order_id:str}/payments", opt=may(Role.STOREFRONT, idempotent=True), tags=["payments"])
async def start_payment(
    order_id: OrderPath,
    data: JSONBody[BeginPaymentBody],
    request: AnyRequest,
    db: NamedDependency[Database],
    provider: NamedDependency[Provider],
) -> Response[PayView]:
    """Begin to pay an order, or go on with it; the answer is for the provider's form in the buyer's browser.

    An order has one payment at a time: asked again, this answers the same one. Where the provider does not answer, the
    payment is noted and opened later, and the same request may be sent again.
    """
    call = provide_call(request)  # not a dependency: resolving another one costs a task group for each request
    ready = await provider.beginning.submit(BeginPayment(call, data, order_id))
    asked = await open_at_provider(db, provider.gateway, ready)
    return replay(await provider.opening.submit(Opened(call, data, ready.begun, asked)), PayView)


@post("/v1/payments/{thing_id:str}/confirm", status_code=200, opt=may(Role.STOREFRONT), tags=["payments"])
async def confirm_payment(
    thing_id: ThingPath,
    data: JSONBody[ConfirmPaymentBody],
    db: NamedDependency[Database],
    provider: NamedDependency[Provider],
    principal: NamedDependency[Principal],
) -> PayView:
    """Say that the buyer is back from paying, or from saving a card: it is looked at now, without waiting for news.

    Safe to send again: it only looks.
    """
    del data
    await _must_be_theirs(db, principal, thing_id)
    await come_back(db, provider.gateway, thing_id)
    async with db.read() as tx:
        if thing_id.startswith("mnd_"):
            return (await queries.mandate_view(tx, thing_id, provider.gateway.publishable_key))[0]
        return (await queries.pay_view(tx, thing_id, provider.gateway.publishable_key))[0]


async def _must_be_theirs(db: Database, principal: Principal, thing_id: str) -> None:
    async with db.read() as tx:
        if thing_id.startswith("mnd_"):
            _, channel = await queries.mandate_view(tx, thing_id, "")
        else:
            _, channel = await queries.pay_view(tx, thing_id, "")
    must_sell_in(principal, channel, "id")


@get("/v1/payment-links/{link:str}", opt=may(Role.STOREFRONT), tags=["payments"])
async def follow_link(
    link: Annotated[str, PathParameter(max_length=100, description="The word that a buyer was sent.")],
    db: NamedDependency[Database],
    provider: NamedDependency[Provider],
    principal: NamedDependency[Principal],
) -> PayView:
    """What the page behind a link needs that was sent to a buyer who has to come back to pay."""
    async with db.read() as tx:
        payment_id = await queries.payment_by_link(tx, link)
        view, channel = await queries.pay_view(tx, payment_id, provider.gateway.publishable_key)
    must_sell_in(principal, channel, "link")
    return view


@post(
    "/v1/orders/{order_id:str}/charge",
    status_code=200,
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    tags=["payments"],
)
async def charge_saved_means(
    order_id: OrderPath, data: JSONBody[ChargeBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Have what is due charged to the means of payment that the buyer saved, as soon as the provider lets us."""

    async def charge_it(tx: Session, now: datetime) -> OrderHistoryView:
        await charge_order(tx, order_id, call.principal.id, now)
        return await order_history(tx, order_id, call.principal.role)

    return await once(db, call, data, charge_it, 200)


@post(
    "/v1/orders/{order_id:str}/refunds",
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    tags=["payments"],
)
async def give_money_back(
    order_id: OrderPath, data: JSONBody[RefundBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Give money back: for units of a line, for the shipping that was paid, or as goodwill.

    What came through the provider goes back through it, in the background; what was paid at a counter is given there.
    """

    async def refund_it(tx: Session, now: datetime) -> OrderHistoryView:
        await refund_order(tx, order_id, data, call.principal.id, now)
        return await order_history(tx, order_id, call.principal.role)

    return await once(db, call, data, refund_it, 201)


@post(
    "/v1/refunds/{refund_id:str}/retry",
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    tags=["payments"],
)
async def retry_failed_refund(
    refund_id: Annotated[str, PathParameter(pattern="^rfd_[0-9a-f]{32}$", description="The refund's id.")],
    call: NamedDependency[Call],
    db: NamedDependency[Database],
) -> Response[OrderHistoryView]:
    """Promise a refund that failed anew; the new one stands in its place."""

    async def retry_it(tx: Session, now: datetime) -> OrderHistoryView:
        order_id = await retry_refund(tx, refund_id, call.principal.id, now)
        return await order_history(tx, order_id, call.principal.role)

    return await once(db, call, refund_id, retry_it, 201)


@get("/v1/payments", opt=may(Role.OPERATOR, Role.ADMIN), tags=["payments"])
async def list_payments(
    db: NamedDependency[Database],
    payment_state: Annotated[PaymentState | None, QueryParameter(name="state")] = None,
    order: Annotated[
        str | None, QueryParameter(max_length=100, description="Only this order's, by its id or its number.")
    ] = None,
    in_doubt: Annotated[bool, QueryParameter(description="Only those of which something is not known.")] = False,  # noqa: FBT002 - a query parameter has a name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PaymentRowView]:
    """Payments, newest first."""
    after = decode_cursor(cursor, 1)
    wanted = queries.Wanted(None if payment_state is None else str(payment_state), order, in_doubt)
    async with db.read() as tx:
        found = await queries.payment_page(tx, wanted, after[0] if after else None, limit)
    return page_of(found, limit, lambda one: one, lambda one: (one.id,))


@get("/v1/payments/{payment_id:str}", opt=may(Role.OPERATOR, Role.ADMIN), tags=["payments"])
async def show_payment(payment_id: PaymentPath, db: NamedDependency[Database]) -> PaymentDetailView:
    """A payment with every try of the buyer's, and every call about it."""
    async with db.read() as tx:
        return await queries.payment_detail(tx, payment_id)


@get("/v1/disputes", opt=may(Role.OPERATOR, Role.ADMIN), tags=["payments"])
async def list_disputes(
    db: NamedDependency[Database],
    which: Annotated[
        WhichDisputes,
        QueryParameter(
            name="state",
            description="`to_answer`: waits for our evidence; `open`: not decided, those included; `over`: decided.",
        ),
    ] = WhichDisputes.OPEN,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DisputeView]:
    """What buyers object to at their banks, and is not decided yet; what must be answered first is on top.

    A dispute is answered at the provider, before `due_by`; after that it is lost. `state` asks for others.
    """
    async with db.read() as tx:
        return await queries.dispute_page(tx, which, decode_cursor(cursor, 2), limit)


@get("/v1/payment-cases", opt=may(Role.OPERATOR, Role.ADMIN), tags=["payments"])
async def list_payment_cases(
    db: NamedDependency[Database],
    only_open: Annotated[bool, QueryParameter(description="Leave out the cases that are closed.")] = True,  # noqa: FBT002 - a query parameter has a name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseView]:
    """What does not add up about money, oldest first."""
    after = decode_cursor(cursor, 1)
    async with db.read() as tx:
        found = await queries.case_page(tx, after[0] if after else "", limit, only_open=only_open)
    return page_of(found, limit, lambda one: one, lambda one: (one.id,))


@post(
    "/v1/payment-cases/{case_id:str}/close",
    status_code=200,
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    tags=["payments"],
)
async def close_payment_case(
    case_id: Annotated[str, PathParameter(pattern="^pcs_[0-9a-f]{32}$", description="The case's id.")],
    data: JSONBody[CloseCaseBody],
    call: NamedDependency[Call],
    db: NamedDependency[Database],
) -> Response[CaseView]:
    """Close a case and note what was done."""

    async def close_it(tx: Session, now: datetime) -> CaseView:
        await close_case(tx, case_id, data.note, call.principal.id, now)
        return await queries.case_view(tx, case_id)

    return await once(db, call, data, close_it, 200)


@post("/v1/webhooks/stripe", status_code=200, opt=may(), tags=["payments"], security=[], operation_class=SignedEvent)
async def receive_webhook(
    request: AnyRequest, db: NamedDependency[Database], provider: NamedDependency[Provider]
) -> ReceivedView:
    """Take an event from the payment provider: proved by its signature, stored once, handled afterwards."""
    raw = await request.body()
    try:
        event = provider.gateway.read_event(raw, request.headers.get("stripe-signature", ""), db.clock.now())
    except Forged as forged:
        raise ForgedEvent(str(forged)) from forged
    fresh = await provider.receiving.submit(Received(event, raw))
    return ReceivedView(received=True, again=not fresh)


ROUTES = [
    start_payment,
    confirm_payment,
    follow_link,
    charge_saved_means,
    give_money_back,
    retry_failed_refund,
    list_payments,
    show_payment,
    list_disputes,
    list_payment_cases,
    close_payment_case,
    receive_webhook,
]
