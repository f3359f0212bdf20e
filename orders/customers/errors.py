"""What customers refuse, and why."""

from dataclasses import dataclass

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class IdentityTaken(Refusal):
    """The identity finds somebody else. If they are one person, merge them."""

    code = "identity_taken"
    field: str
    value: str
    customer_id: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r} finds {self.customer_id}. If they are one person, merge them."


@dataclass(eq=False)
class CustomerMerged(Refusal):
    """The customer is part of another one now; what is to be changed is changed there."""

    code = "customer_merged"
    customer_id: str
    survivor: str

    def __str__(self) -> str:
        return f"{self.customer_id} was merged into {self.survivor}."


@dataclass(eq=False)
class SamePerson(Refusal):
    """Both are one person already: the same customer, or merged the other way round."""

    code = "same_person"
    field: str
    customer_id: str
    survivor: str

    def __str__(self) -> str:
        return f"{self.customer_id} and {self.survivor} are one person already."
