"""What else Stripe does, as far as we rely on it: refunds, keys, refusals, lists and events."""

from typing import Any
from uuid import uuid4

import pytest
import stripe

from tests import test_stripe_contract
from tests.stripe_backends import Backend, charge_of, plain
from tests.stripe_differs import LOCALSTRIPE_DIFFERS


async def test_money_goes_back_in_parts(backend: Backend) -> None:
    paid = await backend.pay(1000)
    refunds = backend.client.v1.refunds

    part = await refunds.create_async({"payment_intent": paid.id, "amount": 400, "metadata": {"refund": "rfd_1"}})
    known = await refunds.retrieve_async(part.id)

    assert (part.amount, part.status, part.currency) == (400, "succeeded", "eur")
    assert (part.payment_intent, part.charge) == (paid.id, charge_of(paid))
    assert (known.amount, plain(known.metadata)) == (400, {"refund": "rfd_1"})


async def test_a_refund_of_everything_needs_no_amount(backend: Backend) -> None:
    paid = await backend.pay(1000)

    back = await backend.client.v1.refunds.create_async({"charge": charge_of(paid)})

    charge = await backend.client.v1.charges.retrieve_async(charge_of(paid))
    assert back.amount == 1000
    assert (charge.amount_refunded, charge.refunded, charge.status) == (1000, True, "succeeded")


async def test_the_rest_goes_back_when_a_part_did(backend: Backend) -> None:
    paid = await backend.pay(1000)
    refunds = backend.client.v1.refunds

    part = await refunds.create_async({"payment_intent": paid.id, "amount": 400, "reason": "requested_by_customer"})
    between = await backend.client.v1.charges.retrieve_async(charge_of(paid))
    rest = await refunds.create_async({"payment_intent": paid.id})
    after = await backend.client.v1.charges.retrieve_async(charge_of(paid))

    assert (part.reason, rest.amount) == ("requested_by_customer", 600)
    assert (between.amount_refunded, between.refunded) == (400, False)
    assert (after.amount_refunded, after.refunded) == (1000, True)


async def test_refunds_are_listed_by_payment(backend: Backend) -> None:
    paid, other = await backend.pay(1000), await backend.pay(1000)
    for intent, amount in ((paid, 100), (other, 200), (paid, 300)):
        await backend.client.v1.refunds.create_async({"payment_intent": intent.id, "amount": amount})

    listed = await backend.client.v1.refunds.list_async({"payment_intent": paid.id})

    assert sorted(refund.amount for refund in listed.data) == [100, 300]


async def test_never_more_goes_back_than_came(backend: Backend) -> None:
    paid = await backend.pay(1000)
    await backend.client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 400})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 800})

    assert (refused.value.http_status, refused.value.param) == (400, "amount")
    charge = await backend.client.v1.charges.retrieve_async(charge_of(paid))
    assert charge.amount_refunded == 400


async def test_what_is_back_is_not_given_back_again(backend: Backend) -> None:
    paid = await backend.pay(1000)
    await backend.client.v1.refunds.create_async({"payment_intent": paid.id})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.refunds.create_async({"payment_intent": paid.id})

    assert refused.value.code == "charge_already_refunded"


async def test_only_what_was_captured_goes_back(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")
    await backend.client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 3000})

    with pytest.raises(stripe.InvalidRequestError):
        await backend.client.v1.refunds.create_async({"payment_intent": held.id, "amount": 3001})
    back = await backend.client.v1.refunds.create_async({"payment_intent": held.id})

    assert back.amount == 3000


async def test_a_payment_that_never_was_is_not_refunded(backend: Backend) -> None:
    said: Any = {"amount": 1999, "currency": "eur", **backend.cards}
    intent = await backend.client.v1.payment_intents.create_async(said)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.refunds.create_async({"payment_intent": intent.id})

    assert refused.value.http_status == 400


async def test_a_key_is_answered_once_and_for_all(backend: Backend) -> None:
    key: Any = {"idempotency_key": str(uuid4())}
    said: Any = {"amount": 1999, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True, **backend.cards}
    intents = backend.client.v1.payment_intents
    first = await intents.create_async(said, key)
    again = await intents.create_async(said, key)

    assert again.id == first.id
    assert again.last_response is not None
    assert first.last_response is not None
    assert again.last_response.body == first.last_response.body
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.last_response.headers


async def test_a_key_belongs_to_its_parameters(backend: Backend) -> None:
    key: Any = {"idempotency_key": str(uuid4())}
    await backend.client.v1.customers.create_async({"email": "ines@example.com"}, key)

    with pytest.raises(stripe.IdempotencyError) as refused:
        await backend.client.v1.customers.create_async({"email": "jan@example.com"}, key)

    assert refused.value.http_status == 400


async def test_a_decline_is_repeated_to_its_key(backend: Backend) -> None:
    key: Any = {"idempotency_key": str(uuid4())}
    said: Any = {"amount": 1999, "currency": "eur", "payment_method": "pm_card_visa_chargeDeclined", "confirm": True}
    said.update(backend.cards)
    bodies = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await backend.client.v1.payment_intents.create_async(said, key)
        bodies.append(declined.value.http_body)

    assert bodies[0] is not None
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("said", [{"colour": "blue"}, {"amount": "19.99"}, {"amount": "many"}, {"amount": 0}])
async def test_what_makes_no_sense_is_refused(backend: Backend, said: dict[str, Any]) -> None:
    whole: Any = {"amount": 1999, "currency": "eur", **backend.cards, **said}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.create_async(whole)

    assert refused.value.http_status == 400


