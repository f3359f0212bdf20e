"""When a promotion runs: from one instant to another, and at what times of the week."""

from typing import Any

from pricing.rules.book import Book, Price, Tax, TimeZone
from tests.books import basket, book, item, promotion, us
from tests.conformance.cases import Case, Table, case

TEN = {"kind": "percent", "share": 1000}
START, END = us("2026-11-02T12:00:00Z"), us("2026-11-09T12:00:00Z")
ONE = basket(("A", 1))


def weekly(*hours: dict[str, Any]) -> Book:
    """10 % off 10.00 at these times of the week, in Berlin."""
    return book([item("A", 1000)], [promotion("ten", TEN, conditions={"hours": list(hours)})])


def runs(slug: str, about: str, at: str | int) -> Case:
    """An instant at which it runs."""
    return case(slug, about, ONE, us(at) if isinstance(at, str) else at, total=900, why={})


def rests(slug: str, about: str, at: str | int) -> Case:
    """An instant at which it does not."""
    return case(slug, about, ONE, us(at) if isinstance(at, str) else at, total=1000, why={"ten": "hours"})


MONDAYS = weekly({"days": [0], "begins": 600, "until": 720})
SUNDAY_NIGHT = weekly({"days": [6], "begins": 1320}, {"days": [0], "begins": 0, "until": 60})
SUNDAY_TWO_TO_THREE = weekly({"days": [6], "begins": 120, "until": 180})
SUNDAY_HALF_PAST_TWO = weekly({"days": [6], "begins": 150, "until": 240})
LONG_BEFORE = -(10**15)
"""1938, in microseconds."""

