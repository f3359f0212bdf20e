"""Engines that are wrong about what a benefit takes: who comes first, what some units are worth, who gets the cent."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from types import ModuleType
from typing import Any

from commerce.kernel.money import half_up, share_out
from pricing.rules import benefits, discounting, quoting
from pricing.rules.benefits import Takers
from pricing.rules.promotion import AmountOff, Benefit, Bundle, BuyGet, FixedPrice, Gift, Percent, Tiers
from pricing.rules.tax import WHOLE_BP
from pricing.rules.working import Line, Taking, Units
from tests.wrong_engines import Patch, Spoil, Wrong, noted

BENEFITS: Wrong = {}
wrong = partial(noted, BENEFITS)


# How units are lined up

Key = Callable[[Line], Any]


def _left(line: Line) -> Fraction:
    return Fraction(line.net, line.quantity)


LINE_UPS: list[tuple[str, type[Benefit], str, Key]] = [
    ("3 for 2: by what is left", BuyGet, "dearest_first", lambda line: (-_left(line), line.place)),
    ("3 for 2: the last of equals first", BuyGet, "dearest_first", lambda line: (-line.price, -line.place)),
    ("3 for 2: by what is left of the line", BuyGet, "dearest_first", lambda line: (-line.gross, line.place)),
    ("3 for 2: the cheapest first", BuyGet, "dearest_first", lambda line: (line.price, line.place)),
    ("got: by what is left", BuyGet, "cheapest_first", lambda line: (_left(line), line.place)),
    ("got: the last of equals first", BuyGet, "cheapest_first", lambda line: (line.price, -line.place)),
    ("got: the dearest first", BuyGet, "cheapest_first", lambda line: (-line.price, line.place)),
    ("percent, cheapest: by what is left", Percent, "cheapest_first", lambda line: (_left(line), line.place)),
    ("percent, cheapest: the last of equals first", Percent, "cheapest_first", lambda line: (line.price, -line.place)),
    ("amount, cheapest: by what is left", AmountOff, "cheapest_first", lambda line: (_left(line), line.place)),
    ("amount, cheapest: the last of equals first", AmountOff, "cheapest_first", lambda line: (line.price, -line.place)),
    ("fixed, cheapest: by what is left", FixedPrice, "cheapest_first", lambda line: (_left(line), line.place)),
    ("fixed, cheapest: the last of equals first", FixedPrice, "cheapest_first", lambda line: (line.price, -line.place)),
    ("gift: of the last line", Gift, "cheapest_first", lambda line: (line.price, -line.place)),
    ("bundle: by the price before promotions", Bundle, "_by_worth", lambda line: (-line.price, line.place)),
    ("bundle: the last of equals first", Bundle, "_by_worth", lambda line: (-_left(line), -line.place)),
    ("bundle: the cheapest first", Bundle, "_by_worth", lambda line: (_left(line), line.place)),
]


def _line_up(kind: type[Benefit], name: str, key: Key) -> Spoil:
    """An engine that lines up otherwise, for one kind of benefit."""

    def spoil(patch: Patch) -> None:
        right = benefits._KINDS[kind]

        def spoilt(benefit: Benefit, takers: Takers) -> list[Taking]:
            with patch.context() as meanwhile:
                meanwhile.setattr(benefits, name, lambda lines: sorted(lines, key=key))
                return right(benefit, takers)

        patch.setitem(benefits._KINDS, kind, spoilt)

    return spoil


for _thought, _kind, _name, _key in LINE_UPS:
    wrong(_thought)(_line_up(_kind, _name, _key))


# What a benefit takes


@wrong("some units of a line: rounded down")
def _(patch: Patch) -> None:
    patch.setattr(Line, "worth", lambda line, units: units * line.net // line.quantity)


@wrong("some units of a line: halves to the even")
def _(patch: Patch) -> None:
    patch.setattr(Line, "worth", lambda line, units: round(Fraction(units * line.net, line.quantity)))


@wrong("some units of a line: by the price before promotions")
def _(patch: Patch) -> None:
    patch.setattr(Line, "worth", lambda line, units: min(line.net, units * line.price))


def _kind_among(kind: type[Benefit], change: Callable[[Takers], Takers]) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = benefits._KINDS[kind]
        patch.setitem(benefits._KINDS, kind, lambda benefit, takers: right(benefit, change(takers)))

    return spoil


wrong("got: what an exclusive one took was not bought")(
    _kind_among(BuyGet, lambda takers: takers._replace(measured=takers.counting))
)
wrong("tiers: what an exclusive one took does not count")(
    _kind_among(Tiers, lambda takers: takers._replace(measured=takers.counting))
)
wrong("3 for 2: what an exclusive one took is in the line-up")(
    _kind_among(BuyGet, lambda takers: takers._replace(counting=takers.measured))
)


def _without_times(kind: type[Benefit]) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = benefits._KINDS[kind]

        def spoilt(benefit: Any, takers: Takers) -> list[Taking]:  # noqa: ANN401 - one of two kinds
            if isinstance(benefit, Bundle):
                return right(Bundle(price=benefit.price, parts=benefit.parts), takers)
            return right(BuyGet(buy=benefit.buy, get=benefit.get, gets=benefit.gets, share=benefit.share), takers)

        patch.setitem(benefits._KINDS, kind, spoilt)

    return spoil


wrong("bundle: as often as one likes")(_without_times(Bundle))
wrong("buy and get: as often as one likes")(_without_times(BuyGet))


@wrong("bundle: one that saves nothing is taken along")
def _(patch: Patch) -> None:
    def last(most: int, saves: Callable[[int], Fraction]) -> int:
        return max((n for n in range(1, most + 1) if saves(n) >= saves(n - 1)), default=0)

    patch.setattr(benefits, "_last_that_saves", last)


@wrong("bundle: as many as there are, if they save anything together")
def _(patch: Patch) -> None:
    patch.setattr(benefits, "_last_that_saves", lambda most, saves: most if saves(most) > 0 else 0)


@wrong("3 for 2: the first of every set")
def _(patch: Patch) -> None:
    def reduced(units: int, benefit: BuyGet) -> int:
        sets, rest = divmod(units, benefit.buy + benefit.get)
        return sets * benefit.get + min(rest, benefit.get)

    patch.setattr(benefits, "_reduced", reduced)


@wrong("a step of tiers: by what is left")
def _(patch: Patch) -> None:
    def reached(benefit: Tiers, lines: Iterable[Line]) -> int:
        return sum(line.quantity if benefit.by == "quantity" else line.net for line in lines)

    patch.setattr(benefits, "reached", reached)


@wrong("tiers: the first step that is reached")
def _(patch: Patch) -> None:
    def tiers(benefit: Tiers, takers: Takers) -> list[Taking]:
        measured = benefits.reached(benefit, takers.measured)
        step = next((one for one in benefit.steps if one.at <= measured), None)
        return benefits._of_step(step, takers) if step is not None else []

    patch.setitem(benefits._KINDS, Tiers, tiers)


@wrong("halves down, where all matching lines or a set are worth it")
def _(patch: Patch) -> None:
    patch.setattr(benefits, "half_up", lambda over, under: (2 * over + under - 1) // (2 * under))


@wrong("halves to the even, where all matching lines or a set are worth it")
def _(patch: Patch) -> None:
    patch.setattr(benefits, "half_up", lambda over, under: round(Fraction(over, under)))


def _percent_rounded(rounded: Callable[[Fraction], int]) -> Spoil:
    def spoil(patch: Patch) -> None:
        right = benefits._percent

        def percent(benefit: Percent, takers: Takers) -> list[Taking]:
            if benefit.on == "order":
                return right(benefit, takers)
            units = benefits._units(benefit, takers)
            return [
                Taking(line, rounded(Fraction(line.worth(number) * benefit.share, WHOLE_BP))) for line, number in units
            ]

        patch.setattr(benefits, "_percent", percent)
        patch.setitem(benefits._KINDS, Percent, percent)

    return spoil


wrong("a share off each line: rounded down")(_percent_rounded(int))
wrong("a share off each line: halves to the even")(_percent_rounded(round))
wrong("a share off each line: halves down")(_percent_rounded(lambda exact: round(exact - Fraction(1, 10**9))))


@wrong("a share off each line: unit by unit")
def _(patch: Patch) -> None:
    def percent(benefit: Percent, takers: Takers) -> list[Taking]:
        if benefit.on == "order":
            return right(benefit, takers)
        units = benefits._units(benefit, takers)
        return [
            Taking(line, number * half_up(line.net * benefit.share, line.quantity * WHOLE_BP)) for line, number in units
        ]

    right = benefits._percent
    patch.setitem(benefits._KINDS, Percent, percent)


# Shares

Parts = list[int]


def _last_lower(amount: int, weights: Sequence[int], keys: Sequence[int]) -> Parts:
    return share_out(amount, weights, [-key for key in keys])


def _by_remainder_then_key(amount: int, weights: Sequence[int], keys: Sequence[int]) -> Parts:
    return _shared(amount, weights, lambda n, rest: (-rest, keys[n]))


def _by_weight(amount: int, weights: Sequence[int], keys: Sequence[int]) -> Parts:
    return _shared(amount, weights, lambda n, rest: (-weights[n] if rest else 1, keys[n]))


def _by_key(amount: int, weights: Sequence[int], keys: Sequence[int]) -> Parts:
    return _shared(amount, weights, lambda n, rest: (not rest, keys[n]))


def _rest_to_the_last(amount: int, weights: Sequence[int], keys: Sequence[int]) -> Parts:
    parts = [half_up(amount * weight, sum(weights)) for weight in weights]
    last = max(range(len(keys)), key=lambda n: keys[n])
    parts[last] += amount - sum(parts)
    return parts


def _shared(amount: int, weights: Sequence[int], claim: Callable[[int, int], Any]) -> Parts:
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    for n in sorted(range(len(parts)), key=lambda n: claim(n, amount * weights[n] % total))[: amount - sum(parts)]:
        parts[n] += 1
    return parts


def _shared_otherwise(room: ModuleType, share: Callable[[int, Sequence[int], Sequence[int]], Parts]) -> Spoil:
    return lambda patch: patch.setattr(room, "share_out", share)


for _share in (_last_lower, _by_remainder_then_key, _by_weight, _by_key, _rest_to_the_last):
    for _room, _what in ((benefits, "discounts"), (quoting, "tax")):
        wrong(f"shares of {_what}: {_share.__name__.strip('_').replace('_', ' ')}")(_shared_otherwise(_room, _share))


def _capped_by(share: Callable[[int, Sequence[int], Sequence[int]], Parts]) -> Spoil:
    def capped(cap: int, takings: Sequence[Taking]) -> list[Taking]:
        shares = share(cap, [taking.amount for taking in takings], [taking.line.place for taking in takings])
        return [Taking(line, part) for (line, _), part in zip(takings, shares, strict=True) if part]

    return lambda patch: patch.setattr(discounting, "capped", capped)


for _share in (_last_lower, _by_remainder_then_key, _by_weight, _by_key, _rest_to_the_last):
    wrong(f"cap: {_share.__name__.strip('_').replace('_', ' ')}")(_capped_by(_share))


@wrong("cap: shared by what lines are worth")
def _(patch: Patch) -> None:
    def capped(cap: int, takings: Sequence[Taking]) -> list[Taking]:
        return benefits.shared(cap, [taking.line for taking in takings])

    patch.setattr(discounting, "capped", capped)


@wrong("3 for 2 and bundles: shared by all units of the lines")
def _(patch: Patch) -> None:
    right = benefits._shared_by

    def shared_by(amount: int, members: Sequence[Units]) -> list[Taking]:
        return right(amount, [Units(line, line.quantity) for line, _ in members])

    patch.setattr(benefits, "_shared_by", shared_by)
