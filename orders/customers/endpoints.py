"""Customers over HTTP."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from litestar import Response, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from commerce.kernel.access import Principal, Role, may
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.pages import Limit, Page, decode_cursor
from commerce.kernel.refusals import InvalidInput
from orders.customers.edit import edit
from orders.customers.groups import groups_of, set_groups
from orders.customers.identities import Identity, Who, identities_of
from orders.customers.mask import masked
from orders.customers.merge import merge
from orders.customers.queries import customers_behind, list_merges, read_customer
from orders.customers.register import register
from orders.customers.schemas import (
    AccountText,
    CountryText,
    CustomerView,
    EditBody,
    EmailText,
    GroupsBody,
    GroupsView,
    LoyaltyText,
    MaskedCustomerView,
    MergeBody,
    MergeView,
    PhoneText,
    RegisterBody,
)

CustomerId = Annotated[
    str, Meta(max_length=100, description="A customer's id.", examples=["cus_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e"])
]
Cursor = Annotated[str, Meta(max_length=1000, description="Where to go on: the last page's `next_cursor`.")]
_COUNTER = (Role.STOREFRONT, Role.TERMINAL, Role.OPERATOR, Role.ADMIN)
_OFFICE = (Role.OPERATOR, Role.ADMIN)


@post("/v1/customers", opt=may(*_COUNTER, idempotent=True), tags=["customers"])
async def register_customer(
    data: JSONBody[RegisterBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[CustomerView | MaskedCustomerView]:
    """Register a new customer. Refused with `identity_taken` where an account or loyalty id finds somebody already.

    Sent with one of these, an e-mail address or phone number that finds somebody else stays theirs: the answer's
    `identities` are those that find the new customer. Sent alone, it is refused too.
    """
    who = Who(data.account, data.email, data.phone, data.loyalty, data.country)

    async def register_and_show(tx: Session, now: datetime) -> CustomerView | MaskedCustomerView:
        return _seen_by(call.principal, await register(tx, who, now), identities_of(who))

    return await once(db, call, data, register_and_show)


@get("/v1/customers", opt=may(*_COUNTER), tags=["customers"])
async def find_customers(
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    account: FromQuery[AccountText | None] = None,
    loyalty: FromQuery[LoyaltyText | None] = None,
    email: FromQuery[EmailText | None] = None,
    phone: FromQuery[PhoneText | None] = None,
    country: FromQuery[CountryText | None] = None,
) -> Page[CustomerView | MaskedCustomerView]:
    """Find customers by identity, the one behind the strongest first (account, loyalty id, e-mail, phone).

    More than one row means that the identities belong to several customers, who may be one person to be merged.
    Storefronts and tills see in full only what they searched by.
    """
    identities = identities_of(Who(account, email, phone, loyalty, country))
    if not identities:
        raise InvalidInput("query", "Name at least one of account, loyalty, email and phone.")
    async with db.read() as tx:
        found = await customers_behind(tx, identities)
    return Page([_seen_by(principal, customer, identities) for customer in found])


@get("/v1/customers/{customer_id:str}", opt=may(*_COUNTER), tags=["customers"])
async def show_customer(
    customer_id: FromPath[CustomerId], db: NamedDependency[Database], principal: NamedDependency[Principal]
) -> CustomerView | MaskedCustomerView:
    """Show one customer. One that was merged says into whom, and has nothing of its own any more.

    Storefronts and tills see contact details hidden.
    """
    async with db.read() as tx:
        return _seen_by(principal, await read_customer(tx, customer_id), ())


@patch("/v1/customers/{customer_id:str}", opt=may(*_OFFICE), tags=["customers"])
async def edit_customer(
    customer_id: FromPath[CustomerId], data: JSONBody[EditBody], db: NamedDependency[Database]
) -> CustomerView:
    """Change contact details and identities. What is sent replaces what there was of its kind; null takes it away."""
    async with db.transaction() as tx:
        return await edit(tx, customer_id, data)


@get("/v1/customers/{customer_id:str}/groups", opt=may(*_OFFICE, Role.MERCHANDISER), tags=["customers"])
async def show_groups(customer_id: FromPath[CustomerId], db: NamedDependency[Database]) -> GroupsView:
    """The groups a customer is in, and who put them there and when."""
    async with db.read() as tx:
        await read_customer(tx, customer_id)
        return await groups_of(tx, customer_id)


@put("/v1/customers/{customer_id:str}/groups", opt=may(*_OFFICE), tags=["customers"])
async def put_groups(
    customer_id: FromPath[CustomerId],
    data: JSONBody[GroupsBody],
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
) -> GroupsView:
    """Let a customer be in these groups and in no other: promotions may be for some of them.

    They count where the customer is named by an account or a loyalty id, so a customer who has neither gets nothing for
    their groups: an e-mail address or a phone number anybody may type.
    """
    async with db.transaction() as tx:
        return await set_groups(tx, customer_id, data.groups, principal.id, db.clock.now())


@post("/v1/customers/{customer_id:str}/merge", opt=may(*_OFFICE, idempotent=True), tags=["customers"])
async def merge_customers(
    customer_id: FromPath[CustomerId],
    data: JSONBody[MergeBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
    principal: NamedDependency[Principal],
) -> Response[MergeView]:
    """Merge this customer into another one: identities and orders move, and the audit trail says which."""
    return await once(db, call, data, lambda tx, now: merge(tx, customer_id, data, principal.id, now))


@get("/v1/customers/{customer_id:str}/merges", opt=may(*_OFFICE), tags=["customers"])
async def show_merges(
    customer_id: FromPath[CustomerId],
    db: NamedDependency[Database],
    limit: FromQuery[Limit] = 50,
    cursor: FromQuery[Cursor | None] = None,
) -> Page[MergeView]:
    """List the merges a customer took part in, on either side, the latest first."""
    before = decode_cursor(cursor, 1)
    async with db.read() as tx:
        await read_customer(tx, customer_id)
        return await list_merges(tx, customer_id, before[0] if before else None, limit)


def _seen_by(
    principal: Principal, customer: CustomerView, known: Collection[Identity]
) -> CustomerView | MaskedCustomerView:
    """The office sees everything; whoever serves buyers sees what they know already (decision 0020)."""
    return customer if principal.role in _OFFICE else masked(customer, known)


ROUTES = [
    register_customer,
    find_customers,
    show_customer,
    edit_customer,
    show_groups,
    put_groups,
    merge_customers,
    show_merges,
]
