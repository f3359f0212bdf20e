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
    """A change charges nothing from its counter-change on, until that is countered itself, and so on."""

    offenders = """
        WITH RECURSIVE line AS (
            SELECT k.counter_of AS change_id, k.id AS last, 1 AS place, k.starts_at FROM price_changes k
             WHERE k.counter_of IS NOT NULL AND k.state IN ('scheduled', 'live', 'ended', 'rolled_back')
             UNION ALL
            SELECT l.change_id, k.id, l.place + 1, k.starts_at FROM line l JOIN price_changes k ON k.counter_of = l.last
             WHERE k.state IN ('scheduled', 'live', 'ended', 'rolled_back')),
        countered AS (
            SELECT change_id, place, tstzrange(starts_at, lead(starts_at) OVER w) AS during FROM line
            WINDOW w AS (PARTITION BY change_id ORDER BY place))
        SELECT c.change_id, p.sku, p.valid_from FROM countered c
          JOIN (SELECT change_id, sku, valid_from, valid_to FROM recommended_prices WHERE superseded_at IS NULL
                 UNION ALL
                SELECT change_id, sku, valid_from, valid_to FROM channel_prices WHERE superseded_at IS NULL) p
            ON p.change_id = c.change_id AND tstzrange(p.valid_from, p.valid_to) && c.during
         WHERE c.place % 2 = 1 ORDER BY 1, 2, 3
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
