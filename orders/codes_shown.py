"""Codes shown: what each code that somebody typed opens, so that a misspelt one does not look like a good one."""

from collections.abc import Sequence

from orders.basket_facts import UniqueCode
from orders.schemas import CodeShownView
from pricing.rules import Prepared
from pricing.rules.basket import Basket
from pricing.rules.codes import hash_of, normal_code
from pricing.rules.quoted import Quote


def codes_shown(asked: Basket, unique: Sequence[UniqueCode], book: Prepared, worked: Quote) -> list[CodeShownView]:
    """Each code as it was typed, with what it opens of all that runs in the channel at the quote's instant.

    Why a code opens nothing is not told: who guesses codes learns no more than from a quote anyway. So a unique code
    without uses opens something only where the quote says of that promotion that its uses are gone.
    """
    running = {one.promotion: one.reason for one in worked.verdicts}
    opens = [
        (one.code, one.promotion)
        for one in unique
        if one.promotion in running and (one.is_good or running[one.promotion] == "used_up")
    ]
    runners = book.runners(asked.channel, worked.instant)
    hashes = {one.promotion.id: one.promotion.conditions.code_hashes for one in runners}
    told = []
    for typed in asked.codes:
        code = normal_code(typed)
        hashed = hash_of(worked.market, code) if code is not None else ""
        shared = {promotion for promotion, known in hashes.items() if hashed in known}
        told.append(CodeShownView(typed, sorted(shared | {promotion for known, promotion in opens if known == code})))
    return told
