"""What makes two ways of writing an address or a number the same identity."""

import re
import unicodedata

import phonenumbers

EMAIL_LENGTH_MAX = 254
"""RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets."""

LOCAL_LENGTH_MAX = 64
"""RFC 5321 §4.5.3.1.1."""

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
# Where a number begins. Left to itself, the parser would look for one in the middle of any text.
_PHONE_BEGINS = re.compile(r"[(\[\s]*[+\uff0b\d]")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what nobody sees: control and format characters, halves of pairs, ends of lines."""
_EMAIL = re.compile(rf"[^\s@\x00-\x1f\x7f<>()\[\],;:\\\"]+@{_LABEL}(?:\.{_LABEL})+")


def normal_email(text: str) -> str | None:
    """The address that finds a person, or None for what is not plausibly an address.

    Whether anybody reads it, only a mail can tell. Upper and lower case are the same person, though RFC 5321 §2.4
    lets a local part tell them apart: nobody's mail does, and tills write what they hear.
    """
    email = text.strip().lower()
    local = email.partition("@")[0]
    if len(email) > EMAIL_LENGTH_MAX or len(local) > LOCAL_LENGTH_MAX or not _EMAIL.fullmatch(email):
        return None
    if _hides_something(email):
        return None
    return None if local.startswith(".") or local.endswith(".") or ".." in local else email


def normal_phone(text: str, country: str | None) -> str | None:
    """The number in E.164 that finds a person, or None for what cannot be a number.

    Without a country the number must begin with its own `+`. Numbers that could exist are taken, assigned or not:
    new ranges are handed out faster than any table of them is published.
    """
    number_text = text.strip()
    if _hides_something(number_text) or not _PHONE_BEGINS.match(number_text):
        return None
    try:
        number = phonenumbers.parse(number_text, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _hides_something(text: str) -> bool:
    """Whether there is in it what nobody sees, so that two who look the same are not."""
    # What is printable is nothing of the kind, and nearly every text is.
    return not text.isprintable() and any(unicodedata.category(character) in _UNSEEN for character in text)
