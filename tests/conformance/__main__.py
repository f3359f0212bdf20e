"""Write the vectors and their schema anew from the tables."""

from pathlib import Path

import pricing.conformance
from tests.conformance.publish import schema_text, vectors_text

FOLDER = Path(pricing.conformance.__file__).parent


def main() -> None:
    """Write both files where they are checked in."""
    (FOLDER / "vectors.json").write_text(vectors_text(), encoding="utf-8")
    (FOLDER / "schema.json").write_text(schema_text(), encoding="utf-8")


main()
