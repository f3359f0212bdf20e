"""The exchange's one table."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Table


class ImportedRow(Table):
    """What a row that may change said when it was last imported, so that the same words change nothing again."""

    __tablename__ = "imported_rows"
    __table_args__ = (CheckConstraint("octet_length(digest) = 16", name="digest_has_16_bytes"),)

    file: Mapped[Code] = mapped_column(primary_key=True)
    key: Mapped[Code] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    """Of all the row's cells, as they are understood: an instant in another zone, or 799 for 799.00, is the same.

    JSON and degrees are kept to the letter, so they count as changed where they are spelled in another way.
    """
