"""What is asked of orders, and what they answer."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from commerce.kernel.bodies import NO_NUL, Amount, Balance, Body, CodeText, Quantity, ShortText
from orders.customers.schemas import Buyer
from orders.rules import Delivery, Fulfilment, OrderState, PaymentPlan, TenderKind
from pricing.rules.quoted import Reason, told_reasons

Store = Annotated[CodeText, Meta(description="A store's or warehouse's code.", examples=["store-hamburg"])]
OrderId = Annotated[
    str,
    Meta(
        pattern="^ord_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$",
        max_length=36,
        description="`ord_` and a UUIDv7 in hex.",
    ),
]
HoldId = Annotated[
    str,
    Meta(
        pattern="^hld_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$",
        max_length=36,
        description="`hld_` and a UUIDv7 in hex.",
    ),
]
Sku = Annotated[CodeText, Meta(examples=["TERN3-SLATE-128"])]


class LineBody(Body, frozen=True):
    """One line of a basket."""

    sku: Sku
    quantity: Quantity


CodesTyped = Annotated[
    list[Annotated[str, NO_NUL, Meta(min_length=1, max_length=100, examples=["WELCOME10"])]],
    Meta(max_length=10, description="Codes that open promotions, as they were typed."),
]
Lines = Annotated[list[LineBody], Meta(min_length=1, max_length=100, description="1 to 100 lines.")]


Shipping = Annotated[
    Amount,
    Meta(
        description="What the storefront asks for bringing it, taxed at the standard rate: tax is in it where the"
        " market's prices include tax. Promotions may reduce it."
    ),
]


class QuoteBody(Body, frozen=True):
    """A basket to be priced."""

    channel: Annotated[CodeText, Meta(description="The channel it would be bought in.", examples=["de-web"])]
    lines: Lines
    codes: CodesTyped = []
    shipping: Shipping | None = None
    buyer: Buyer = None
    explain: Annotated[
        bool, Meta(description="Tell of every promotion that runs, also of those that find nothing here.")
    ] = False


class PlaceOrderBody(Body, frozen=True):
    """An order from a storefront. The total that was shown to the buyer is checked again."""

    channel: Annotated[CodeText, Meta(description="The key's own channel.", examples=["de-web"])]
    lines: Lines
    shown_total: Annotated[Amount, Meta(description="What the buyer was told to pay, tax and all.")]
    fulfilment: Annotated[Delivery, Meta(description="`ship`, or `collect` in a store.")] = Delivery.SHIP
    collect_at: Annotated[CodeText | None, Meta(description="The store, when `fulfilment` is `collect`.")] = None
    buyer: Buyer = None
    hold: Annotated[HoldId | None, Meta(description="The key's own basket hold that this order takes over.")] = None
    id: Annotated[OrderId | None, Meta(description="Made by the client, if it wants to know it beforehand.")] = None
    payment: Annotated[
        PaymentPlan,
        Meta(
            description="`on_collection` (or to the carrier), `now`, `on_shipment` (reserved now), `later` (saved now)."
        ),
    ] = PaymentPlan.ON_COLLECTION
    codes: CodesTyped = []
    shipping: Shipping | None = None
    deposit: Annotated[Amount | None, Meta(description="What is paid at once of an order that is paid `later`.")] = None


class TenderBody(Body, frozen=True):
    """One means of payment at the counter. Cash may be given in excess; the change is worked out."""

    kind: TenderKind
    given: Amount
    reference: Annotated[ShortText | None, Meta(description="The card terminal's number for the payment.")] = None


Tenders = Annotated[list[TenderBody], Meta(max_length=10, description="Up to 10; together they pay the total exactly.")]


SerialText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[!-~]([ -~]*[!-~])?(?!\n)$",
        description="1 to 64 printable ASCII characters, no spaces around them. Kept in upper case.",
        examples=["356938035643809"],
    ),
]
Serials = Annotated[list[SerialText], Meta(max_length=1000, description="IMEI or serial numbers, one for each unit.")]
LineNumber = Annotated[int, Meta(ge=1, le=100_000, description="The line's number in the order.", examples=[1])]


class SoldLineBody(LineBody, frozen=True):
    """One line of a till sale, with the serial numbers of the devices that left."""

    serials: Serials = []


class TillSaleBody(Body, frozen=True):
    """A sale at a till. Its `id` is its key for ever: the same sale sent again is the same sale."""

    id: Annotated[OrderId, Meta(examples=["ord_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    channel: Annotated[CodeText, Meta(examples=["de-retail"])]
    location: Annotated[CodeText, Meta(description="The store the till stands in.", examples=["store-hamburg"])]
    lines: Annotated[list[SoldLineBody], Meta(min_length=1, max_length=100, description="1 to 100 lines.")]
    shown_total: Amount
    tenders: Tenders
    buyer: Buyer = None
    codes: CodesTyped = []


class DiscountView(msgspec.Struct, frozen=True):
    """What a promotion takes off a line."""

    promotion: Annotated[str, Meta(examples=["prm_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    amount: Annotated[int, Meta(examples=[500])]


class PriorPriceView(msgspec.Struct, frozen=True):
    """The lowest price of a unit in this channel in the days before its price was reduced."""

    amount: Annotated[int, Meta(examples=[2990])]
    since: Annotated[datetime, Meta(description="When the reduction began.")]


VerdictReason = Annotated[
    Reason,
    Meta(
        description=f"{told_reasons()} `group` is said too of a customer of the group who is named by an e-mail "
        "address or a phone number alone."
    ),
]


class VerdictView(msgspec.Struct, frozen=True):
    """What became of a promotion that runs here, and why."""

    promotion: Annotated[str, Meta(examples=["prm_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    applied: bool
    reason: VerdictReason
    amount: int


class CodeShownView(msgspec.Struct, frozen=True):
    """A code that was shown, and what it opens."""

    code: Annotated[str, Meta(description="As it was typed.", examples=["WELCOME10"])]
    promotions: Annotated[
        list[str],
        Meta(
            description="What it opens now in this channel, by id; whether that takes something off this basket, "
            "`promotions` of the quote says. Empty: it opens nothing, be it over, not begun, used up, or never made.",
            examples=[["prm_019aa5c83d2f7b3c9d4e5f60718293a4"]],
        ),
    ]


class GiftView(msgspec.Struct, frozen=True):
    """Units that would cost nothing if they were put into the basket."""

    promotion: str
    sku: str
    quantity: int


class QuotedLine(msgspec.Struct, frozen=True):
    """One line, priced. `tax_total` is inside `line_total` where the market's prices include tax."""

    line: int
    sku: str
    name: str
    quantity: int
    recommended_price: int
    unit_price: int
    discount_total: int
    tax_rate_bp: int
    tax_total: int
    line_total: int
    serial_numbered: bool = False
    discounts: list[DiscountView] = []
    prior_price: PriorPriceView | None = None


