"""The exchange's one table."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Table


class ImportedRow(Table):
    """What a row of reference data said when it was last imported, so that the same words change nothing again."""

    __tablename__ = "imported_rows"
    __table_args__ = (CheckConstraint("octet_length(digest) = 16", name="digest_has_16_bytes"),)

    file: Mapped[Code] = mapped_column(primary_key=True)
    key: Mapped[Code] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    """Of all the row's cells, as they are understood and not as they are spelled."""
