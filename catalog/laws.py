"""What is always true of the catalog."""

from typing import ClassVar

from commerce.kernel.laws import Law


class CategoriesHangFromRoots(Law):
    """Every category can be reached from a root, so no category hangs below itself."""

    offenders: ClassVar[str] = """
        WITH RECURSIVE reached (code) AS (
            SELECT code FROM categories WHERE parent IS NULL
            UNION SELECT c.code FROM categories c JOIN reached r ON c.parent = r.code
        )
        SELECT code FROM categories EXCEPT SELECT code FROM reached ORDER BY code
    """


class ProductsHaveVariants(Law):
    """Every product has at least one variant."""

    offenders: ClassVar[str] = """
        SELECT p.code FROM products p
         WHERE NOT EXISTS (SELECT FROM variants v WHERE v.product = p.code) ORDER BY p.code
    """


LAWS: tuple[type[Law], ...] = (CategoriesHangFromRoots, ProductsHaveVariants)
