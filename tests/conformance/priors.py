"""The prior price: the lowest price before a reduction, by every option that a market has."""

from typing import Any

from pricing.rules.book import Item, Price, PriorRule
from pricing.rules.codes import hash_of
from pricing.rules.local_time import DAY
from pricing.rules.promotion import Promotion
from tests.books import MARKET, NOON, STORES, WEB, basket, book, item, promotion
from tests.conformance.cases import Case, Table, case

TEN = {"kind": "percent", "share": 1000}


def ago(days: int) -> int:
    """So many days before the noon at which everything is asked."""
    return NOON - days * DAY


def prices(*steps: tuple[int, int | None]) -> list[Price]:
    """From so many days ago on it cost this; None: it was not sold."""
    begins = [ago(days) for days, _ in steps]
    ends = [*begins[1:], None]
    return [Price(b, e, cost) for b, e, (_, cost) in zip(begins, ends, steps, strict=True) if cost is not None]


def sold(sku: str, *steps: tuple[int, int | None], **more: Any) -> Item:  # noqa: ANN401 - fields of an item
    """An item that cost this."""
    return item(sku, *prices(*steps), **more)


def asked(slug: str, about: str, sku: str, prior: int | None, at: int = NOON, **more: Any) -> Case:  # noqa: ANN401 - as case
    """What the prior price of a unit is."""
    wanted = basket((sku, 1), channel=more.pop("channel", WEB))
    return case(slug, about, wanted, at, prior={} if prior is None else {sku: prior}, **more)


def ran(name: str, since: int, until: int | None, **conditions: Any) -> Promotion:  # noqa: ANN401 - of a promotion
    """10 % off, from so many days ago until so many days ago."""
    return promotion(name, TEN, starts=ago(since), ends=None if until is None else ago(until), conditions=conditions)


def about_promotion(name: str, earlier: Promotion, cases: list[Case]) -> Table:
    """30.00 for ever, 10 % off earlier and nothing now; then 25.00 from noon on."""
    return Table(name, ["prior-price", "promotions"], book([sold("A", (200, 3000), (0, 2500))], [earlier]), cases)


SERIES = [
    sold("KEPT", (200, 2800), (45, 3000), (0, 2500)),
    sold("LOWER-WITHIN", (200, 3000), (25, 2600), (20, 3000), (0, 2500)),
    sold("LOWER-BEFORE", (200, 3000), (40, 2000), (31, 3000), (0, 2500)),
    sold("LOWER-AT-OPENING", (200, 3000), (40, 2000), (29, 3000), (0, 2500)),
    sold("LOWER-UNTIL-OPENING", (200, 3000), (40, 2000), (30, 3000), (0, 2500)),
    item(
        "LOWER-A-MICROSECOND",
        Price(ago(200), ago(30) + 1, 2000),
        Price(ago(30) + 1, NOON, 3000),
        Price(NOON, None, 2500),
    ),
    sold("TWO-LOWER", (200, 3000), (20, 2800), (15, 3000), (10, 2700), (5, 3000), (0, 2500)),
    sold("NEVER", (200, 3000)),
    sold("RAISED", (200, 3000), (0, 3500)),
    sold("REDUCED-THEN-RAISED", (200, 3000), (10, 2000), (0, 2500)),
    sold("STEPS", (200, 3000), (10, 2700), (0, 2500)),
    sold("STEPS-WITH-RISE", (200, 3000), (10, 2600), (5, 2800), (0, 2500)),
    sold("STEPS-LONG-AGO", (200, 3000), (95, 2700), (0, 2500)),
    sold("STEPS-WITH-GAP", (200, 3000), (10, 2700), (8, None), (5, 2600), (0, 2500)),
    sold("GAP-BEFORE", (200, 3000), (60, None), (0, 2500)),
    sold("GAP-WITHIN", (200, 3000), (25, 2200), (20, None), (10, 3000), (0, 2500)),
    sold("GAP-AT-OPENING", (200, 2800), (40, None), (20, 3000), (0, 2500)),
    sold("NEW", (10, 3000), (0, 2500)),
    sold("NEW-WITH-LOWER", (10, 3000), (6, 2400), (4, 3000), (0, 2500)),
    sold("THIRTY-DAYS-OLD", (30, 3000), (0, 2500)),
    item("ALMOST-THIRTY-DAYS-OLD", Price(ago(30) + 1, NOON, 3000), Price(NOON, None, 2500)),
    sold("FREE-ONCE", (200, 3000), (9, 0), (8, 3000), (0, 2500)),
    sold("TODAY", (0, 2500)),
    sold("OTHER-CHANNEL", (200, 3000), channels={STORES: prices((20, 2000), (10, 3000)), WEB: prices((0, 2500))}),
    sold("OWN-PRICE-BEFORE", (200, 3000), (0, 2500), channels={WEB: [Price(ago(20), ago(10), 2600)]}),
]
HOURS = {"days": [0], "begins": 600, "until": 720}
"""Mondays from ten to noon in Berlin; noon in UTC is one o'clock."""