class ShippingView(msgspec.Struct, frozen=True):
    """What bringing an order costs, in the currency's smallest unit."""

    price: Annotated[int, Meta(description="Before promotions.", examples=[490])]
    total: Annotated[int, Meta(examples=[0])]
    tax_total: Annotated[int, Meta(examples=[0])]
    discounts: list[DiscountView] = []


class QuoteView(msgspec.Struct, frozen=True):
    """A basket, priced at an instant. All amounts of the lines are in the currency's smallest unit."""

    channel: str
    market: str
    currency: str
    prices_include_tax: bool
    quoted_at: datetime
    lines: list[QuotedLine]
    subtotal: Amount
    discount_total: Amount
    tax_total: Amount
    total: Amount
    book: Annotated[int, Meta(description="The number of the market's price book that it follows from.")] = 0
    promotions: Annotated[list[VerdictView], Meta(description="Those that have to do with the basket.")] = []
    gifts: list[GiftView] = []
    shipping: ShippingView | None = None
    codes: Annotated[list[CodeShownView], Meta(description="Each code that was sent, in that order.")] = []


class OrderLineView(msgspec.Struct, frozen=True):
    """One line of an order, with the prices of the instant it was placed."""

    line: int
    sku: str
    quantity: int
    recommended_price: int | None
    unit_price: int
    discount_total: int
    tax_rate_bp: int | None
    tax_total: int
    line_total: int
    sent: int = 0
    cancelled: Annotated[int, Meta(description="Units that were cancelled after others had left.")] = 0
    book: Annotated[int | None, Meta(description="The price book it was quoted from; null in imported history.")] = None
    prior_price: Annotated[
        int | None, Meta(description="What a unit cost at the least before its price was reduced, if it was.")
    ] = None
    discounts: list[DiscountView] = []


