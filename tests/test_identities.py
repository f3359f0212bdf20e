"""Identities: which ways of writing an address or a number are the same person."""

import pytest

from commerce.kernel.refusals import InvalidInput
from orders.customers.identities import Who, must_make_sense
from orders.customers.rules import normal_email, normal_phone


@pytest.mark.parametrize(
    ("text", "email"),
    [
        (" Mara@Example.COM ", "mara@example.com"),
        ("o'neil+shop@mail.example.org", "o'neil+shop@mail.example.org"),
        ("jürgen@müller.example", "jürgen@müller.example"),
        ("mara@example", None),
        ("mara example@example.com", None),
        ("mara..m@example.com", None),
        (".mara@example.com", None),
        ("mara@@example.com", None),
        ("mara@-example.com", None),
        ("mara@example.com.", None),
        ("a" * 65 + "@example.com", None),
        ("mara\x00@example.com", None),
        ("", None),
    ],
)
def test_an_address_is_normalised_or_refused(text: str, email: str | None) -> None:
    assert normal_email(text) == email


@pytest.mark.parametrize(
    ("text", "country", "phone"),
    [
        ("+49 30 23125051", None, "+493023125051"),
        ("030 / 231 250 51", "DE", "+493023125051"),
        ("030 / 231 250 51", "de", "+493023125051"),
        ("(202) 555-0100", "US", "+12025550100"),
        ("030 / 231 250 51", None, None),
        ("030 / 231 250 51", "ZZ", None),
        ("12", "DE", None),
        ("555-0100", "US", None),
        ("call me", "DE", None),
        ("+" + "1" * 300, None, None),
        ("", "DE", None),
    ],
)
def test_a_phone_number_is_normalised_or_refused(text: str, country: str | None, phone: str | None) -> None:
    assert normal_phone(text, country) == phone


def test_what_cannot_be_read_is_refused_before_it_joins_a_group() -> None:
    must_make_sense(Who(email="mara@example.com", phone="030 23125051", country="DE"))
    for who, field in ((Who(email="mara"), "buyer.email"), (Who(phone="030 23125051"), "buyer.phone")):
        with pytest.raises(InvalidInput) as refused:
            must_make_sense(who, "buyer")
        assert refused.value.field == field
