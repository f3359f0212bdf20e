"""The account at Stripe, as whoever runs this writes it down: what is understood, and what is refused in time."""

import json
from collections.abc import Mapping

import pytest

from commerce.settings import SettingRefused, Settings, StripeSettings

TEST = {"STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRETS": "whsec_1"}
LIVE = {"STRIPE_API_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRETS": "whsec_1"}


def stripe(said: Mapping[str, str]) -> StripeSettings:
    """The account that these variables name."""
    account = Settings.from_environment(said).stripe
    assert account is not None
    return account


def test_without_a_key_there_is_no_account() -> None:
    said = {"STRIPE_API_KEY": " ", "STRIPE_WEBHOOK_SECRETS": "", "COMMERCE_STRIPE_RATE": "50"}

    assert Settings.from_environment(said).stripe is None
    assert not any("STRIPE" in name for name in Settings.from_environment(said).to_environment())


@pytest.mark.parametrize(
    ("said", "live", "rate"),
    [(TEST, False, 25), (LIVE, True, 100), ({**LIVE, "STRIPE_API_KEY": "rk_live_1"}, True, 100)],
)
def test_the_key_says_whether_real_money_moves_and_how_fast(said: Mapping[str, str], live: bool, rate: int) -> None:  # noqa: FBT001 - pytest hands it over so
    account = stripe(said)

    assert (account.live, account.rate, account.endpoint_rate, account.search_rate) == (live, rate, 25, 20)
    assert (account.url, account.publishable_key) == ("https://api.stripe.com", "")


def test_everything_that_may_be_said_is_understood_and_passed_on() -> None:
    said = {
        "STRIPE_API_KEY": " rk_test_1 ",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
        "STRIPE_WEBHOOK_SECRETS": "whsec_new, whsec_old",
        "STRIPE_WEBHOOK_SECRET": "whsec_old",
        "STRIPE_API_BASE": "http://127.0.0.1:12111/",
        "COMMERCE_STRIPE_RATE": "1000",
        "COMMERCE_STRIPE_ENDPOINT_RATE": "500",
        "COMMERCE_STRIPE_SEARCH_RATE": "400",
    }

    account = stripe(said)

    assert account == StripeSettings(
        api_key="rk_test_1",
        publishable_key="pk_test_1",
        webhook_secrets=("whsec_new", "whsec_old"),
        api_base="http://127.0.0.1:12111",
        rate=1000,
        endpoint_rate=500,
        search_rate=400,
    )
    assert stripe({**said, **Settings.from_environment(said).to_environment()}) == account


def test_an_account_of_its_own_is_not_replaced_by_one_that_is_lent() -> None:
    lent = stripe({"STRIPE_API_KEY": "sk_test_lent", "STRIPE_WEBHOOK_SECRETS": "whsec_lent"})

    borrowed = Settings.from_environment({}).using(database_url=None, redis_url=None, stripe=lent)
    own = Settings.from_environment(TEST).using(database_url=None, redis_url=None, stripe=lent)

    assert (borrowed.stripe, own.stripe) == (lent, stripe(TEST))


@pytest.mark.parametrize(
    ("said", "name", "reason"),
    [
        ({"STRIPE_API_KEY": "pk_test_c0ffee"}, "STRIPE_API_KEY", "not a secret key"),
        *(
            ({**TEST, "STRIPE_API_KEY": key}, "STRIPE_API_KEY", "not a secret key")
            for key in ("sk_", "sk_test_", "sk_c0ffee", "sk_test_c0f fee", "sk_test_c0ffeé", "sk_test_c0ffee\nX: y")
        ),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_test_c0ffee"}, "STRIPE_API_KEY", "STRIPE_PUBLISHABLE_KEY is there"),
        ({"STRIPE_API_KEY": " ", "STRIPE_API_BASE": "c0ffee"}, "STRIPE_API_KEY", "STRIPE_API_BASE is there"),
        ({"STRIPE_WEBHOOK_SECRET": " "}, "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET is there"),
        ({"STRIPE_WEBHOOK_SECRETS": "whsec_c0ffee"}, "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS is there"),
        ({**TEST, "STRIPE_PUBLISHABLE_KEY": "pk_test_c0ffeé"}, "STRIPE_PUBLISHABLE_KEY", "not a publishable key"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": "whsec_c0ffeé"}, "STRIPE_WEBHOOK_SECRETS", "does not look like whsec_"),
        ({"STRIPE_API_KEY": "sk_test_c0ffee"}, "STRIPE_WEBHOOK_SECRETS", "it is missing"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": ""}, "STRIPE_WEBHOOK_SECRETS", "it is missing"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": "   "}, "STRIPE_WEBHOOK_SECRETS", "blank"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": "whsec_1,"}, "STRIPE_WEBHOOK_SECRETS", "blank"),
        ({**TEST, "STRIPE_WEBHOOK_SECRET": "\t"}, "STRIPE_WEBHOOK_SECRET", "blank"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": "c0ffee"}, "STRIPE_WEBHOOK_SECRETS", "does not look like whsec_"),
        ({**TEST, "STRIPE_WEBHOOK_SECRETS": "whsec_"}, "STRIPE_WEBHOOK_SECRETS", "does not look like whsec_"),
        ({**TEST, "STRIPE_PUBLISHABLE_KEY": "sk_test_c0ffee"}, "STRIPE_PUBLISHABLE_KEY", "not a publishable key"),
        ({**TEST, "STRIPE_PUBLISHABLE_KEY": "pk_live_c0ffee"}, "STRIPE_PUBLISHABLE_KEY", "one is live"),
        ({**LIVE, "STRIPE_PUBLISHABLE_KEY": "pk_test_c0ffee"}, "STRIPE_PUBLISHABLE_KEY", "one is live"),
        ({**TEST, "STRIPE_API_BASE": "127.0.0.1:12111"}, "STRIPE_API_BASE", "not the address"),
        ({**TEST, "STRIPE_API_BASE": "http://h:port"}, "STRIPE_API_BASE", "not a URL"),
        ({**LIVE, "STRIPE_API_BASE": "http://127.0.0.1:12111"}, "STRIPE_API_BASE", "without encryption"),
        ({**LIVE, "STRIPE_API_KEY": "rk_live_2", "STRIPE_API_BASE": "http://h"}, "STRIPE_API_BASE", "encryption"),
        ({**TEST, "COMMERCE_STRIPE_RATE": "0"}, "COMMERCE_STRIPE_RATE", "out of range"),
        ({**TEST, "COMMERCE_STRIPE_ENDPOINT_RATE": "fast"}, "COMMERCE_STRIPE_ENDPOINT_RATE", "out of range"),
        ({**TEST, "COMMERCE_STRIPE_SEARCH_RATE": "0"}, "COMMERCE_STRIPE_SEARCH_RATE", "out of range"),
    ],
)
def test_an_account_that_could_hurt_is_refused_by_the_variables_name(
    said: Mapping[str, str], name: str, reason: str
) -> None:
    with pytest.raises(SettingRefused) as refused:
        Settings.from_environment(said)

    assert refused.value.name == name
    assert reason in str(refused.value)
    assert refused.value.hint
    assert "c0ffee" not in json.dumps(refused.value.facts())


def test_no_secret_is_shown_by_mistake() -> None:
    settings = Settings.from_environment({**TEST, "STRIPE_PUBLISHABLE_KEY": "pk_test_1"})

    shown = repr(settings)
    assert "pk_test_1" in shown
    assert "sk_test_1" not in shown
    assert "whsec_1" not in shown
