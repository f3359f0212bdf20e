"""The prior price beside a reduced one, over HTTP: the figure, the rule, and every price and promotion behind it."""

from datetime import datetime, timedelta

import httpx

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from pricing.policies import set_policy
from pricing.schemas import PolicyBody
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.price_changes import JANUARY, LEAD, Desk, at, desk, item
from tests.shop import reprice, republish, rows
from tests.stories import eur, plant
from tests.test_price_change_meets import ACCESSORIES, PERCENT, promotion

__all__ = ["desk"]

DAY = timedelta(days=1)
START = NOON + LEAD


async def asked(caller: Api, when: datetime | None = None, channel: str = "web-de", sku: str = "WATCH") -> Json:
    """The prior price of the watch in the web shop."""
    answer = await ask(caller, when, channel, sku)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ask(caller: Api, when: datetime | None, channel: str = "web-de", sku: str = "WATCH") -> httpx.Response:
    """Ask for a prior price."""
    params = {"channel": channel, "sku": sku} | ({} if when is None else {"at": at(when)})
    return await caller.get("/v1/prior-prices", headers=None, **params)


def row(begins: datetime, ends: datetime, price: int, charge: int, *promotions: str, **more: object) -> Json:
    """A row of evidence, as far as amounts go."""
    return {"begins": at(begins), "ends": at(ends), "price": price, "charge": charge, "by": list(promotions), **more}


def told(found: Json) -> list[Json]:
    """The evidence, as far as amounts go."""
    return [
        row(
            datetime.fromisoformat(one["begins"]),
            datetime.fromisoformat(one["ends"]),
            one["price"]["amount"],
            one["charge"]["charge"]["amount"],
            *one["promotions"],
        )
        for one in found["evidence"]
    ]


async def test_a_reduced_price_is_shown_with_the_lowest_before_it_and_what_made_each(desk: Desk) -> None:
    """A promotion of last week counts, in the channel in which it ran; the price change is named that reduced it."""
    only_web = {"channels": ["web-de"], **ACCESSORIES}
    await plant(desk.db, promotion("week", only_web, PERCENT, state="ended", days=(-9, -2)))
    await republish(desk.db)
    change_id = await desk.live(item("WATCH", 19900))
    desk.clock.advance(DAY)
    web, stores = await asked(desk.ada), await asked(desk.ada, None, "retail-de")

    assert (web["price"], web["prior"], web["since"]) == (eur(19900), eur(22410), at(START))
    assert (stores["price"], stores["prior"], stores["since"]) == (eur(19900), eur(24900), at(START))
    assert (web["market"], web["at"], web["book"]) == ("de", at(START + DAY), 3)
    assert web["rule"] == {
        "window_days": 30,
        "announced_days": 90,
        "progressive": False,
        "new_arrivals": "shorter",
    }
    assert told(web) == [
        row(START - 30 * DAY, NOON - 9 * DAY, 24900, 24900),
        row(NOON - 9 * DAY, NOON - 2 * DAY, 22410, 24900, "prm_week"),
        row(NOON - 2 * DAY, START, 24900, 24900),
    ]
    assert told(stores) == [row(START - 30 * DAY, START, 24900, 24900)]
    [charge] = [one["charge"] for one in stores["evidence"]]
    assert (charge["counted"], charge["valid_from"], charge["valid_to"]) == ("recommended", JANUARY, at(START))
    assert charge["change_id"] is None
    cheaper = await desk.live(item("WATCH", 17900))
    again = await asked(desk.ada)
    assert again["prior"] == eur(19900)
    assert [one["charge"]["change_id"] for one in again["evidence"]][-2:] == [None, change_id]
    assert cheaper not in str(again["evidence"])


async def test_a_price_that_one_store_gave_to_anybody_was_the_channels_and_the_row_says_where(desk: Desk) -> None:
    in_berlin = {"channels": ["retail-de"], "stores": ["berlin"], **ACCESSORIES}
    await plant(desk.db, promotion("berlin", in_berlin, PERCENT, state="ended", days=(-9, -2)))
    await republish(desk.db)
    await desk.live(item("WATCH", 19900))
    stores = await asked(desk.ada, None, "retail-de")

    assert stores["prior"] == eur(22410)
    assert [(one["price"]["amount"], one["store"], one["promotions"]) for one in stores["evidence"]] == [
        (24900, None, []),
        (22410, "berlin", ["prm_berlin"]),
        (24900, None, []),
    ]


