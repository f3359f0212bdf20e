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


class FirstPurchasesAreWrittenDown(Law):
    """Whatever a promotion for first purchases took something off is written down as its buyer's first, and stands.

    Two of one buyer there are only where two customers turned out to be one.
    """

    offenders = """
        SELECT f.order_id, f.customer_id, o.customer_id, o.state
          FROM first_purchases f JOIN orders o ON o.id = f.order_id
         WHERE o.state = 'cancelled' OR o.customer_id IS DISTINCT FROM f.customer_id
        UNION ALL
        SELECT o.id, NULL, o.customer_id, o.state
          FROM (SELECT order_id, promotion_id FROM order_line_discounts
                 UNION SELECT order_id, promotion_id FROM order_shipping_discounts) d
          JOIN promotions p ON p.id = d.promotion_id AND (p.definition -> 'conditions' ->> 'first_purchase')::boolean
          JOIN orders o ON o.id = d.order_id AND o.state <> 'cancelled'
         WHERE NOT EXISTS (SELECT FROM first_purchases f WHERE f.order_id = o.id)
         ORDER BY 1
    """


class GroupsAreWhatTheirDiarySays(Law):
    """Somebody is in a group if the last thing that was written of it is that they joined, and only then."""

    offenders = """
        WITH said AS (
            SELECT DISTINCT ON (customer_id, code) customer_id, code, step FROM customer_group_steps
             ORDER BY customer_id, code, id DESC)
        SELECT coalesce(g.customer_id, said.customer_id), coalesce(g.code, said.code), said.step
          FROM customer_groups g FULL JOIN said ON said.customer_id = g.customer_id AND said.code = g.code
         WHERE (g.code IS NOT NULL) <> coalesce(said.step = 'joined', false)
         ORDER BY 1, 2
    """


LAWS: tuple[type[Law], ...] = (
    NobodyPointsAtAMergedCustomer,
    EveryMergeEndsAtASurvivor,
    EveryMergeIsWrittenDown,
    FirstPurchasesAreWrittenDown,
    GroupsAreWhatTheirDiarySays,
)
