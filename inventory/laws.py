"""What is always true of stock."""

from commerce.kernel.laws import Law


class SupplyIsTheSumOfMovements(Law):
    """A pool's supply is the sum of its movements."""

    offenders = """
        SELECT p.id, p.sku, p.location, p.supply, coalesce(m.units, 0) AS moved
          FROM stock_pools p
          LEFT JOIN (SELECT pool_id, sum(units) AS units FROM movements GROUP BY pool_id) AS m ON m.pool_id = p.id
         WHERE p.supply <> coalesce(m.units, 0)
         ORDER BY p.id
    """


class HeldIsTheSumOfLiveHolds(Law):
    """A pool's held count is the sum of its live holds."""

    offenders = """
        SELECT p.id, p.sku, p.location, p.held, coalesce(h.units, 0) AS live
          FROM stock_pools p
          LEFT JOIN (SELECT pool_id, sum(units) AS units FROM holds WHERE ended_at IS NULL GROUP BY pool_id) AS h
            ON h.pool_id = p.id
         WHERE p.held <> coalesce(h.units, 0)
         ORDER BY p.id
    """


class OverdrawnIsWhatIsMissing(Law):
    """A pool is overdrawn by exactly what it has promised beyond what it has."""

    offenders = """
        SELECT id, sku, location, supply, held, overdrawn FROM stock_pools
         WHERE overdrawn <> greatest(0, held - supply)
         ORDER BY id
    """


class WhatIsMissingWasACase(Law):
    """What a pool promised beyond what it has was a case for a person, unit by unit; closed cases count too.

    Whatever makes a pool more overdrawn opens a case for as many units, and nothing ever takes a case away.
    """

    offenders = """
        SELECT p.id, p.sku, p.location, p.held - p.supply AS missing, coalesce(c.units, 0) AS in_cases
          FROM stock_pools p
          LEFT JOIN (SELECT pool_id, sum(units) AS units FROM overdrafts GROUP BY pool_id) AS c ON c.pool_id = p.id
         WHERE p.held > p.supply AND p.held - p.supply > coalesce(c.units, 0)
         ORDER BY p.id
    """


class NoHoldOutlivesItsTime(Law):
    """When holds were last expired, none was left that was over for more than five minutes."""

    offenders = """
        SELECT h.id, h.reference, h.expires_at
          FROM holds h JOIN schedules s ON s.name = 'expire_due_holds'
         WHERE h.ended_at IS NULL AND h.expires_at < s.last_at - interval '5 minutes'
         ORDER BY h.expires_at, h.id
    """


LAWS: tuple[type[Law], ...] = (
    SupplyIsTheSumOfMovements,
    HeldIsTheSumOfLiveHolds,
    OverdrawnIsWhatIsMissing,
    WhatIsMissingWasACase,
    NoHoldOutlivesItsTime,
)
