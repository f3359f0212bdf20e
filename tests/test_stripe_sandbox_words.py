"""Nonsense is refused by the name of the word: a mistyped fault script would test nothing, and look green."""

import subprocess
from typing import Any

import pytest

from commerce.embedded.supervisor import OUR_COMMAND
from tests.conftest import Json
from tests.stripe_backends import StripeSandbox


def call(**match: object) -> Json:
    """A script by which these calls go wrong."""
    return {"calls": [{"match": match, "fault": "hang"}]}


@pytest.mark.parametrize(
    ("where", "said", "named"),
    [
        ("faults", {"calls": [{"match": {}, "fault": "fire"}]}, "$.calls[0].fault"),
        ("faults", call(colour=1), "$.calls[0].match"),
        ("faults", call(method="BREW"), "$.calls[0].match.method"),
        ("faults", call(path="v1/refunds"), "$.calls[0].match.path"),
        ("faults", call(agent=""), "$.calls[0].match.agent"),
        ("faults", call(nth=0), "$.calls[0].match.nth"),
        ("faults", call(times=-1), "$.calls[0].match.times"),
        ("faults", call(times=0), "$.calls[0].match.times"),
        ("faults", call(share=5), "$.calls[0].match.share"),
        ("faults", call(share=0), "$.calls[0].match.share"),
        ("faults", {"events": {"duplicate": 0}}, "$.events.duplicate"),
        ("faults", {"events": {"duplicate": -1}}, "$.events.duplicate"),
        ("faults", {"events": {"drop": 7}}, "$.events.drop"),
        ("faults", {"events": {"drop": -0.1}}, "$.events.drop"),
        ("faults", {"events": {"delay_s": [5, -5]}}, "$.events.delay_s[1]"),
        ("faults", {"events": {"delay_s": [5, 4]}}, "delay_s: the shorter delay comes first - at `$.events`"),
        ("faults", {"search_lag_s": -1}, "$.search_lag_s"),
        ("search-lag", {"s": 3601}, "$.s"),
        ("latency", {"ms": -5}, "$.ms"),
        ("latency", {"ms": 60_001}, "$.ms"),
        ("clock", {"now": -1}, "$.now"),
        ("deliveries/take", {"most": 0}, "$.most"),
        ("webhook", {"url": "nonsense"}, "url: "),
        ("webhook", {"url": "ftp://shop.example"}, "url: "),
        ("webhook", {"url": "http://"}, "url: "),
        ("webhook", {"url": "http://shop.example:99999"}, "url: "),
        ("webhook", {"url": "http://shop.example/\r\nX: 1"}, "url: "),
        ("webhook", {"url": None, "secrets": []}, "$.secrets"),
        ("webhook", {"url": None, "secrets": [""]}, "$.secrets[0]"),
        ("webhook", {"url": None, "secrets": ["whsec_a", "abc"]}, "$.secrets[1]"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(
    stripe_sandbox: StripeSandbox, where: str, said: Json, named: str
) -> None:
    answer = await stripe_sandbox.http.post(f"/_sandbox/{where}", json=said)

    assert answer.status_code == 400
    assert named in answer.json()["error"]


async def test_everything_that_makes_sense_is_accepted(stripe_sandbox: StripeSandbox) -> None:
    """At its bounds."""
    match = {"method": "DELETE", "path": "*/cancel", "agent": "?", "nth": 1, "times": 1, "share": 1}
    events = {"duplicate": 1000, "delay_s": [5, 5], "drop": 1, "shuffle": True}
    wishes: list[tuple[str, Any]] = [
        ("faults", {**call(**match), "events": events, "search_lag_s": 3600}),
        ("faults", {"events": {"drop": 0, "delay_s": [0, 0]}, "search_lag_s": None}),
        ("search-lag", {"s": 0}),
        ("latency", {"ms": 0}),
        ("webhook", {"url": None, "secrets": ["whsec_1"]}),
        ("webhook", {"url": "http://[::1]:1/hooks?shop=1"}),
        ("webhook", {"url": None}),
        ("clock", {"now": None}),
        ("deliveries/take", {"most": 1}),
    ]

    answers = [await stripe_sandbox.http.post(f"/_sandbox/{where}", json=said) for where, said in wishes]

    assert [answer.status_code for answer in answers] == [200] * len(wishes)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--webhook-url", "foo"),
        ("--webhook-url", "ftp://x"),
        ("--webhook-url", ""),
        ("--webhook-secret", ""),
        ("--webhook-secret", "abc"),
        ("--webhook-secret", "whsec_"),
        ("--webhook-event", "nonsense"),
        ("--webhook-event", "*"),
        ("--api-key", ""),
        ("--api-key", "pk_test_1"),
        ("--api-key", "sk_live_1"),
        ("--latency-ms", "-5"),
        ("--search-lag-s", "-1"),
    ],
)
def test_a_sandbox_does_not_start_on_nonsense(option: str, word: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        [*OUR_COMMAND, "stripe-sandbox", "--json", option, word],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert f"Invalid value for '{option}'" in done.stdout
