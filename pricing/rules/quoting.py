"""Quote: what a basket costs at an instant, by one book. No input or output, no clock, no dice."""

from collections.abc import Sequence
from itertools import pairwise

from commerce.kernel.money import share_out
from pricing.rules.basket import Basket, BasketLine
from pricing.rules.codes import hash_of, normal_code
from pricing.rules.discounting import Asked, Discounted, discount
from pricing.rules.facts import facts_of, shipping_facts
from pricing.rules.prepared import Prepared
from pricing.rules.quoted import CannotQuote, Quote, QuotedLine, QuotedShipping, Verdict
from pricing.rules.tax import tax_of
from pricing.rules.working import Line

SHIPPING = "\uffff shipping"
"""The key of the shipping among the lines; no line's key has a space in it."""


def quote(prepared: Prepared, basket: Basket, at: int) -> Quote:
    """What a basket costs at an instant: prices, promotions, tax, prior prices, and why each promotion did or did not.

    Raises CannotQuote: `unknown_channel`, `unknown_sku`, `not_priced`, `not_taxed`, `duplicate_line`; and `beyond_book`
    where what it does not find may well be in a newer book, since this one is not complete at that instant.
    """
    book = prepared.book
    if basket.channel not in prepared.channels:
        raise CannotQuote("unknown_channel", None, f"{basket.channel!r} is no channel of {book.market!r}.")
    lines = _lines(prepared, basket, at)
    shipping = None
    if basket.shipping:
        facts = shipping_facts(prepared, basket.channel, basket.shipping, at)
        shipping = Line(SHIPPING, len(lines), SHIPPING, 1, facts)
    hashes = frozenset(hash_of(book.market, code) for code in map(normal_code, basket.codes) if code is not None)
    asked = Asked(at, book.time_zone.offsets, basket.store, basket.customer, hashes, shipping)
    landed = discount(lines, asked)
    return _quoted(prepared, basket, at, lines, shipping, landed)


def _lines(prepared: Prepared, basket: Basket, at: int) -> list[Line]:
    """The lines in their places. Of several to blame the one with the lowest key is named, always."""
    for one, following in pairwise(sorted(line.key for line in basket.lines)):
        if one == following:
            raise CannotQuote("duplicate_line", one, f"Two lines are called {one!r}.")
    lines, to_blame = [], {}
    for place, line in enumerate(sorted(basket.lines, key=_place)):
        try:
            facts = facts_of(prepared, basket.channel, line.sku, at)
        except CannotQuote as no:
            to_blame[line.key] = no
        else:
            lines.append(Line(line.key, place, line.sku, line.quantity, facts))
    if to_blame:
        key = min(to_blame)
        raise CannotQuote(to_blame[key].code, key, str(to_blame[key]))
    return lines


def _place(line: BasketLine) -> tuple[str, int, str]:
    """By what a line is, so that its name decides only between lines that are alike."""
    return line.sku, -line.quantity, line.key


def _quoted(
    prepared: Prepared, basket: Basket, at: int, lines: Sequence[Line], shipping: Line | None, landed: Discounted
) -> Quote:
    book = prepared.book
    everything = [*lines, shipping] if shipping is not None else lines
    taxes = _taxes(everything, book.tax_rounding, included=book.prices_include_tax)
    quoted = [_line(line, tax) for line, tax in zip(lines, taxes, strict=False)]
    quoted.sort(key=lambda line: line.key)
    tax = sum(taxes)
    total = sum(line.net for line in everything)
    return Quote(
        market=book.market,
        book=book.number,
        instant=at,
        currency=book.currency,
        prices_include_tax=book.prices_include_tax,
        lines=quoted,
        shipping=_shipping(shipping, taxes[-1]) if shipping is not None else None,
        subtotal=sum(line.gross for line in lines),
        discount=sum(line.gross - line.net for line in lines),
        tax=tax,
        total=total if book.prices_include_tax else total + tax,
        verdicts=_verdicts(prepared, basket.channel, at, landed),
        gifts=sorted(landed.gifts, key=lambda gift: gift.promotion),
    )


def _line(line: Line, tax: int) -> QuotedLine:
    facts = line.facts
    return QuotedLine(
        key=line.key,
        sku=line.sku,
        quantity=line.quantity,
        recommended=facts.recommended,
        price=line.price,
        prior=line.prior,
        discounts=line.reductions,
        discount=line.gross - line.net,
        total=line.net,
        tax_rate_bp=facts.tax_rate_bp,
        tax=tax,
    )


def _shipping(line: Line, tax: int) -> QuotedShipping:
    return QuotedShipping(
        amount=line.gross, discounts=line.reductions, total=line.net, tax_rate_bp=line.facts.tax_rate_bp, tax=tax
    )


def _taxes(lines: Sequence[Line], rounding: str, *, included: bool) -> list[int]:
    """The tax of each line: rounded by itself, or rounded once for all lines of a rate and shared out."""
    if rounding == "line":
        return [tax_of(line.net, line.facts.tax_rate_bp, included=included) for line in lines]
    taxes = [0] * len(lines)
    for rate in {line.facts.tax_rate_bp for line in lines}:
        places = [n for n, line in enumerate(lines) if line.facts.tax_rate_bp == rate]
        nets = [lines[n].net for n in places]
        whole = tax_of(sum(nets), rate, included=included)
        if whole:
            shares = share_out(whole, nets, [lines[n].place for n in places])
            for n, share in zip(places, shares, strict=True):
                taxes[n] = share
    return taxes


def _verdicts(prepared: Prepared, channel: str, at: int, landed: Discounted) -> list[Verdict]:
    running = prepared.running(channel, at)
    verdicts = list(running.verdicts)
    for place, verdict in landed.verdicts.items():
        verdicts[running.places[place]] = verdict
    return verdicts
