"""Faults on the way to the provider: at every place it is asked from, no fault loses or doubles a cent.

The whole matrix is `make chaos`; here every place meets some of the faults, and every fault meets many places.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.money import Money
from orders.payments.port import InDoubt, NotNow, OpenPayment, ProviderRefused, SeenPayment, SeenRefund
from orders.payments.stripe_gateway import StripeGateway
from tests.chaos.__main__ import Report, promises_of
from tests.chaos.books import judge
from tests.chaos.matrix import FAULTS, Cell, Trial, play
from tests.chaos.places import places_in, strange_names
from tests.chaos.shop import Place, let_pass, nothing_is_left_to_settle
from tests.chaos.sites import SITES, Site
from tests.chaos.stories import OPENING
from tests.stories import eur
from tests.stripe_backends import StripeSandbox

DONE = ("error_after", "drop_after", "hang_after")
NOT_DONE = ("error_before", "rate_limit", "lock_timeout", "hang")
TOGETHER = 8
BY_NAME = {site.name: site for site in SITES}
_numbers = count(1)


@pytest.fixture
def place(server: EmbeddedPostgres, template: str, stripe_sandbox: StripeSandbox) -> Place:
    """Where chaos is played, on the tests' own servers."""
    return Place(server, template, stripe_sandbox)


def some_of(site: Site) -> Sequence[Trial]:
    """A place's share of the matrix: where something is done, a fault that hides it thrice, and another one."""
    n = SITES.index(site)
    any_fault = FAULTS[n % len(FAULTS)]
    hidden = [Trial(site, DONE[n % len(DONE)], 3), Trial(site, any_fault, 1)]
    return hidden if site.changes else [Trial(site, any_fault, 3)]


def test_this_cut_of_the_matrix_has_every_place_and_every_fault() -> None:
    cut = [trial for site in SITES for trial in some_of(site)]

    assert {trial.site.name for trial in cut} == set(BY_NAME)
    assert {trial.fault for trial in cut if trial.site.changes} == set(FAULTS)
    assert {trial.fault for trial in cut if not trial.site.changes} == set(FAULTS)


def test_the_matrix_has_every_place_in_the_source() -> None:
    """And no other; that a story really comes to its place is seen whenever it is told, as nothing befalls it else."""
    assert {site.place for site in SITES} == places_in()
    assert strange_names() == set()


A_NEW_PLACE = """
async def hurry(db: Database, gateway: PaymentGateway) -> None:
    await push(db, gateway=gateway)
    return [one async for one in gateway.refunds_between(SINCE, UNTIL)]

async def push(db: Database, gateway: PaymentGateway) -> None:
    await gateway.capture("pi_1", 1, last=True, key="k")
    await gateway.close()

async def hide(provider: PaymentGateway | None) -> None:
    await provider.cancel("pi_1", key="k")
"""


