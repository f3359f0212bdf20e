"""The sandbox's own ways: browsers, the bank's page, expanding, searching, and what it says it cannot do."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from commerce.stripe_sandbox.parameters import shape_of
from commerce.stripe_sandbox.routes import PAGING, ROUTES
from tests.conftest import NOON
from tests.stripe_backends import StripeSandbox

BROWSER = {"Authorization": "Bearer pk_test_shop"}
SERVER = {"Authorization": "Bearer sk_test_stories"}
BACK = "https://shop.example.com/paid?order=ord_1"


def payment(method: str, **words: object) -> Any:  # noqa: ANN401 - what the SDK takes
    """What pays 19.99 by a payment method."""
    return {"amount": 1999, "currency": "eur", "confirm": True, "return_url": BACK, "payment_method": method, **words}


@pytest.mark.parametrize("endpoint", ROUTES)
def test_every_endpoint_has_its_parameters_from_the_sdk(endpoint: str) -> None:
    route = ROUTES[endpoint]
    fields = shape_of(route.params).fields

    assert fields is not None
    assert (route.honours or frozenset()) - PAGING - fields.keys() == set()


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"application_fee_amount": 5}, "application_fee_amount"),
        ({"payment_method_options": {"card": {"cvc_token": "x"}}}, "payment_method_options[card][cvc_token]"),
        (
            {"payment_method_options": {"klarna": {"preferred_locale": "de-DE"}}},
            "payment_method_options[klarna][preferred_locale]",
        ),
    ],
)
async def test_what_stripe_has_and_the_sandbox_has_not_is_said(
    stripe_sandbox: StripeSandbox, said: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stripe_sandbox.client().v1.payment_intents.create_async(payment("pm_card_visa", **said))

    assert (refused.value.code, refused.value.param) == ("parameter_not_in_sandbox", param)


async def test_an_address_that_is_not_there_says_so(stripe_sandbox: StripeSandbox) -> None:
    for method, path in (("GET", "/v1/payouts"), ("POST", "/v1/charges"), ("GET", "/v2/core"), ("GET", "/")):
        answer = await stripe_sandbox.http.request(method, path, headers=SERVER)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 401, "You did not provide an API key."),
        ({"Authorization": "Bearer sk_live_1234567890"}, 401, "Invalid API Key provided: sk_live_********7890"),
        (BROWSER, 401, "This API call cannot be made with a publishable API key."),
        ({**SERVER, "Stripe-Version": "2019-01-01"}, 400, "Invalid Stripe API version: 2019-01-01"),
    ],
)
async def test_callers_must_say_who_they_are(
    stripe_sandbox: StripeSandbox, headers: dict[str, str], status: int, said: str
) -> None:
    answer = await stripe_sandbox.http.get("/v1/customers", headers=headers)

    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(said)
    assert answer.headers["request-id"].startswith("req_")


async def test_basic_authentication_is_as_good(stripe_sandbox: StripeSandbox) -> None:
    answer = await stripe_sandbox.http.get("/v1/customers", auth=("sk_test_stories", ""))

    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_a_browser_confirms_with_the_intents_secret(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    intent = await client.v1.payment_intents.create_async(
        {"amount": 1999, "currency": "eur", "metadata": {"order": "1"}}
    )
    address = f"/v1/payment_intents/{intent.id}/confirm"
    form = {"payment_method": "pm_card_visa", "client_secret": "wrong"}

    wrong = await stripe_sandbox.http.post(address, data=form, headers=BROWSER)
    right = await stripe_sandbox.http.post(
        address, data={"payment_method": "pm_card_visa", "client_secret": intent.client_secret, "key": "pk_test_shop"}
    )
    seen = await stripe_sandbox.http.get(
        f"/v1/payment_intents/{intent.id}", params={"client_secret": str(intent.client_secret)}, headers=BROWSER
    )

    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "client_secret")
    assert (right.status_code, right.json()["status"]) == (200, "succeeded")
    assert right.headers["access-control-allow-origin"] == "*"
    assert {"metadata", "customer", "latest_charge"} & seen.json().keys() == set()
    assert seen.json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("outcome", "status", "led"), [("succeed", "succeeded", "succeeded"), ("fail", "requires_payment_method", "failed")]
)
async def test_the_bank_asks_its_customer_and_leads_back(
    stripe_sandbox: StripeSandbox, outcome: str, status: str, led: str
) -> None:
    client = stripe_sandbox.client()
    asked = await client.v1.payment_intents.create_async(payment("pm_card_authenticationRequired"))
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    page = await stripe_sandbox.http.get(str(asked.next_action.redirect_to_url.url))
    assert ("Is it you who pays?" in page.text, page.text.count("<form method='post'")) == (True, 2)

    answer = await stripe_sandbox.authenticate(asked.id, outcome)

    assert (answer.status_code, httpx.URL(answer.headers["location"]).params["redirect_status"]) == (302, led)
    assert answer.headers["location"].startswith(f"{BACK}&payment_intent={asked.id}&")
    after = await client.v1.payment_intents.retrieve_async(asked.id)
    assert after.status == status
    assert (after.last_payment_error is None) == (outcome == "succeed")
    assert (await stripe_sandbox.authenticate(asked.id)).status_code == 409


async def test_a_card_that_was_set_up_is_not_asked_again(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    customer = await client.v1.customers.create_async({})
    setup = await client.v1.setup_intents.create_async(
        {
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": BACK,
            "customer": customer.id,
        }
    )
    assert setup.status == "requires_action"

    await stripe_sandbox.authenticate(setup.id)

    done = await client.v1.setup_intents.retrieve_async(setup.id)
    paid = await client.v1.payment_intents.create_async(
        payment(str(done.payment_method), customer=customer.id, off_session=True)
    )
    assert (done.status, paid.status) == ("succeeded", "succeeded")


async def test_a_card_whose_holder_said_no_is_not_set_up(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    setup = await client.v1.setup_intents.create_async(
        {"payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True, "return_url": BACK}
    )

    await stripe_sandbox.authenticate(setup.id, "fail")

    after = await client.v1.setup_intents.retrieve_async(setup.id)
    assert after.last_setup_error is not None
    assert (after.status, after.payment_method, after.next_action) == ("requires_payment_method", None, None)
    assert after.last_setup_error.code == "setup_intent_authentication_failure"
    told = [json.loads(delivery["body"])["type"] for delivery in await stripe_sandbox.deliver()]
    assert told == ["setup_intent.created", "setup_intent.requires_action", "setup_intent.setup_failed"]


async def test_a_card_that_was_not_set_up_is_not_charged_away(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()

    with pytest.raises(stripe.CardError) as declined:
        await client.v1.payment_intents.create_async(payment("pm_card_authenticationRequiredOnSetup", off_session=True))

    assert declined.value.code == "authentication_required"


async def test_confirming_wants_a_way_back(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    said: Any = {"amount": 1999, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payment_intents.create_async(said)

    said["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    assert refused.value.param == "return_url"
    assert (await client.v1.payment_intents.create_async(said)).status == "succeeded"


async def test_a_card_that_is_kept_nowhere_pays_once(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    card: Any = {"type": "card", "card": {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2034}}
    method = await client.v1.payment_methods.create_async(card)
    await client.v1.payment_intents.create_async(payment(method.id))

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.v1.payment_intents.create_async(payment(method.id))


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"number": "4111111111111111"}, "card_declined"),
        ({"number": "4242424242424242", "exp_year": 2020}, "invalid_expiry_year"),
    ],
)
async def test_only_test_cards_are_cards(stripe_sandbox: StripeSandbox, card: dict[str, Any], code: str) -> None:
    whole: Any = {"type": "card", "card": {"exp_month": 12, "exp_year": 2034, **card}}

    with pytest.raises(stripe.CardError) as refused:
        await stripe_sandbox.client().v1.payment_methods.create_async(whole)

    assert refused.value.code == code


async def test_more_can_be_seen_at_once(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    customer = await client.v1.customers.create_async({"email": "ines@example.com"})
    paid = await client.v1.payment_intents.create_async(payment("pm_card_visa", customer=customer.id))
    back = await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 99})

    seen = await client.v1.payment_intents.retrieve_async(paid.id, {"expand": ["latest_charge.refunds", "customer"]})
    listed = await client.v1.payment_intents.list_async({"expand": ["data.latest_charge"]})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await client.v1.payment_intents.retrieve_async(paid.id, {"expand": ["amount"]})

    assert isinstance(seen.latest_charge, stripe.Charge)
    assert seen.latest_charge.refunds is not None
    assert [refund.id for refund in seen.latest_charge.refunds.data] == [back.id]
    assert isinstance(seen.customer, stripe.Customer)
    assert seen.customer.email == "ines@example.com"
    assert [type(each.latest_charge) for each in listed.data] == [stripe.Charge]


async def test_payments_are_searched_by_what_we_wrote_beside_them(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    for order, amount in (("ord_1", 1000), ("ord_2", 2000), ("ord_2", 3000)):
        await client.v1.payment_intents.create_async(
            {"amount": amount, "currency": "eur", "metadata": {"order": order}}
        )
    found = {}
    for query in (
        "metadata['order']:'ord_2'",
        "metadata['order']:'ord_2' AND amount>2000",
        'amount:"1000" OR amount:"3000"',
        "-metadata['order']:'ord_2'",
    ):
        found[query] = [each.amount for each in (await client.v1.payment_intents.search_async({"query": query})).data]
    first = await client.v1.payment_intents.search_async({"query": "currency:'eur'", "limit": 2})
    rest = await client.v1.payment_intents.search_async({"query": "currency:'eur'", "page": str(first.next_page)})

    assert list(found.values()) == [[3000, 2000], [3000], [3000, 1000], [1000]]
    assert [[each.amount for each in page.data] for page in (first, rest)] == [[3000, 2000], [1000]]
    for query in ("order = 1", "colour:'blue'", "amount:1 AND amount:2 OR amount:3"):
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.payment_intents.search_async({"query": query})


async def test_search_finds_what_is_new_a_while_later(stripe_sandbox: StripeSandbox) -> None:
    """By the sandbox's clock; a list has it at once."""
    client = stripe_sandbox.client()
    intents = client.v1.payment_intents

    async def found() -> int:
        return len((await intents.search_async({"query": "metadata['order']:'ord_1'"})).data)

    await stripe_sandbox.set_clock(NOON)
    await stripe_sandbox.search_lag(60)
    await intents.create_async({"amount": 1999, "currency": "eur", "metadata": {"order": "ord_1"}})
    at_once = await found(), len((await intents.list_async({})).data)
    await stripe_sandbox.set_clock(NOON + timedelta(seconds=59))
    early = await found()
    await stripe_sandbox.set_clock(NOON + timedelta(seconds=60))
    in_time = await found()
    await stripe_sandbox.faults(search_lag_s=61)
    script_says_otherwise = await found()
    await stripe_sandbox.search_lag(60)
    script_still_does = await found()
    await stripe_sandbox.faults()
    script_is_over = await found()

    assert (at_once, early, in_time) == ((0, 1), 0, 1)
    assert (script_says_otherwise, script_still_does, script_is_over) == (0, 0, 1)
    await stripe_sandbox.reset()
    await intents.create_async({"amount": 1999, "currency": "eur", "metadata": {"order": "ord_1"}})
    assert await found() == 1
