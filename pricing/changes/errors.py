"""What price changes say no to."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from commerce.kernel.refusals import FieldError, Refusal


class CsvFault(msgspec.Struct, frozen=True):
    """What cannot be read in a CSV text, and where: lines count from 1, the names of the columns being line 1."""

    line: int
    column: str | None
    """Its name; null where the line as a whole is wrong."""
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.reason}"


@dataclass(eq=False)
class MalformedCsv(Refusal):
    """The text is no list of prices: what is wrong, line by line and column by column."""

    status = 422
    code = "malformed_csv"
    faults: list[CsvFault]
    more: int
    """So many faults are not told."""
    field: str = "csv"

    def field_errors(self) -> list[FieldError]:
        """Each fault by itself. The field of the request is the text as a whole; the place in it is in the words."""
        return [FieldError(self.field, str(fault)) for fault in self.faults]

    def __str__(self) -> str:
        told = "; ".join(map(str, self.faults[:3]))
        others = len(self.faults) - 3 + self.more
        return f"csv: {told}" + (f"; and {others} more." if others > 0 else "")


@dataclass(eq=False)
class PricedTwice(Refusal):
    """A change gives the same sku two prices in the same place."""

    status = 422
    code = "priced_twice"
    field: str
    sku: str
    channel: str | None
    first: str
    """The item that has it already."""

    def __str__(self) -> str:
        return f"{self.field}: {self.sku!r} has a price in {self.first} already."


@dataclass(eq=False)
class RuleSelectsNothing(Refusal):
    """No price there is would become another one by this rule."""

    status = 422
    code = "rule_selects_nothing"
    selected: int
    """So many skus match; none has a price that would change."""
    field: str = "rule"

    def __str__(self) -> str:
        return f"rule: {self.selected} skus match, and no price of theirs would change."


@dataclass(eq=False)
class TooManyItems(Refusal):
    """A change is something a person can look through."""

    status = 422
    code = "too_many_items"
    field: str
    items: int
    most: int

    def __str__(self) -> str:
        return f"{self.field}: {self.items} prices; a change has at most {self.most}."


@dataclass(eq=False)
class SkuRetired(Refusal):
    """What is not sold any more gets no price."""

    code = "sku_retired"
    field: str
    sku: str

    def __str__(self) -> str:
        return f"{self.field}: {self.sku!r} is retired."


class DeviationTold(msgspec.Struct, frozen=True):
    """Where a channel's price would stand beside the recommended one, and may not."""

    item: int | None
    """The item that leads to it; null where the change leaves it as it was."""
    sku: str
    channel: str
    begins: datetime
    ends: datetime | None
    recommended: int | None
    price: int
    change_id: str | None
    """The change, if another one, that the channel's own price comes from."""


@dataclass(eq=False)
class ParityBroken(Refusal):
    """A channel would charge what the market's policy does not allow, and no exception is given for it."""

    code = "parity_broken"
    field: str
    policy: str
    deviations: list[DeviationTold]
    more: int
    """So many are not told."""

    def field_errors(self) -> list[FieldError]:
        """Each deviation beside the item that leads to it; or all beside what else is to blame."""
        return [FieldError(self._to_blame(one), f"{self._why(one)}.") for one in self.deviations]

    def _to_blame(self, one: DeviationTold) -> str:
        if not self.field.startswith("items"):
            return self.field
        return "items" if one.item is None else f"items[{one.item}].price"

    def _why(self, one: DeviationTold) -> str:
        by = f" by {one.change_id}" if one.change_id else ""
        return (
            f"{one.sku!r} would cost {one.price} in {one.channel!r}{by}, and {one.recommended} as recommended, "
            f"from {one.begins.isoformat()} on; the market's policy is '{self.policy}'"
        )

    def __str__(self) -> str:
        many = len(self.deviations) - 1 + self.more
        others = f" (and {many} more)" if many else ""
        return f"{self.field}: {self._why(self.deviations[0])}{others}."


@dataclass(eq=False)
class ChangeOutdated(Refusal):
    """A price that the change replaces is not the one that it was drafted against: nobody has seen this difference."""

    code = "change_outdated"
    field: str
    sku: str
    channel: str | None
    seen: int | None
    """The price that it was drafted against; None where there was none."""
    now: int | None

    def __str__(self) -> str:
        place = self.field.partition(".")[0]
        return (
            f"{place}: without this change the price of {self.sku!r} would be {_said(self.now)}; when it was drafted,"
            f" it was to be {_said(self.seen)}. Draft it anew, and have that approved."
        )


@dataclass(eq=False)
class ReliedOn(Refusal):
    """Others were approved against the prices of a change, which is withdrawn after them or not at all."""

    code = "change_relied_on"
    field: str
    change_id: str
    by: list[str]
    """The scheduled changes that would replace another price than was seen beside theirs."""

    def __str__(self) -> str:
        others = ", ".join(self.by)
        return f"{self.field}: without it, {others} would replace another price than was seen. Withdraw that first."


@dataclass(eq=False)
class OthersOutdated(Refusal):
    """Others are scheduled, and were approved against prices that this change would replace before they begin."""

    code = "others_outdated"
    others: list[str]
    """The scheduled changes that would replace another price than was seen beside theirs."""
    field: str = "items"

    def __str__(self) -> str:
        others = ", ".join(self.others)
        return (
            f"{self.field}: with it, {others} would replace another price than was seen beside theirs."
            " Withdraw that first, and draft it anew; or let this one be over by then."
        )


def _said(amount: int | None) -> str:
    return "none" if amount is None else str(amount)


@dataclass(eq=False)
class NothingToRollBack(Refusal):
    """None of its prices is in force any more: they ended, or other changes came after it."""

    code = "nothing_to_roll_back"
    change_id: str

    def __str__(self) -> str:
        return f"No price of {self.change_id} is in force or still to come."


@dataclass(eq=False)
class AlreadyCountered(Refusal):
    """There is a change on its way that rolls this one back."""

    code = "already_countered"
    change_id: str
    counter_id: str

    def __str__(self) -> str:
        return f"{self.counter_id} rolls {self.change_id} back already."


@dataclass(eq=False)
class RollBackOutdated(Refusal):
    """Since the counter-change was drafted, others have changed what it would put back."""

    code = "roll_back_outdated"
    field: str
    change_id: str
    sku: str

    def __str__(self) -> str:
        return f"{self.field}: the price of {self.sku!r} is not that of {self.change_id} any more. Roll back anew."
