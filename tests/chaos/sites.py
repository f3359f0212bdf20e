"""Every place from which the provider is asked, each with the stories that come to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.chaos import stories
from tests.chaos.acts import GOODWILL, Story
from tests.chaos.places import changes
from tests.chaos.stories import (
    CANCELLING,
    CAPTURING,
    CHARGER,
    NO_NEWS,
    OPENING,
    REFUNDING,
    a_night_after,
    in_doubt,
    opening,
    unheard,
    without_parts,
)
from tests.conftest import Json
from tests.paying import Checkout
from tests.stories import eur

DEPOSIT = 1000
MINUTE = 60
"""So long search lags at Stripe when it lags."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place from which the provider is asked (see places.py), the story that comes to it, and its happy end.

    `money` is what moved in the end, in order; `ends` the states of the order's payments, mandates and disputes,
    sorted. `cases` are the kinds a person is to hear of. `meanwhile` are faults of other calls, without which this one
    would not be made; `news` is what happens to webhooks; `search_lag_s` is how long search does not find what is new.
    """

    name: str
    place: str
    story: Callable[[Checkout], Story]
    money: tuple[tuple[str, int], ...]
    ends: tuple[str, ...]
    cases: tuple[str, ...] = ()
    meanwhile: tuple[Json, ...] = ()
    news: Json | None = None
    search_lag_s: int = 0

    @property
    def changes(self) -> bool:
        """Whether the provider is asked to do something, and not only to tell."""
        return changes(self.place)


def _broken(call: Json) -> tuple[Json, ...]:
    """The provider breaks once, after it did what it was asked: then only looking tells."""
    return ({"match": {**call, "nth": 1}, "fault": "error_after"},)


def _lost(call: Json) -> tuple[Json, ...]:
    """No answer ever comes."""
    return ({"match": call, "fault": "drop_after"},)


PAID, ONE = (("capture", CHARGER),), (("capture", CHARGER),)
TWO, ALL = (("capture", 2 * CHARGER),), (("capture", 3 * CHARGER),)
ON_DEPOSIT = (("capture", DEPOSIT),)
BACK, REST_BACK = (*PAID, ("refund", -CHARGER)), (*ALL, ("refund", -2 * CHARGER))
SOME_BACK = (*PAID, ("refund", -GOODWILL))
LATER: Json = {"payment": "later"}
DEPOSIT_NOW: Json = {**LATER, "deposit": eur(DEPOSIT)}
CAPTURED, CANCELLED, SAVED, CHARGED = ("captured",), ("cancelled",), ("active",), ("active", "captured")
REPLACED = ("cancelled", "captured")
OBJECTED, LOST = ("captured", "needs_response"), ("captured", "lost")
ADOPTED, DISPUTED = ("refund_made_at_provider",), ("dispute",)

# Places, by what is asked from there; those that one word would not tell apart are named by who asks, too.
OPEN, CAPTURE, REFUND = "_ask > _open: open_payment", "_answer > _ask: capture", "_answer > _ask: refund"
CANCEL, CANCEL_LOOK = "_ask > _cancel: cancel", "_ask > _cancel: look"
DEPOSITOR, LATER_PAYER = "_ask > _open: open_customer", "_answer > _ask: open_customer"
MANDATE = "_answer > _ask: ask_mandate"
LOOK, LOOK_TRIES, LOOK_SAVED, LOOK_DISPUTE = (
    f"look > _look: {what}" for what in ("look", "attempts_of", "look_at_mandate", "look_at_dispute")
)
BACK_LOOK, BACK_SAVED = (f"come_back > _look_now: {what}" for what in ("look", "look_at_mandate"))
LOOK_REFUNDS, BACK_REFUNDS = (f"{who} > take_in_payment: refunds_of" for who in ("_look", "_look_now"))
FIND, FIND_LOOK, FIND_REFUND = (f"_answer > find_out: {what}" for what in ("find_payment", "look", "refunds_of"))
HAS_METHOD = "_answer_or_why_not > why_refused: has_method"
DOUBT, DOUBT_LOOK, DOUBT_REFUND = (f"_clear_up > find_out: {what}" for what in ("find_payment", "look", "refunds_of"))
LIST_PAYMENTS, LIST_REFUNDS, LIST_MANDATES, LIST_DISPUTES = (
    f"reconcile_between > _{what}: {what}_between" for what in ("payments", "refunds", "mandates", "disputes")
)
NIGHT_LOOK, NIGHT_DISPUTE = "_payments > _take_in_payment: look", "_disputes > _look_at_dispute: look_at_dispute"
NIGHT_REFUNDS = "_take_in_payment > take_in_payment: refunds_of"
NIGHT_OLD_LEFT = "_refunds > _take_in_refund: look"
NIGHT_OLD, NIGHT_PENDING = "_refunds > _take_in_refund: refunds_of", "_refunds > _find_refund: refunds_of"

# fmt: off
SITES: Sequence[Site] = (
    Site("open a payment", OPEN, opening(), PAID, CAPTURED),
    Site("know a depositor", DEPOSITOR, opening(**DEPOSIT_NOW), ON_DEPOSIT, CHARGED),
    Site("open a deposit", OPEN, opening(**DEPOSIT_NOW), ON_DEPOSIT, CHARGED),
    Site("know a later payer", LATER_PAYER, opening(**LATER), (), SAVED),
    Site("ask for a mandate", MANDATE, opening(**LATER), (), SAVED),
    Site("charge later", OPEN, stories.charge, PAID, CHARGED),
    Site("capture the whole", CAPTURE, stories.ship, TWO, CAPTURED),
    Site("capture a part", CAPTURE, stories.ship_a_part, ONE, ("authorised",)),
    Site("capture the last", CAPTURE, stories.ship_the_last_part, (*ONE, *TWO), CAPTURED),
    Site("capture: rest is off", CAPTURE, stories.ship_and_cancel_the_rest, ONE, CAPTURED),
    Site("no parts: capture", CAPTURE, without_parts(stories.ship_a_part), ALL, CAPTURED),
    Site("no parts: one by one", CAPTURE, without_parts(stories.ship_one_by_one), TWO, CAPTURED),
    Site("no parts: rest is off", CAPTURE, without_parts(stories.ship_and_cancel_the_rest), ONE, CAPTURED),
    Site("no parts: refund rest", REFUND, without_parts(stories.cancel_the_rest), REST_BACK, CAPTURED),
    Site("cancel a reservation", CANCEL, stories.cancel_reserved, (), CANCELLED),
    Site("cancel what is unpaid", CANCEL, stories.cancel_unpaid, (), CANCELLED),
    Site("cancel the rest", CANCEL, stories.cancel_the_rest, ONE, CAPTURED),
    Site("refund a part", REFUND, stories.refund, SOME_BACK, CAPTURED),
    Site("refund the whole", REFUND, stories.cancel_paid, BACK, CAPTURED),
    Site("look at a payment", LOOK, stories.news_of_a_payment, PAID, CAPTURED),
    Site("look at every try", LOOK_TRIES, stories.news_of_two_tries, PAID, CAPTURED),
    Site("look: a buyer is back", BACK_LOOK, stories.buyer_is_back, PAID, CAPTURED, news=NO_NEWS),
    Site("look at a mandate", LOOK_SAVED, stories.news_of_a_mandate, (), SAVED),
    Site("look: a card is saved", BACK_SAVED, stories.buyer_is_back_from_saving, (), SAVED, news=NO_NEWS),
    Site("look at a dispute", LOOK_DISPUTE, stories.dispute, PAID, OBJECTED, DISPUTED),
    Site("look at refunds", LOOK_REFUNDS, stories.refund_made_there, SOME_BACK, CAPTURED, ADOPTED),
    Site("look: buyer's refunds", BACK_REFUNDS, stories.buyer_is_back_after_a_refund, SOME_BACK, CAPTURED, ADOPTED,
         news=NO_NEWS),
    Site("find a payment", FIND, opening(), PAID, CAPTURED, meanwhile=_broken(OPENING)),
    Site("find a new payment", FIND, stories.opened_twice, PAID, CAPTURED, meanwhile=_broken(OPENING),
         search_lag_s=MINUTE),
    Site("find a charge", FIND, stories.charge, PAID, CHARGED, meanwhile=_broken(OPENING), search_lag_s=MINUTE),
    Site("find a capture", FIND_LOOK, stories.ship, TWO, CAPTURED, meanwhile=_broken(CAPTURING)),
    Site("find a cancellation", FIND_LOOK, stories.cancel_reserved, (), CANCELLED, meanwhile=_broken(CANCELLING)),
    Site("find a refund", FIND_REFUND, stories.refund, SOME_BACK, CAPTURED, meanwhile=_broken(REFUNDING)),
    Site("see why it is refused", HAS_METHOD, stories.charge_a_removed_card, PAID, REPLACED),
    Site("find before a new key", FIND, stories.charge_a_day_later, PAID, CHARGED, search_lag_s=MINUTE),
    Site("doubt of a payment", DOUBT, stories.doubtful_opening, PAID, CAPTURED, meanwhile=_lost(OPENING), news=NO_NEWS,
         search_lag_s=MINUTE),
    Site("doubt of a charge", DOUBT, in_doubt(stories.charge, OPENING), PAID, CHARGED, meanwhile=_lost(OPENING),
         news=NO_NEWS, search_lag_s=MINUTE),
    Site("doubt of a capture", DOUBT_LOOK, in_doubt(stories.ship, CAPTURING), TWO, CAPTURED,
         meanwhile=_lost(CAPTURING), news=NO_NEWS),
    Site("doubt: no parts", DOUBT_LOOK, in_doubt(without_parts(stories.ship_a_part), CAPTURING), ALL, CAPTURED,
         meanwhile=_lost(CAPTURING), news=NO_NEWS),
    Site("doubt of letting go", DOUBT_LOOK, in_doubt(stories.cancel_reserved, CANCELLING), (), CANCELLED,
         meanwhile=_lost(CANCELLING), news=NO_NEWS),
    Site("doubt of a refund", DOUBT_REFUND, in_doubt(stories.refund, REFUNDING), SOME_BACK, CAPTURED,
         meanwhile=_lost(REFUNDING), news=NO_NEWS),
    Site("deadline: look", CANCEL_LOOK, stories.never_pays, (), CANCELLED),
    Site("deadline: look, paid", CANCEL_LOOK, unheard(), PAID, CAPTURED, news=NO_NEWS),
    Site("deadline: let go", CANCEL, stories.never_pays, (), CANCELLED),
    Site("deadline: a mandate", LOOK_SAVED, unheard(**LATER), (), SAVED, news=NO_NEWS),
    Site("deadline: no mandate", LOOK_SAVED, stories.never_saves, (), CANCELLED),
    Site("deadline: expiry", CAPTURE, stories.nobody_ships, PAID, CAPTURED),
    Site("deadline: rest of it", CAPTURE, stories.rest_stays, (*ONE, *TWO), CAPTURED),
    Site("list payments", LIST_PAYMENTS, a_night_after(stories.news_of_a_payment), PAID, CAPTURED),
    Site("list refunds", LIST_REFUNDS, a_night_after(stories.refund_made_there), SOME_BACK, CAPTURED, ADOPTED),
    Site("list mandates", LIST_MANDATES, a_night_after(stories.news_of_a_mandate), (), SAVED),
    Site("list disputes", LIST_DISPUTES, a_night_after(stories.dispute), PAID, OBJECTED, DISPUTED),
    Site("night: a payment", NIGHT_LOOK, a_night_after(stories.news_of_a_payment), PAID, CAPTURED),
    Site("night: its refunds", NIGHT_REFUNDS, a_night_after(stories.refund_made_there), SOME_BACK, CAPTURED, ADOPTED),
    Site("night: an old refund", NIGHT_OLD, a_night_after(stories.refund_made_there_long_after), SOME_BACK, CAPTURED,
         ADOPTED),
    Site("night: what is left", NIGHT_OLD_LEFT, a_night_after(stories.refund_made_there_long_after), SOME_BACK,
         CAPTURED, ADOPTED),
    Site("night: a slow refund", NIGHT_PENDING, a_night_after(stories.refund_takes_long), SOME_BACK, CAPTURED),
    Site("night: an old dispute", NIGHT_DISPUTE, a_night_after(stories.dispute_takes_long), PAID, LOST, DISPUTED),
)
# fmt: on