@pytest.mark.parametrize(
    ("said", "code", "param"),
    [
        ({"colour": "blue"}, "parameter_unknown", "colour"),
        ({"shipping": {"colour": "blue"}}, "parameter_unknown", "shipping[colour]"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"amount": "19.99"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"payment_method": "pm_nothing"}, "resource_missing", "payment_method"),
    ],
)
async def test_what_is_wrong_is_named(backend: Backend, said: dict[str, Any], code: str, param: str) -> None:
    given = {"amount": 1999, "currency": "eur", **backend.cards, **said}
    whole: Any = {name: value for name, value in given.items() if value is not None}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.create_async(whole)

    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


async def test_what_does_not_exist_is_a_404(backend: Backend) -> None:
    v1 = backend.client.v1
    for asked in (
        v1.payment_intents.retrieve_async("pi_nothing"),
        v1.customers.retrieve_async("cus_nobody"),
        v1.charges.retrieve_async("ch_nothing"),
        v1.refunds.retrieve_async("re_nothing"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as missed:
            await asked
        assert missed.value.http_status == 404


async def test_what_does_not_exist_is_missed_by_name(backend: Backend) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missed:
        await backend.client.v1.payment_intents.retrieve_async("pi_nothing")

    assert (missed.value.code, missed.value.user_message) == (
        "resource_missing",
        "No such payment_intent: 'pi_nothing'",
    )


async def test_a_key_that_opens_nothing_is_turned_away(backend: Backend) -> None:
    with pytest.raises(stripe.AuthenticationError) as turned_away:
        await backend.client.v1.customers.list_async({}, {"api_key": "nobody"})

    assert turned_away.value.http_status == 401


async def test_lists_come_in_pages(backend: Backend) -> None:
    customers = backend.client.v1.customers
    email = f"{uuid4().hex}@example.com"
    made = {(await customers.create_async({"email": email, "name": name})).id for name in "abcde"}

    listed = await customers.list_async({"email": email, "limit": 2})
    more = await customers.list_async({"email": email, "limit": 3, "starting_after": listed.data[-1].id})

    assert ([len(listed.data), listed.has_more], [len(more.data), more.has_more]) == ([2, True], [3, False])
    assert {customer.id for customer in (*listed.data, *more.data)} == made


async def test_the_newest_comes_first(backend: Backend) -> None:
    customers = backend.client.v1.customers
    email = f"{uuid4().hex}@example.com"
    made = [(await customers.create_async({"email": email, "name": name})).id for name in "abcde"]

    first = await customers.list_async({"email": email, "limit": 2})
    second = await customers.list_async({"email": email, "limit": 2, "starting_after": first.data[-1].id})
    last = await customers.list_async({"email": email, "limit": 2, "starting_after": second.data[-1].id})
    back = await customers.list_async({"email": email, "limit": 2, "ending_before": last.data[0].id})

    pages = [[customer.id for customer in page.data] for page in (first, second, last, back)]
    assert pages == [made[4:2:-1], made[2:0:-1], made[:1], made[2:0:-1]]


async def test_charges_are_found_by_customer_and_time(backend: Backend) -> None:
    customer, method = await backend.customer_with("pm_card_visa")
    paid = await backend.pay(1999, method, customer=customer)
    charges = backend.client.v1.charges
    charge = await charges.retrieve_async(charge_of(paid))

    within = await charges.list_async({"customer": customer, "created": {"gt": charge.created - 1}})
    later = await charges.list_async({"customer": customer, "created": {"gt": charge.created}})

    assert ([each.id for each in within.data], [each.id for each in later.data]) == ([charge.id], [])


async def test_payments_are_found_by_customer_and_time(backend: Backend) -> None:
    customer = await backend.client.v1.customers.create_async({})
    said: Any = {"amount": 1999, "currency": "eur", "customer": customer.id, **backend.cards}
    made = await backend.client.v1.payment_intents.create_async(said)
    intents = backend.client.v1.payment_intents

    within = await intents.list_async({"customer": customer.id, "created": {"gte": made.created, "lte": made.created}})
    before = await intents.list_async({"customer": customer.id, "created": {"lt": made.created}})

    assert ([each.id for each in within.data], [each.id for each in before.data]) == ([made.id], [])


async def test_a_payment_leaves_events_behind(backend: Backend) -> None:
    paid = await backend.pay(1999, metadata={"order": "ord_1"})

    events = await backend.client.v1.events.list_async({"type": "payment_intent.succeeded", "limit": 20})

    [told] = [event for event in events.data if event.data.object["id"] == paid.id]
    assert (told.type, told.data.object["status"]) == ("payment_intent.succeeded", "succeeded")
    assert plain(told.data.object["metadata"]) == {"order": "ord_1"}
    again = await backend.client.v1.events.retrieve_async(told.id)
    assert (again.id, again.data.object["amount_received"]) == (told.id, 1999)


def test_every_difference_is_one_of_a_contract_test() -> None:
    contracts = {*vars(test_stripe_contract), *globals()}

    assert LOCALSTRIPE_DIFFERS.keys() - contracts == set()
