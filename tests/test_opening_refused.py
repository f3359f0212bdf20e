"""Opening that is refused: the provider will not have a payment at all, and whoever asked reads in its word why."""

from aiohttp import web

from tests.conftest import problem
from tests.front import Parcel, in_front_of
from tests.paying import Checkout, checkout
from tests.stripe_backends import StripeSandbox


async def test_whoever_begins_to_pay_reads_why_the_provider_will_not_have_it(
    shop: Checkout, stripe_sandbox: StripeSandbox
) -> None:
    """The account may not take euros: the storefront is told so, and once that is mended the buyer pays."""

    async def no_euros(parcel: Parcel) -> web.Response | None:
        if parcel.method != "POST":
            return None
        why = {"type": "invalid_request_error", "code": "currency_not_supported", "message": "No euros."}
        return web.json_response({"error": why}, status=400)

    order_id = await shop.place(("CHARGER", 1), total=3900)
    async with in_front_of(stripe_sandbox) as front:
        front.instead = no_euros
        async with checkout(shop.db, shop.clock, stripe_sandbox, front.gateway()) as refused_there:
            refused = await refused_there.web.post(f"/v1/orders/{order_id}/payments")
    noted = await shop.payment(order_id)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    await shop.settle()

    assert problem(refused) == (422, "payment_refused")
    assert refused.json()["facts"] == {"payment": noted["id"], "reason": "currency_not_supported"}
    assert refused.json()["detail"] == "The payment provider refused: currency_not_supported."
    assert (noted["state"], (await shop.payment(order_id))["state"]) == ("cancelled", "captured")