class TenderView(msgspec.Struct, frozen=True):
    """How an order is, or will be, paid."""

    kind: TenderKind
    state: str
    amount: Amount
    given: Amount
    change: Amount


class OrderView(msgspec.Struct, frozen=True):
    """An order as everybody sees it."""

    id: str
    order_number: str
    source: str
    channel: str
    location: str | None
    customer: str | None
    fulfilment: Fulfilment
    state: OrderState
    placed_at: datetime
    prices_include_tax: bool
    lines: list[OrderLineView]
    subtotal: Amount
    discount_total: Amount
    tax_total: Amount
    total: Amount
    tenders: list[TenderView]
    shipping: Annotated[ShippingView | None, Meta(description="Null where nothing was asked for it.")] = None


class TimelineView(msgspec.Struct, frozen=True):
    """What happened to an order, and when."""

    happened_at: datetime
    what: str
    actor: str
    facts: dict[str, object]


class ShipmentView(msgspec.Struct, frozen=True):
    """Goods that left, and whether the buyer has them."""

    id: str
    location: str
    kind: str
    left_at: datetime
    handed_over_at: datetime | None
    lines: list[dict[str, object]]


class WaitingView(msgspec.Struct, frozen=True):
    """Goods that are held for an order, and where."""

    location: Annotated[str, Meta(description="Where it is shipped or collected from.", examples=["store-hamburg"])]
    sku: Annotated[str, Meta(examples=["TERN3-SLATE-128"])]
    units: Annotated[int, Meta(examples=[1])]


class PaymentView(msgspec.Struct, frozen=True):
    """Money asked of the buyer through the payment provider, and how far it has come."""

    id: Annotated[str, Meta(examples=["pay_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    purpose: Annotated[str, Meta(description="`whole`, `deposit` or `balance`.")]
    state: Annotated[
        str,
        Meta(
            description="`intended`, `waiting` (for the buyer), `action_required`, `processing`, `authorised`,"
            " `captured` (paid) or `cancelled`."
        ),
    ]
    amount: Amount
    captured: Amount
    refunded: Amount
    decline_code: Annotated[str | None, Meta(description="Why the last try failed, in the provider's word.")]
    deadline: Annotated[datetime | None, Meta(description="Until when the buyer may pay.")]
    capture_before: Annotated[datetime | None, Meta(description="When what is reserved expires.")]
    disputes: Annotated[
        list[str] | UnsetType,
        Meta(
            description="The buyer's objections at their bank, and how they stand; shown only to whoever runs the shop."
        ),
    ] = UNSET
    link: Annotated[
        str | UnsetType | None,
        Meta(
            description="The word by which the buyer's page finds the payment (`/v1/payment-links/{link}`), while they"
            " may pay; shown only to those who act for the buyer."
        ),
    ] = UNSET


class RefundView(msgspec.Struct, frozen=True):
    """Money that goes back to the buyer."""

    id: Annotated[str, Meta(examples=["rfd_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    payment: Annotated[str | None, Meta(description="The payment it comes out of; null at a counter.")]
    tender: Annotated[
        str | None, Meta(description="How it was given at a counter; null, too, for units that were free.")
    ]
    reason: str
    line: int | None
    quantity: int | None
    amount: Amount
    state: Annotated[str, Meta(description="`intended`, `pending`, `succeeded`, `failed` or `replaced`.")]
    created_at: datetime
    failure: Annotated[
        str | UnsetType | None,
        Meta(description="Why it failed, in the provider's word; shown only to whoever runs the shop."),
    ] = UNSET


class OrderHistoryView(msgspec.Struct, frozen=True):
    """An order with all that happened to it, and where its goods wait."""

    order: OrderView
    timeline: list[TimelineView]
    shipments: list[ShipmentView]
    owed: Annotated[Balance, Meta(description="By the buyer; below zero, what is still to go back to them.")]
    waiting: list[WaitingView]
    payments: list[PaymentView]
    refunds: list[RefundView]


class OrderRow(msgspec.Struct, frozen=True):
    """An order in a list."""

    id: str
    order_number: str
    channel: str
    location: str | None
    state: OrderState
    placed_at: datetime
    total: Amount