IN_BERLIN = basket(("A", 1), channel=STORES, store="berlin-1")
IN_MUNICH = basket(("A", 1), channel=STORES, store="munich-1")
USED_UP = basket(("A", 1), customer={"used_up": ["used"]})
OWN_PRICE = basket(("B", 1), customer={"used_up": ["used"]})


def series(name: str, rule: PriorRule, cases: list[Case]) -> Table:
    """Cases about prices alone."""
    return Table(name, ["prior-price"], book(SERIES, prior=rule), cases)


TABLES = [
    series(
        "prior-price",
        PriorRule(),
        [
            asked(
                "price-of-45-days-ago",
                "Set 45 days ago and still in force when the window opened: it counts.",
                "KEPT",
                3000,
                since={"KEPT": NOON},
            ),
            asked(
                "not-the-reduced-one",
                "Five days later the reduced price itself still does not count.",
                "KEPT",
                3000,
                NOON + 5 * DAY,
            ),
            asked("before-the-reduction", "A microsecond before, nothing was reduced.", "KEPT", None, NOON - 1),
            asked("lower-within", "A lower price within the window.", "LOWER-WITHIN", 2600),
            asked("lower-before", "One that ended before the window opened does not count.", "LOWER-BEFORE", 3000),
            asked("lower-at-opening", "One that was in force when it opened does.", "LOWER-AT-OPENING", 2000),
            asked("lower-until-opening", "One that ended at that very instant does not.", "LOWER-UNTIL-OPENING", 3000),
            asked("lower-a-microsecond", "One that ended a microsecond later does.", "LOWER-A-MICROSECOND", 2000),
            asked("lowest-of-two", "Of two the lowest.", "TWO-LOWER", 2700),
            asked("free-once", "Nothing is a price.", "FREE-ONCE", 0),
            asked("never-reduced", "What was never reduced has none.", "NEVER", None),
            asked("raised", "What was raised has none.", "RAISED", None),
            asked(
                "reduced-then-raised", "What was reduced and raised again is not reduced.", "REDUCED-THEN-RAISED", None
            ),
            asked("announced", "A reduction is announced for 90 days,", "KEPT", 3000, NOON + 90 * DAY - 1),
            asked("announced-over", "then the price is just the price.", "KEPT", None, NOON + 90 * DAY),
            asked("announced-over-for-good", "And stays it.", "KEPT", None, NOON + 300 * DAY),
            asked(
                "announced-again",
                "Whoever asks about an earlier instant afterwards is told what it was.",
                "KEPT",
                3000,
                NOON + DAY,
            ),
            asked("first-price", "A first price is no reduction.", "TODAY", None),
            asked("step-by-step", "Each step is a reduction of its own.", "STEPS", 2700, since={"STEPS": NOON}),
            asked("gap-before", "What comes back cheaper was not reduced.", "GAP-BEFORE", None),
            asked("gap-within", "A gap in the window is no price; what was before it counts.", "GAP-WITHIN", 2200),
            asked("gap-at-opening", "Not sold when the window opened: what was since counts.", "GAP-AT-OPENING", 3000),
            asked("new", "Sold for ten days: their lowest price.", "NEW", 3000),
            asked("new-with-lower", "Whatever that was.", "NEW-WITH-LOWER", 2400),
            asked("thirty-days-old", "Sold for exactly thirty days.", "THIRTY-DAYS-OLD", 3000),
        ],
    ),
    series(
        "prior-price-new-arrivals",
        PriorRule(new_arrivals="none"),
        [
            asked("new", "Sold for ten days: nothing is announced.", "NEW", None),
            asked("gap-at-opening", "Not sold when the window opened: nothing either.", "GAP-AT-OPENING", None),
            asked("thirty-days-old", "Exactly thirty days are long enough.", "THIRTY-DAYS-OLD", 3000),
            asked("almost-thirty-days-old", "A microsecond less is not.", "ALMOST-THIRTY-DAYS-OLD", None),
            asked("gap-within", "Sold when it opened: a gap within does not matter.", "GAP-WITHIN", 2200),
            asked("old", "What is sold for long is as ever.", "KEPT", 3000),
        ],
    ),
    series(
        "prior-price-progressive",
        PriorRule(progressive=True),
        [
            asked(
                "first-step",
                "A reduction that grows counts from its first step.",
                "STEPS",
                3000,
                since={"STEPS": ago(10)},
            ),
            asked("one-step", "One step is as ever.", "KEPT", 3000, since={"KEPT": NOON}),
            asked(
                "rise-between",
                "A rise between begins it anew.",
                "STEPS-WITH-RISE",
                2600,
                since={"STEPS-WITH-RISE": NOON},
            ),
            asked("gap-between", "So does a gap.", "STEPS-WITH-GAP", 2600, since={"STEPS-WITH-GAP": NOON}),
            asked(
                "first-step-long-ago",
                "A step of more than 90 days ago is just the price by now: the reduction counts from the next.",
                "STEPS-LONG-AGO",
                2700,
                since={"STEPS-LONG-AGO": NOON},
            ),
            asked("announced", "90 days from the first step on,", "STEPS", 3000, NOON + 80 * DAY - 1),
            asked(
                "next-step", "then it counts from the second,", "STEPS", 2700, NOON + 80 * DAY, since={"STEPS": NOON}
            ),
            asked("announced-over", "then it is over.", "STEPS", None, NOON + 90 * DAY),
            asked("announced-again", "And is what it was at an earlier instant.", "STEPS", 3000, NOON),
        ],
    ),
    series(
        "prior-price-short-window",
        PriorRule(window_days=10, announced_days=20),
        [
            asked("outside", "A lower price 20 days ago is outside of ten.", "LOWER-WITHIN", 3000),
            asked("inside", "One five days ago is inside.", "TWO-LOWER", 2700),
            asked("announced", "Announced for twenty days,", "KEPT", 3000, NOON + 20 * DAY - 1),
            asked("announced-over", "and no longer.", "KEPT", None, NOON + 20 * DAY),
        ],
    ),
    series(
        "prior-price-of-a-channel",
        PriorRule(),
        [
            asked("other-channel", "What another channel charged does not count.", "OTHER-CHANNEL", 3000),
            asked("same-channel-before", "What this one did before does.", "OWN-PRICE-BEFORE", 2600),
            asked(
                "ended-own-price", "An own price that ends is a rise.", "OTHER-CHANNEL", None, ago(5), channel=STORES
            ),
            asked(
                "own-price-began",
                "One that begins lower is a reduction.",
                "OTHER-CHANNEL",
                3000,
                ago(15),
                channel=STORES,
            ),
        ],
    ),
    about_promotion(
        "prior-price-promotion",
        ran("ten", 20, 10),
        [
            asked("counts", "What everybody paid with a promotion is a price that was applied.", "A", 2700),
            asked(
                "while-it-runs",
                "While it runs the price is reduced, and was 30.00.",
                "A",
                3000,
                ago(15),
                total=2700,
                prices={"A": 3000},
            ),
            asked("after-it", "After it nothing is reduced.", "A", None, ago(5), total=3000),
        ],
    ),
    about_promotion(
        "prior-price-promotion-long-ago",
        ran("ten", 60, 31),
        [asked("does-not-count", "One that was over before the window opened does not.", "A", 3000)],
    ),
    about_promotion(
        "prior-price-promotion-at-opening",
        ran("ten", 60, 30),
        [asked("does-not-count", "Nor one that ended at that instant.", "A", 3000)],
    ),
    *(
        about_promotion(
            f"prior-price-personal-{name}",
            ran("ten", 20, None, **conditions),
            [
                asked("does-not-count", "What only some could have does not count,", "A", 3000),
                asked("no-reduction", "and is no reduction.", "A", None, ago(15)),
            ],
        )
        for name, conditions in (
            ("group", {"groups": ["staff"]}),
            ("first-purchase", {"first_purchase": True}),
            ("code", {"code_hashes": [hash_of(MARKET, "TEN")]}),
            ("unique-codes", {"unique_codes": True}),
        )
    ),
    about_promotion(
        "prior-price-of-several-units",
        ran("ten", 20, 10, quantity=2),
        [asked("does-not-count", "What one unit cost nobody does not count.", "A", 3000)],
    ),
    about_promotion(
        "prior-price-in-a-store",
        ran("ten", 20, 10, stores=["berlin-1"]),
        [
            asked("counts", "What was offered in one store was offered in the channel.", "A", 2700, channel=STORES),
            asked("not-online", "It was not offered online.", "A", 3000),
        ],
    ),
    Table(
        "prior-price-beside-what-is-always-less",
        ["prior-price", "promotions", "stores"],
        book(
            [sold("A", (200, 3000))],
            [
                promotion("always", {"kind": "percent", "share": 500}, starts=ago(200), lane=0),
                ran("store", 5, None, channels=[STORES], stores=["berlin-1"]),
            ],
        ),
        [
            case("store", "Where it is reduced it is told.", IN_BERLIN, total=2565, prior={"A": 2850}),
            case("other-store", "Less than its price, as it always was: no less.", IN_MUNICH, total=2850, prior={}),
        ],
    ),
    Table(
        "prior-price-only-beside-a-reduction",
        ["prior-price", "promotions", "stores", "limits"],
        book(
            [sold("A", (200, 3000)), sold("B", (200, 3000), (5, 2500))],
            [
                ran("store", 5, None, channels=[STORES], stores=["berlin-1"]),
                promotion("used", TEN, starts=ago(5), conditions={"channels": [WEB]}, limited=True),
            ],
        ),
        [
            case("store", "Where it is reduced it is told.", IN_BERLIN, total=2700, prior={"A": 3000}),
            case("other-store", "Where it is not, nothing is.", IN_MUNICH, total=3000, prior={}),
            case("to-be-had", "Who can have it is told.", basket(("A", 1)), total=2700, prior={"A": 3000}),
            case("used-up", "Once its uses are gone nothing is.", USED_UP, total=3000, prior={}),
            case("its-own", "The price itself came down.", OWN_PRICE, total=2500, prior={"B": 3000}),
        ],
    ),
    about_promotion(
        "prior-price-in-a-channel",
        ran("ten", 20, 10, channels=[STORES]),
        [
            asked("counts", "A promotion of the stores counts there.", "A", 2700, channel=STORES),
            asked("elsewhere", "And not online.", "A", 3000),
        ],
    ),
    about_promotion(
        "prior-price-happy-hour",
        ran("ten", 20, None, hours=[HOURS]),
        [
            asked("counts", "What it cost for two hours a week counts.", "A", 2700),
            asked("within", "Within those hours it is reduced.", "A", 2700, ago(7) - 90 * 60_000_000, total=2700),
            asked("first-time", "At the first of them the price was 30.00.", "A", 3000, ago(14) - 150 * 60_000_000),
            asked("after-it", "After them nothing is reduced.", "A", None, ago(7), total=3000),
            asked("before-it", "Nor before them.", "A", None, ago(7) - 181 * 60_000_000, total=3000),
        ],
    ),
    Table(
        "prior-price-stays-reduced",
        ["prior-price", "promotions"],
        book(
            [sold("A", (200, 3000))],
            [
                ran("one", 20, 10),
                promotion("two", {**TEN, "share": 2000}, starts=ago(10), ends=ago(5)),
                ran("three", 5, None),
            ],
        ),
        [
            asked("one", "10 % off 30.00.", "A", 3000, ago(15), total=2700),
            asked("two", "20 % off, after 10 %: the lowest before it is 27.00.", "A", 2700, ago(7), total=2400),
            asked("three", "10 % again, after 20 %: that is a rise.", "A", None, ago(1), total=2700),
        ],
    ),
]