async def test_a_channels_own_price_is_named_and_a_gap_is_shown(desk: Desk) -> None:
    own = {"reason": "Fair", "expires_at": at(NOON + 3 * DAY)}
    await desk.live(item("WATCH", 20000, "web-de", exception=own))
    desk.clock.set(NOON + 5 * DAY)
    await reprice(desk.db, "WATCH", None, at=NOON + 6 * DAY)
    await reprice(desk.db, "WATCH", 25000, at=NOON + 7 * DAY)
    await reprice(desk.db, "WATCH", 23000, at=NOON + 8 * DAY)
    await republish(desk.db)
    found = await asked(desk.ada, NOON + 8 * DAY)

    assert (found["price"], found["prior"]) == (eur(23000), eur(20000))
    seen = [
        (one["begins"], one["price"] and one["price"]["amount"], one["charge"] and one["charge"]["counted"])
        for one in found["evidence"]
    ]
    assert seen == [
        (at(NOON - 22 * DAY), 24900, "recommended"),
        (at(START), 20000, "channel"),
        (at(NOON + 3 * DAY), 24900, "recommended"),
        (at(NOON + 6 * DAY), None, None),
        (at(NOON + 7 * DAY), 25000, "recommended"),
    ]


async def test_what_is_not_reduced_has_none_and_who_sells_asks_for_its_own_channel(
    desk: Desk, callers: Callers
) -> None:
    storefront = await callers(Role.STOREFRONT, channel="web-de")
    found = await asked(storefront)

    assert (found["price"], found["prior"], found["since"], found["evidence"]) == (eur(24900), None, None, [])
    assert problem(await ask(storefront, None, "retail-de")) == (403, "wrong_channel")
    assert problem(await ask(desk.ada, None, "web-xx")) == (422, "unknown_reference")
    assert problem(await ask(desk.ada, None, "web-de", "GHOST")) == (422, "unknown_reference")


async def test_a_year_later_the_book_of_that_day_says_it_and_before_the_first_book_nobody_does(
    desk: Desk, db: Database
) -> None:
    await desk.live(item("WATCH", 19900))
    shown = await asked(desk.ada)
    a_year_later = NOON + 365 * DAY
    desk.clock.set(a_year_later)
    async with db.transaction() as tx:
        await set_policy(tx, "de", PolicyBody(prior_window_days=60), "ada", a_year_later)
    now, then = await asked(desk.ada), await asked(desk.ada, START)
    before = await ask(desk.ada, NOON - 366 * DAY)

    assert now["prior"] is None, "for so long it is no reduction any more"
    assert now["rule"]["window_days"] == 60
    assert then == shown, "by the rule of that day, and by its book"
    assert problem(before) == (422, "beyond_the_books")
    assert before.json()["errors"][0]["field"] == "at"
    assert (before.json()["facts"]["number"], before.json()["facts"]["known_since"]) == (
        now["book"],
        at(a_year_later.replace(hour=0) - 150 * DAY),
    )
    assert problem(await ask(desk.ada, a_year_later + 93 * DAY)) == (422, "beyond_the_books")


async def test_what_the_current_book_remembers_is_said_by_it(desk: Desk) -> None:
    """There was no book yet when somebody paid this; the first one knows it all the same, a month back."""
    first = await rows(desk.db, "SELECT number, compiled_at FROM price_books WHERE market = 'de'")
    found = await asked(desk.ada, NOON - 29 * DAY)
    too_long_ago = await ask(desk.ada, NOON - 31 * DAY)

    assert first == [(1, NOON)]
    assert (found["book"], found["price"], found["prior"]) == (1, eur(24900), None)
    assert problem(too_long_ago) == (422, "beyond_the_books")


async def test_what_is_sold_no_more_is_told_by_the_book_of_its_day(desk: Desk, db: Database) -> None:
    """The current book has forgotten the sku; neither its reduction nor its price is forgotten with it."""
    await desk.live(item("WATCH", 19900))
    shown = await asked(desk.ada)
    await reprice(db, "WATCH", None, at=NOON + 2 * DAY)
    desk.clock.set(NOON + 200 * DAY)
    await republish(db)
    then, now = await asked(desk.ada, START), await ask(desk.ada, None)
    long_ago, ghost = await ask(desk.ada, NOON - 200 * DAY), await ask(desk.ada, START, sku="GHOST")

    assert (then["price"], then["prior"], told(then)) == (eur(19900), eur(24900), told(shown))
    assert problem(now) == (422, "unknown_reference"), "today it is not sold, and no book of these days has it"
    assert problem(long_ago) == (422, "beyond_the_books"), "before the first book nobody knows"
    assert problem(ghost) == (422, "unknown_reference")
