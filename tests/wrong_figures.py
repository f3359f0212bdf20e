"""Engines that are wrong about what a quote says beside discounts: places, tax, codes, prior prices."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from commerce.kernel.money import half_up
from pricing.rules import facts, history, prior, quoting
from pricing.rules.basket import BasketLine
from pricing.rules.book import PriorRule
from pricing.rules.codes import normal_code
from pricing.rules.facts import shipping_facts
from pricing.rules.prepared import Prepared, Runner, Step
from pricing.rules.prior import Prior
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import PriorPrice
from pricing.rules.tax import WHOLE_BP
from pricing.rules.working import Line
from tests.wrong_engines import Patch, Spoil, Wrong, noted

FIGURES: Wrong = {}
wrong = partial(noted, FIGURES)


# Places, tax, codes


@wrong("places: the smaller line first")
def _(patch: Patch) -> None:
    patch.setattr(quoting, "_place", lambda line: (line.sku, line.quantity, line.key))


@wrong("places: by what lines are called")
def _(patch: Patch) -> None:
    def place(line: BasketLine) -> tuple[str, int, str]:
        return line.key, -line.quantity, line.sku

    patch.setattr(quoting, "_place", place)


def _taxed(tax: Callable[..., int]) -> Spoil:
    return lambda patch: patch.setattr(quoting, "tax_of", tax)


wrong("tax: rounded down")(
    _taxed(lambda total, rate, *, included: total * rate // (WHOLE_BP + rate if included else WHOLE_BP))
)
wrong("tax: halves down")(
    _taxed(
        lambda total, rate, *, included: round(
            Fraction(total * rate, WHOLE_BP + rate if included else WHOLE_BP) - Fraction(1, 10**9)
        )
    )
)
wrong("tax: what is included, as if it came on top")(_taxed(lambda total, rate, **_: half_up(total * rate, WHOLE_BP)))
wrong("tax: the price without it, rounded first")(
    _taxed(
        lambda total, rate, *, included: (
            total - total * WHOLE_BP // (WHOLE_BP + rate) if included else half_up(total * rate, WHOLE_BP)
        )
    )
)


def _tax_by(rounding: str) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = quoting._taxes
        patch.setattr(quoting, "_taxes", lambda lines, _, *, included: right(lines, rounding, included=included))

    return spoil


wrong("tax: always once for the order")(_tax_by("order"))
wrong("tax: always line by line")(_tax_by("line"))


@wrong("codes: blanks are kept")
def _(patch: Patch) -> None:
    patch.setattr(
        quoting, "normal_code", lambda typed: normal_code(typed) if " " not in typed and "\t" not in typed else None
    )


@wrong("codes: as they are typed")
def _(patch: Patch) -> None:
    patch.setattr(quoting, "normal_code", lambda typed: typed)


# Prior prices


@wrong("the prior price: beside every line that was reduced for somebody")
def _(patch: Patch) -> None:
    patch.setattr(Line, "prior", property(lambda line: line.facts.prior))


@wrong("the prior price: beside whatever costs less than its price")
def _(patch: Patch) -> None:
    def shown(line: Line) -> PriorPrice | None:
        return line.facts.prior if line.net < line.gross or line.price < line.facts.reduced_from else None

    patch.setattr(Line, "prior", property(shown))


def _rule(change: Callable[[PriorRule], PriorRule]) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = prior.prior_of
        patch.setattr(facts, "prior_of", lambda steps, rule, at: right(steps, change(rule), at))

    return spoil


def _with_rule(**more: Any) -> Spoil:  # noqa: ANN401 - fields of a rule
    def change(rule: PriorRule) -> PriorRule:
        as_it_is = {name: getattr(rule, name) for name in rule.__struct_fields__}
        return PriorRule(**{**as_it_is, **more})

    return _rule(change)


wrong("the prior price: steps of one reduction count as one everywhere")(_with_rule(progressive=True))
wrong("the prior price: steps of one reduction never count as one")(_with_rule(progressive=False))
wrong("the prior price: new arrivals show nothing")(_with_rule(new_arrivals="none"))
wrong("the prior price: of a month that has 29 days")(_with_rule(window_days=29))
wrong("the prior price: however long it is announced")(_with_rule(announced_days=36_500))


def _reduced(reduced: Callable[[int | None, int | None], bool]) -> Spoil:
    def is_reduced(steps: Sequence[Step], place: int) -> bool:
        return place >= 1 and reduced(steps[place].price, steps[place - 1].price)

    return lambda patch: patch.setattr(prior, "_is_reduced", is_reduced)


wrong("the prior price: whatever changed was a reduction")(
    _reduced(lambda price, before: price is not None and before is not None and price != before)
)


@wrong("the prior price: reductions reach over a gap")
def _(patch: Patch) -> None:
    def is_reduced(steps: Sequence[Step], place: int) -> bool:
        before = next((step.price for step in reversed(steps[: max(place, 0)]) if step.price is not None), None)
        price = steps[place].price if place >= 1 else None
        return price is not None and before is not None and price < before

    patch.setattr(prior, "_is_reduced", is_reduced)


@wrong("the prior price: the price when the window opens does not count")
def _(patch: Patch) -> None:
    def window(steps: Sequence[Step], first: int, opens: int) -> list[Step]:
        return [step for step in steps[:first] if step.begins >= opens] or list(steps[first - 1 : first])

    patch.setattr(prior, "_window", window)


@wrong("the prior price: the price just before the reduction")
def _(patch: Patch) -> None:
    right = prior.prior_of

    def prior_of(steps: Sequence[Step], rule: PriorRule, at: int) -> Prior:
        found = right(steps, rule, at)
        if found.figure is None:
            return found
        return found._replace(figure=PriorPrice(found.reduced_from, found.figure.since))

    patch.setattr(facts, "prior_of", prior_of)


@wrong("the prior price: what only some could have counts")
def _(patch: Patch) -> None:
    right = Runner.__init__

    def init(runner: Runner, promotion: Promotion, place: int) -> None:
        right(runner, promotion, place)
        runner.is_public = True

    patch.setattr(Runner, "__init__", init)


@wrong("the prior price: promotions do not count")
def _(patch: Patch) -> None:
    patch.setattr(history, "net_of", lambda _lanes, price, _cost: price)


@wrong("the prior price: what was so in one store was nowhere")
def _(patch: Patch) -> None:
    places = history._places
    patch.setattr(history, "_places", lambda running, **_: places(running, in_stores=False))


@wrong("the channel's price is forgotten")
def _(patch: Patch) -> None:
    patch.setattr(facts, "channel_prices", lambda *_: ())


@wrong("shipping is not taxed")
def _(patch: Patch) -> None:
    def free(known: Prepared, channel: str, amount: int, at: int) -> Any:  # noqa: ANN401 - facts of a line
        return shipping_facts(known, channel, amount, at)._replace(tax_rate_bp=0)

    patch.setattr(quoting, "shipping_facts", free)
