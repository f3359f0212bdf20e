"""The currencies in which Stripe takes money, the least that can be charged in some of them, and in what steps."""

from typing import Final

from commerce.stripe_sandbox.errors import refused

# fmt: off
CURRENCIES: Final = frozenset({
    "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bhd", "bif",
    "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "clp", "cny", "cop", "crc", "cve",
    "czk", "djf", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf", "gtq",
    "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr", "kmf",
    "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd", "mmk", "mnt", "mop",
    "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "omr", "pab", "pen", "pgk",
    "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub", "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp", "sle",
    "sos", "srd", "std", "szl", "thb", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd", "uyu",
    "uzs", "vnd", "vuv", "wst", "xaf", "xcd", "xcg", "xof", "xpf", "yer", "zar", "zmw",
})
# fmt: on
"""As documented at docs.stripe.com/currencies; which of them an account may take depends on its country."""

_HALF = ("usd", "ars", "aud", "brl", "cad", "chf", "cop", "eur", "idr", "ils", "inr", "nzd", "php", "rub", "sgd", "zar")
AMOUNT_MIN: Final = {
    **dict.fromkeys(_HALF, 50),
    **dict.fromkeys(("aed", "myr", "pln", "ron"), 200),
    **dict.fromkeys(("jpy", "krw"), 50),
    **dict.fromkeys(("nok", "sek"), 300),
    **dict.fromkeys(("mxn", "thb"), 1000),
    "gbp": 30,
    "dkk": 250,
    "hkd": 400,
    "czk": 1500,
    "huf": 17_500,
}
"""The least that can be charged, as documented; other currencies have no bound here."""

_WHOLE: Final = frozenset({"isk", "ugx"})
_TENS: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def refuse_fraction(amount: int, currency: str, param: str) -> None:
    """Two currencies have no fractions any more, and are told with two digits that must be 00; of three the last is 0.

    The first refusal is as support.stripe.com has it (under "Deprecation of fractional ISK charges and refunds"), for
    charges and refunds alike. The second rule is documented, but no words for it are.
    """
    if currency in _WHOLE and amount % 100:
        raise refused(
            f"Invalid amount. Currency {currency.upper()} has become effectively zero-decimal and charged amounts must"
            " be evenly divisible by 100. See https://stripe.com/docs/currencies#special-cases for more information.",
            param,
            "invalid_charge_amount_no_decimal_compatible",
        )
    if currency in _TENS and amount % 10:
        raise refused(
            f"Invalid amount. The last digit of an amount in {currency.upper()} must be 0.",
            param,
            "invalid_charge_amount",
        )
