"""What is always true of price changes."""

from commerce.kernel.laws import Law
from pricing.changes.rules import MOVES, PriceChangeState

_MOVES = ", ".join(f"('{state}', '{to}')" for state in MOVES for to in sorted(MOVES[state]))


class ScheduledChangesHaveFourEyes(Law):
    """A change that was ever scheduled was approved by somebody who neither drafted nor submitted it."""

    offenders = """
        SELECT c.id, c.state, c.created_by, c.submitted_by, c.approved_by FROM price_changes c
         WHERE EXISTS (SELECT FROM price_change_steps s WHERE s.change_id = c.id AND s.state = 'scheduled')
           AND (c.approved_by IS NULL OR c.approved_by IN (c.created_by, c.submitted_by)
                OR NOT EXISTS (SELECT FROM price_change_steps s
                                WHERE s.change_id = c.id AND s.state = 'approved' AND s.actor = c.approved_by))
         ORDER BY c.id
    """


class ChangedPricesWereScheduled(Law):
    """A price that says which change it comes from comes from one that was scheduled, and of its own market."""

    offenders = """
        WITH priced AS (
            SELECT p.change_id, p.sku, p.market FROM recommended_prices p WHERE p.change_id IS NOT NULL
             UNION
            SELECT p.change_id, p.sku, c.market FROM channel_prices p JOIN channels c ON c.code = p.channel
             WHERE p.change_id IS NOT NULL)
        SELECT p.change_id, p.sku, p.market FROM priced p
         WHERE NOT EXISTS (SELECT FROM price_changes c
                             JOIN price_change_steps s ON s.change_id = c.id AND s.state = 'scheduled'
                            WHERE c.id = p.change_id AND c.market = p.market)
         ORDER BY 1, 2, 3
    """


class WithdrawnChangesHoldNoPrice(Law):
    """No price that is believed now comes from a change that was withdrawn."""

    offenders = """
        SELECT c.id, p.sku, p.valid_from FROM price_changes c
          JOIN (SELECT change_id, sku, valid_from FROM recommended_prices WHERE superseded_at IS NULL
                 UNION ALL
                SELECT change_id, sku, valid_from FROM channel_prices WHERE superseded_at IS NULL) p
            ON p.change_id = c.id
         WHERE c.state = 'withdrawn' ORDER BY c.id, p.sku, p.valid_from
    """


class RolledBackChangesHoldNoPrice(Law):
    """A change that was rolled back charges nothing from the beginning of its counter-change on."""

    offenders = """
        SELECT c.id, p.sku, p.valid_from FROM price_changes c
          JOIN price_changes k ON k.counter_of = c.id AND k.state IN ('scheduled', 'live')
          JOIN (SELECT change_id, sku, valid_from, valid_to FROM recommended_prices WHERE superseded_at IS NULL
                 UNION ALL
                SELECT change_id, sku, valid_from, valid_to FROM channel_prices WHERE superseded_at IS NULL) p
            ON p.change_id = c.id AND (p.valid_to IS NULL OR p.valid_to > k.starts_at)
         ORDER BY c.id, p.sku, p.valid_from
    """


class ChangesFitTheirDiaries(Law):
    """A change's diary begins with its draft, moves as the table of moves allows, and ends with its state."""

    # The moves are the table's own words; no value is in the text.
    offenders = f"""
        WITH steps AS (
            SELECT change_id, place, state, moved_at,
                   lag(state) OVER w AS state_before, lag(moved_at) OVER w AS moved_before,
                   lead(state) OVER w AS state_after
              FROM price_change_steps WINDOW w AS (PARTITION BY change_id ORDER BY place))
        SELECT c.id, c.state, 'no diary' FROM price_changes c
         WHERE NOT EXISTS (SELECT FROM steps s WHERE s.change_id = c.id)
         UNION ALL
        SELECT c.id, s.state, 'place ' || s.place FROM steps s JOIN price_changes c ON c.id = s.change_id
         WHERE s.state_before IS NULL AND s.state <> '{PriceChangeState.DRAFT}'
            OR s.state_before IS NOT NULL AND (s.state_before, s.state) NOT IN ({_MOVES})
            OR s.moved_at < s.moved_before
            OR s.state_after IS NULL AND s.state <> c.state
         ORDER BY 1, 3
    """  # noqa: S608 - see above


LAWS: tuple[type[Law], ...] = (
    ScheduledChangesHaveFourEyes,
    ChangedPricesWereScheduled,
    WithdrawnChangesHoldNoPrice,
    RolledBackChangesHoldNoPrice,
    ChangesFitTheirDiaries,
)
