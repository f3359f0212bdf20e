"""What orders refuse, and why."""

from dataclasses import dataclass

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class NotPriced(Refusal):
    """No recommended price is in force, so it is not sold."""

    status = 422
    code = "not_priced"
    field: str
    sku: str
    market: str

    def __str__(self) -> str:
        return f"{self.sku} has no price in {self.market} now."


@dataclass(eq=False)
class NotTaxed(Refusal):
    """No tax rate is in force, so what to collect is not known."""

    status = 422
    code = "not_taxed"
    field: str
    tax_class: str
    market: str

    def __str__(self) -> str:
        return f"{self.market} has no rate for the tax class {self.tax_class} now."


@dataclass(eq=False)
class MixedCurrency(Refusal):
    """An amount is in another currency than the channel's market."""

    status = 422
    code = "mixed_currency"
    field: str
    wanted: str
    given: str

    def __str__(self) -> str:
        return f"{self.field} is in {self.given}; this market sells in {self.wanted}."


@dataclass(eq=False)
class StaleTotal(Refusal):
    """The total the buyer saw is not what it costs now."""

    code = "stale_total"
    field: str
    shown: int
    total: int
    currency: str

    def __str__(self) -> str:
        return "The total has changed since it was shown. Quote again, and ask the buyer."


@dataclass(eq=False)
class TendersDoNotAddUp(Refusal):
    """What was tendered does not pay the total exactly, after change."""

    status = 422
    code = "tenders_do_not_add_up"
    field: str
    total: int
    tendered: int
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class HoldMismatch(Refusal):
    """The hold is over, or holds other goods than the order wants."""

    code = "hold_mismatch"
    field: str
    hold: str

    def __str__(self) -> str:
        return f"The hold {self.hold} is over, or is not for these goods. Order without it, or take a new one."


@dataclass(eq=False)
class NothingToSend(Refusal):
    """The order has no such units waiting at this location, or (without a sku) none at all."""

    code = "nothing_to_send"
    field: str
    sku: str | None
    location: str
    waiting: int

    def __str__(self) -> str:
        if self.sku is None:
            return f"Nothing waits for this order at {self.location}."
        return f"{self.waiting} of {self.sku} wait for this order at {self.location}."


@dataclass(eq=False)
class SerialsWanted(Refusal):
    """A serial-numbered device leaves only with its serial number."""

    status = 422
    code = "serials_wanted"
    field: str
    sku: str
    wanted: int
    given: int

    def __str__(self) -> str:
        return f"{self.wanted} of {self.sku} need a serial number each; {self.given} came."


@dataclass(eq=False)
class TooManySerials(Refusal):
    """There are more serial numbers than units."""

    status = 422
    code = "too_many_serials"
    field: str
    sku: str
    units: int
    given: int

    def __str__(self) -> str:
        return f"{self.given} serial numbers came for {self.units} of {self.sku}."


@dataclass(eq=False)
class SerialNamedTwice(Refusal):
    """A device leaves once, so its serial number is named once."""

    status = 422
    code = "serial_named_twice"
    field: str
    sku: str
    serial: str

    def __str__(self) -> str:
        return f"{self.sku} with the serial number {self.serial} is named twice."


@dataclass(eq=False)
class SerialAlreadySold(Refusal):
    """A device with this serial number was sold before; a number was misread, or goods are not what they seem."""

    code = "serial_already_sold"
    field: str
    sku: str
    serial: str

    def __str__(self) -> str:
        return f"{self.sku} with the serial number {self.serial} was sold already."
