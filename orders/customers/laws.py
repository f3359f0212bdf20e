"""What is always true of customers."""

from commerce.kernel.laws import Law


class NobodyPointsAtAMergedCustomer(Law):
    """Orders and identities belong to customers who were not merged into another one."""

    offenders = """
        SELECT 'order', o.id, c.id FROM orders o JOIN customers c ON c.id = o.customer_id
         WHERE c.merged_into IS NOT NULL
        UNION ALL
        SELECT i.kind, i.value, c.id FROM customer_identities i JOIN customers c ON c.id = i.customer_id
         WHERE c.merged_into IS NOT NULL
         ORDER BY 1, 2
    """


class EveryMergeEndsAtASurvivor(Law):
    """Following a merged customer leads to one who was not merged, never back to itself."""

    offenders = """
        WITH RECURSIVE walk (id, step) AS (
            SELECT id, merged_into FROM customers WHERE merged_into IS NOT NULL
            UNION
            SELECT walk.id, c.merged_into FROM walk JOIN customers c ON c.id = walk.step
             WHERE c.merged_into IS NOT NULL
        )
        SELECT DISTINCT id FROM walk WHERE step = id ORDER BY id
    """


class EveryMergeIsWrittenDown(Law):
    """Each merged customer has exactly one entry in the audit trail, and it names the survivor."""

    offenders = """
        SELECT coalesce(c.id, m.merged) AS customer
          FROM (SELECT id, merged_into FROM customers WHERE merged_into IS NOT NULL) c
          FULL JOIN customer_merges m ON m.merged = c.id
         GROUP BY 1
        HAVING count(m.id) <> 1 OR bool_or(c.merged_into IS DISTINCT FROM m.survivor)
         ORDER BY 1
    """


LAWS: tuple[type[Law], ...] = (NobodyPointsAtAMergedCustomer, EveryMergeEndsAtASurvivor, EveryMergeIsWrittenDown)