TABLES = [
    Table(
        "start-and-end",
        ["instants", "percent"],
        book([item("A", 1000)], [promotion("ten", TEN, starts=START, ends=END)]),
        [
            case(
                "before",
                "A microsecond before its start nobody speaks of it.",
                ONE,
                START - 1,
                total=1000,
                why={},
                by={},
            ),
            case("start", "At its start it runs.", ONE, START, total=900, by={"ten": 100}),
            case("last", "Up to the last microsecond before its end.", ONE, END - 1, total=900, by={"ten": 100}),
            case("end", "At its end it is over.", ONE, END, total=1000, why={}, by={}),
        ],
    ),
    Table(
        "handover",
        ["instants", "percent"],
        book(
            [item("A", 1000)],
            [
                promotion("one", TEN, starts=START - 1000, ends=START),
                promotion("two", {**TEN, "share": 2000}, starts=START, ends=END),
            ],
        ),
        [
            case("before", "The one up to here,", ONE, START - 1, total=900, by={"one": 100}, prior={"A": 1000}),
            case(
                "at",
                "the other from here: never both, never none.",
                ONE,
                START,
                total=800,
                by={"two": 200},
                prior={"A": 900},
            ),
        ],
    ),
    Table(
        "hours-mondays",
        ["hours"],
        MONDAYS,
        [
            rests("before", "A microsecond before ten in Berlin.", us("2026-11-02T09:00:00Z") - 1),
            runs("begins", "At ten.", "2026-11-02T09:00:00Z"),
            runs("last", "Up to the last microsecond before noon.", us("2026-11-02T11:00:00Z") - 1),
            rests("ends", "At noon it rests.", "2026-11-02T11:00:00Z"),
            rests("tuesday", "On Tuesday it rests.", "2026-11-03T10:00:00Z"),
            rests("utc", "Ten in UTC is ten in Berlin only where clocks say so.", "2026-07-06T10:00:00Z"),
            runs("summer", "In summer ten comes an hour earlier.", "2026-07-06T08:00:00Z"),
            rests("summer-before", "And not before.", us("2026-07-06T08:00:00Z") - 1),
        ],
    ),
    Table(
        "hours-over-midnight",
        ["hours"],
        SUNDAY_NIGHT,
        [
            rests("before", "A microsecond before ten in the evening.", us("2026-11-01T21:00:00Z") - 1),
            runs("begins", "At ten in the evening.", "2026-11-01T21:00:00Z"),
            runs("midnight-almost", "The day's last microsecond.", us("2026-11-01T23:00:00Z") - 1),
            runs("midnight", "Two windows make a night: midnight.", "2026-11-01T23:00:00Z"),
            rests("ends", "One in the morning.", "2026-11-02T00:00:00Z"),
        ],
    ),
    Table(
        "hours-clocks-back",
        ["hours", "daylight-saving"],
        SUNDAY_TWO_TO_THREE,
        [
            rests("before", "2026-10-25, a microsecond before two.", us("2026-10-25T00:00:00Z") - 1),
            runs("two", "Two for the first time.", "2026-10-25T00:00:00Z"),
            runs("three-almost", "The last microsecond before clocks are put back.", us("2026-10-25T01:00:00Z") - 1),
            runs("two-again", "Two for the second time.", "2026-10-25T01:00:00Z"),
            runs("three-almost-again", "The last microsecond before three.", us("2026-10-25T02:00:00Z") - 1),
            rests("three", "Three.", "2026-10-25T02:00:00Z"),
        ],
    ),
    Table(
        "hours-clocks-on",
        ["hours", "daylight-saving"],
        SUNDAY_TWO_TO_THREE,
        [
            rests("before", "2027-03-28, the last microsecond before two.", us("2027-03-28T01:00:00Z") - 1),
            rests("three", "At once it is three: the hour from two is not there.", "2027-03-28T01:00:00Z"),
            rests("later", "Nor does it come later.", "2027-03-28T01:30:00Z"),
            runs("week-before", "A week before it was there.", "2027-03-21T01:30:00Z"),
            runs("week-after", "A week later it is, an hour earlier.", "2027-04-04T00:30:00Z"),
        ],
    ),
    Table(
        "hours-begin-in-the-gap",
        ["hours", "daylight-saving"],
        SUNDAY_HALF_PAST_TWO,
        [
            rests("before", "Before clocks are put on it has not begun.", us("2027-03-28T01:00:00Z") - 1),
            runs("three", "Half past two is not there: it begins at three.", "2027-03-28T01:00:00Z"),
            runs("last", "And goes on to four.", us("2027-03-28T02:00:00Z") - 1),
            rests("ends", "Four.", "2027-03-28T02:00:00Z"),
        ],
    ),
    Table(
        "hours-before-the-first-offset",
        ["hours", "time-zone"],
        book(
            [item("A", 1000)],
            [promotion("ten", TEN, conditions={"hours": [{"days": [0], "begins": 600, "until": 720}]})],
            time_zone=TimeZone(
                "Somewhere", [(us("2026-06-01T00:00:00Z"), -18000), (us("2026-11-01T06:00:00Z"), -21600)]
            ),
        ),
        [
            runs("first-offset-before-it", "The first offset holds before it, too.", "2026-05-04T15:00:00Z"),
            runs("first-offset", "And after it.", "2026-06-08T15:00:00Z"),
            rests("not-yet-another", "Not the second one.", us("2026-06-08T17:00:00Z")),
            runs("second-offset", "Then the second one, west of Greenwich.", "2026-11-02T16:00:00Z"),
        ],
    ),
    Table(
        "hours-before-1970",
        ["hours", "time-zone"],
        book(
            [item("A", Price(LONG_BEFORE, None, 1000))],
            [promotion("ten", TEN, starts=LONG_BEFORE, conditions={"hours": [{"days": [2], "begins": 1439}]})],
            taxes=[Tax("standard", [Price(LONG_BEFORE, None, 1900)])],
            time_zone=TimeZone("UTC", [(LONG_BEFORE, 0)]),
        ),
        [
            runs("last-microsecond", "1969 ended on a Wednesday: what is before 1970 is divided downwards.", -1),
            rests("first-instant", "1970 began on a Thursday.", 0),
            runs("minute-begins", "The last minute begins,", -60_000_000),
            rests("minute-before", "and not before.", -60_000_001),
        ],
    ),
]
