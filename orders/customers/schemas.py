"""What is asked about customers, and what is answered."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from commerce.kernel import countries
from commerce.kernel.bodies import Body, CodeText, Reason

AccountText = Annotated[CodeText, Meta(description="The web shop's account id.", examples=["acc-4711"])]
LoyaltyText = Annotated[CodeText, Meta(description="The number on the loyalty card.", examples=["LOY-0815"])]
EmailText = Annotated[
    str, Meta(min_length=3, max_length=254, description="An e-mail address.", examples=["mara@example.com"])
]
PhoneText = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=40,
        description="In any spelling; a national one is read in `country`.",
        examples=["+49 30 23125051"],
    ),
]
CountryText = countries.CountryText


class BuyerBody(Body, frozen=True):
    """Who buys: whatever is known of them. The strongest identity decides who it is."""

    account: AccountText | None = None
    loyalty: LoyaltyText | None = None
    email: EmailText | None = None
    phone: PhoneText | None = None
    country: CountryText | None = None


Buyer = Annotated[
    BuyerBody | None,
    Meta(
        description="Who buys, as far as it is known. Promotions for groups of customers count for an account or a "
        "loyalty id alone: an e-mail address or a phone number anybody may type."
    ),
]


class RegisterBody(Body, frozen=True):
    """A new customer, found by at least one identity that nobody has yet."""

    account: AccountText | None = None
    loyalty: LoyaltyText | None = None
    email: EmailText | None = None
    phone: PhoneText | None = None
    country: CountryText | None = None


class EditBody(Body, frozen=True):
    """What is sent replaces what the customer had of its kind; null takes it away; what is not sent stays."""

    account: AccountText | UnsetType | None = UNSET
    loyalty: LoyaltyText | UnsetType | None = UNSET
    email: EmailText | UnsetType | None = UNSET
    phone: PhoneText | UnsetType | None = UNSET
    country: CountryText | UnsetType | None = UNSET


class MergeBody(Body, frozen=True):
    """Into whom, and why."""

    into: Annotated[
        CodeText, Meta(description="The customer who stays.", examples=["cus_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e"])
    ]
    reason: Annotated[Reason, Meta(description="For the audit trail.", examples=["same person, new address"])]


class GroupsBody(Body, frozen=True):
    """The groups a customer is in from now on; any other is left."""

    groups: Annotated[
        list[CodeText],
        Meta(
            max_length=50,
            description="They count for a buyer who is named by an account or a loyalty id, and not for a typed e-mail "
            "address or phone number.",
            examples=[["students"]],
        ),
    ]


class GroupStepView(msgspec.Struct, frozen=True):
    """One line of a customer's diary of groups."""

    code: Annotated[str, Meta(examples=["students"])]
    step: Annotated[str, Meta(description="`joined` or `left`.", examples=["joined"])]
    actor: Annotated[str, Meta(description="The family of the key that asked for it, or for the merge.")]
    at: Annotated[datetime | None, Meta(description="Null: before such a diary was kept.")]


class GroupsView(msgspec.Struct, frozen=True):
    """The groups a customer is in; promotions may be for some of them."""

    customer: str
    groups: Annotated[list[str], Meta(examples=[["students"]])]
    steps: Annotated[
        list[GroupStepView], Meta(description="Who put them into groups and took them out, in order.")
    ] = []


class IdentityView(msgspec.Struct, frozen=True):
    """A normalised identity that finds the customer: e-mail in lower case, phone in E.164."""

    kind: Annotated[str, Meta(description="`account`, `loyalty`, `email` or `phone`.", examples=["email"])]
    value: Annotated[str, Meta(examples=["mara@example.com"])]


class CustomerView(msgspec.Struct, frozen=True):
    """One person across channels. Contact details are as they were given; identities are what finds the person."""

    id: str
    code: Annotated[str, Meta(description="The shop's own code; the id for customers made here.")]
    email: str | None
    phone: str | None
    country: str | None
    created_at: datetime | None
    merged_into: Annotated[str | None, Meta(description="The customer this one was merged into, if it was.")]
    identities: list[IdentityView]


class MaskedCustomerView(msgspec.Struct, frozen=True):
    """A customer as storefronts and tills see them: contact hidden, but for what the request itself named."""

    id: str
    email: Annotated[str | None, Meta(examples=["m***@example.com"])]
    phone: Annotated[str | None, Meta(examples=["+49•••••12"])]
    country: str | None
    merged_into: Annotated[str | None, Meta(description="The customer this one was merged into, if it was.")]
    identities: list[IdentityView]


class Moved(msgspec.Struct, frozen=True):
    """Exactly what became the survivor's."""

    identities: list[IdentityView]
    orders: Annotated[list[str], Meta(description="The ids of the orders.")]
    contact: Annotated[dict[str, str], Meta(description="Contact details the survivor lacked.")]
    dropped: Annotated[dict[str, str], Meta(description="Contact details that went, as the survivor had its own.")] = {}


class MergeView(msgspec.Struct, frozen=True):
    """One merge: who became part of whom, by whom, why, when, and what moved."""

    id: str
    merged: str
    survivor: str
    actor: Annotated[str, Meta(description="The family of the key that asked for it.")]
    reason: str
    merged_at: datetime
    moved: Moved
