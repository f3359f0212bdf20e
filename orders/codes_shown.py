"""Codes shown: what each code that somebody typed opens, so that a misspelt one does not look like a good one."""

import msgspec

from orders.quote import Quoted
from orders.schemas import CodeShownView
from pricing.rules.codes import hash_of, normal_code


def with_codes_shown(quoted: Quoted) -> Quoted:
    """A quote with each code as it was typed, and what it opens of all that runs in the channel at its instant.

    Why a code opens nothing is not told: who guesses codes learns no more than from a quote anyway. So a unique code
    without uses opens something only where the quote says of that promotion that its uses are gone.
    """
    asked, worked = quoted.asked, quoted.worked
    if not asked.codes:
        return quoted
    running = {one.promotion: one.reason for one in worked.verdicts}
    opens = [
        (one.code, one.promotion)
        for one in quoted.unique
        if one.promotion in running and (one.is_good or running[one.promotion] == "used_up")
    ]
    runners = quoted.book.runners(asked.channel, worked.instant)
    hashes = {one.promotion.id: one.promotion.conditions.code_hashes for one in runners}
    told = []
    for typed in asked.codes:
        code = normal_code(typed)
        hashed = hash_of(worked.market, code) if code is not None else ""
        shared = {promotion for promotion, known in hashes.items() if hashed in known}
        told.append(CodeShownView(typed, sorted(shared | {promotion for known, promotion in opens if known == code})))
    return quoted._replace(view=msgspec.structs.replace(quoted.view, codes=told))
