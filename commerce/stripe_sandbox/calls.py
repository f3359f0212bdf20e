"""A call as the endpoints see it, and the small things that all of them do with what was said."""

from collections.abc import Callable
from dataclasses import dataclass

from commerce.stripe_sandbox.errors import Json, refused
from commerce.stripe_sandbox.world import Work

METADATA_KEYS_MAX, METADATA_KEY_MAX, METADATA_VALUE_MAX = 50, 40, 500


@dataclass(slots=True)
class Call:
    """What is asked: of which object (`id`, from the path), with what parameters, and where we are (`origin`).

    `browser` is true for a publishable key: whoever holds only that must know the intent's client secret.
    """

    id: str
    said: Json
    origin: str
    browser: bool = False


Handler = Callable[[Work, Call], Json]


def with_metadata(old: Json, said: Json | str | None) -> Json:
    """Metadata as it is after somebody said something about it: an empty value takes a key away."""
    if said is None:
        return old
    if isinstance(said, str):
        return {}
    merged = {key: value for key, value in {**old, **said}.items() if value != ""}
    if len(merged) > METADATA_KEYS_MAX:
        raise refused(f"You can have at most {METADATA_KEYS_MAX} keys in metadata.", "metadata")
    for key, value in said.items():
        if len(key) > METADATA_KEY_MAX or len(value) > METADATA_VALUE_MAX:
            raise refused(
                f"Metadata keys can be at most {METADATA_KEY_MAX} characters, and values {METADATA_VALUE_MAX}.",
                f"metadata[{key}]",
            )
    return merged


def update_plainly(row: Json, said: Json, names: tuple[str, ...]) -> None:
    """Take over what needs no thought; an empty string takes a value away."""
    for name in names:
        if name in said:
            row[name] = None if said[name] == "" else said[name]
    row["metadata"] = with_metadata(row["metadata"], said.get("metadata"))