def test_a_new_place_in_the_source_is_seen(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(A_NEW_PLACE)

    assert places_in(tmp_path) == {"hurry: refunds_between", "hurry > push: capture"}
    assert strange_names(tmp_path) == {"late.py: provider"}


async def test_a_story_that_does_not_come_to_its_place_is_noticed(place: Place) -> None:
    """The same story: it asks for a refund, and finds none, as nothing befell the call."""
    asks, finds = BY_NAME["refund a part"], BY_NAME["find a refund"]
    cells = await play(place, [Trial(asks, "hang", 1), Trial(replace(asks, place=finds.place), "hang", 1)])

    assert [cell.violations for cell in cells] == [[], ["the fault never struck"]]


@pytest.mark.parametrize("first", range(0, len(SITES), TOGETHER), ids=lambda n: SITES[n].name)
async def test_no_fault_loses_or_doubles_a_cent(place: Place, first: int) -> None:
    """Some places at a time, in one shop."""
    trials = [trial for site in SITES[first : first + TOGETHER] for trial in some_of(site)]

    assert harm(await play(place, trials)) == []


# Twins: the same stories, told with gateways that do not take care.


class MakesNewKeys(StripeGateway):
    """Asks under a new key each time, and never looks whether it was done already."""

    async def open_payment(self, wanted: OpenPayment, *, key: str) -> SeenPayment:
        """Open it, whatever came of it before."""
        return await super().open_payment(wanted, key=f"{key}-{next(_numbers)}")

    async def find_payment(self, payment_id: str, customer: str | None) -> SeenPayment | None:
        """Do not look."""
        del payment_id, customer
        return None

    async def refund(self, provider_id: str, amount: Money, *, refund_id: str, key: str) -> SeenRefund:
        """Give it back, whatever came of it before."""
        return await super().refund(provider_id, amount, refund_id=refund_id, key=f"{key}-{next(_numbers)}")

    async def refunds_of(self, provider_id: str) -> list[SeenRefund]:
        """Do not look."""
        del provider_id
        return []


class TakesTroubleForANo(StripeGateway):
    """Believes that what was not answered is refused."""

    async def capture(self, provider_id: str, amount: Money, *, last: bool, key: str) -> SeenPayment:
        """Give up at the first trouble."""
        try:
            return await super().capture(provider_id, amount, last=last, key=key)
        except (InDoubt, NotNow) as trouble:
            raise ProviderRefused("trouble", str(trouble)) from trouble


@pytest.mark.parametrize("name", ["charge later", "refund a part"])
async def test_lost_twice_in_a_row_every_answer_is_found_again(place: Place, name: str) -> None:
    """The careful twin of all below."""
    cells = await play(place, [Trial(BY_NAME[name], fault, 2) for fault in FAULTS])

    assert len(cells) == len(FAULTS)
    assert harm(cells) == []


@pytest.mark.parametrize("fault", DONE)
async def test_without_a_stored_key_a_lost_answer_charges_and_refunds_twice(place: Place, fault: str) -> None:
    [charge] = await play(place, [Trial(BY_NAME["charge later"], fault, 2)], gateway=MakesNewKeys)
    [refund] = await play(place, [Trial(BY_NAME["refund a part"], fault, 2)], gateway=MakesNewKeys)

    assert said(charge, "charged twice") != []
    assert said(refund, "refunded twice") != []


@pytest.mark.parametrize("fault", NOT_DONE)
async def test_whoever_takes_trouble_for_a_no_never_captures(place: Place, fault: str) -> None:
    [capture] = await play(place, [Trial(BY_NAME["capture the whole"], fault, 2)], gateway=TakesTroubleForANo)

    assert "moved (), not (('capture', 7800),)" in capture.violations


def harm(cells: Sequence[Cell]) -> list[tuple[object, ...]]:
    """What went wrong, and where."""
    return [(cell.site, cell.fault, cell.times, cell.violations) for cell in cells if cell.violations]


def said(cell: Cell, what: str) -> list[str]:
    """What was found of this kind."""
    return [each for each in cell.violations if each.startswith(what)]


def test_a_broken_promise_is_named_with_its_place() -> None:
    """As `make chaos` prints it, before it exits with 1."""
    wrong = ["charged twice: pay_1: 200 in 2 parts of 100", "ended ('waiting',), not ('captured',)"]
    cell = Cell(site="charge later", fault="hang", times=3, befell=3, settled_s=2, real_s=1.0, violations=wrong)
    promises = promises_of(Report(seed=0, machine={}, matrix=[cell]))

    assert {promise: where for promise, where in promises.items() if where} == {
        "Nobody is charged twice.": ["charge later, hang x3: charged twice: pay_1: 200 in 2 parts of 100"],
        "Every story ends as it should.": ["charge later, hang x3: ended ('waiting',), not ('captured',)"],
    }


# What the matrix found


async def test_money_that_can_no_longer_be_taken_for_sent_goods_is_put_before_a_person(place: Place) -> None:
    """While a capture is in doubt, the reservation ends at the provider. Looking alone must not close the matter."""
    async with place.shop() as shop:
        order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
        await let_pass(shop, timedelta(0))
        await shop.sandbox.faults({"match": {"path": "*/capture"}, "fault": "hang"})
        await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
        await shop.work()
        intent = (await shop.sandbox.calls())[-1]["path"].split("/")[3]
        headers = {"Authorization": "Bearer sk_test_stories"}
        await shop.sandbox.http.post(f"/v1/payment_intents/{intent}/cancel", headers=headers)
        await shop.sandbox.faults()
        await let_pass(shop, timedelta(minutes=2))
        await let_pass(shop, timedelta(seconds=30))

        [(kind, payment)] = await shop.cases()
        history = await shop.history(order_id)
        assert (kind, payment) == ("capture_refused", history["payments"][0]["id"])
        assert (history["payments"][0]["state"], history["owed"]) == ("cancelled", eur(3900))


async def test_a_card_is_saved_where_the_buyer_was_sent_though_it_was_asked_for_twice(place: Place) -> None:
    """The provider broke after it had made the first request, and news of that one comes last."""
    async with place.shop() as shop:
        await shop.sandbox.faults({"match": {"path": "/v1/setup_intents", "nth": 1}, "fault": "error_after"})
        order_id = await shop.place(("CHARGER", 1), total=3900, payment="later")
        page = await shop.begin(order_id)
        events = await shop.sandbox.deliver()
        for event in reversed(events):
            await shop.hear(event["body"], event["signature"])
            await shop.work()
        await shop.buyer_pays(page)
        back = await shop.web.post(f"/v1/payments/{page['mandate']['id']}/confirm")
        left = await nothing_is_left_to_settle(shop)

        about = [json.loads(event["body"])["data"]["object"] for event in events]
        assert len({thing["id"] for thing in about if thing["object"] == "setup_intent"}) == 2
        assert back.json()["mandate"]["state"] == "active"
        assert left == []


class SearchLags(StripeGateway):
    """The provider's search does not know yet what was made a moment ago."""

    async def find_payment(self, payment_id: str, customer: str | None) -> SeenPayment | None:
        """Nothing is found yet."""
        del payment_id, customer
        return None


async def test_a_payment_that_was_opened_twice_is_no_difference(place: Place) -> None:
    """The provider broke after it had opened the first, and search could not find it. Nobody can ever pay that one."""
    async with place.shop(SearchLags) as shop:
        await shop.sandbox.faults({"match": {**OPENING, "nth": 1}, "fault": "error_after"})
        order_id = await shop.paid(("CHARGER", 1), total=3900)

        assert await nothing_is_left_to_settle(shop) == []
        assert (await judge(shop.db, await shop.sandbox.ledger())).violations() == []
        assert (await shop.payment(order_id))["state"] == "captured"
        made = [call for call in await shop.sandbox.calls() if call["path"] == OPENING["path"]]
        assert [call["method"] for call in made] == ["POST", "POST", "GET"]
