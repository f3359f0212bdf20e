"""What is always true of promotions, their codes and their uses."""

from typing import ClassVar

from commerce.kernel.laws import Law


class PromotionsAreDecidedByTwo(Law):
    """A promotion in a book was approved, and not by anybody who wrote, edited or submitted it."""

    offenders: ClassVar[str] = """
        SELECT p.id, p.approved_by FROM promotions p
         WHERE p.state IN ('approved', 'scheduled', 'live', 'ended')
           AND (p.approved_by IS NULL
                OR p.approved_by IN (p.created_by, p.submitted_by)
                OR EXISTS (SELECT 1 FROM promotion_steps s
                            WHERE s.promotion_id = p.id AND s.actor = p.approved_by
                              AND s.step IN ('draft', 'edited', 'submitted'))
                OR NOT EXISTS (SELECT 1 FROM promotion_steps s
                                WHERE s.promotion_id = p.id AND s.actor = p.approved_by AND s.step = 'approved'))
         ORDER BY p.id
    """


class PromotionsStandWhereTheirDiarySays(Law):
    """A promotion's state is the last one that its diary has, and its diary begins with a draft."""

    offenders: ClassVar[str] = """
        SELECT p.id, p.state FROM promotions p
         WHERE p.state IS DISTINCT FROM (SELECT s.step FROM promotion_steps s
                                          WHERE s.promotion_id = p.id
                                            AND s.step NOT IN ('edited', 'stopped', 'codes_made')
                                          ORDER BY s.id DESC LIMIT 1)
            OR 'draft' IS DISTINCT FROM (SELECT s.step FROM promotion_steps s
                                          WHERE s.promotion_id = p.id ORDER BY s.id LIMIT 1)
         ORDER BY p.id
    """


class PromotionsRunNoSoonerThanTheyBegin(Law):
    """A promotion that is live has begun, and one that is over has ended, by its own instants."""

    offenders: ClassVar[str] = """
        SELECT p.id, p.state FROM promotions p
         WHERE p.state IN ('live', 'ended')
           AND (p.starts_at > (SELECT max(s.at) FROM promotion_steps s
                                WHERE s.promotion_id = p.id AND s.step = 'live')
                OR p.state = 'ended' AND p.ends_at > (SELECT max(s.at) FROM promotion_steps s
                                                       WHERE s.promotion_id = p.id AND s.step = 'ended'))
         ORDER BY p.id
    """


class PromotionCountersAreTheirUses(Law):
    """A promotion that is limited in total has counted just its uses not given back, and no more than allowed."""

    offenders: ClassVar[str] = """
        SELECT p.id, c.uses, u.uses
          FROM promotions p
          LEFT JOIN promotion_counters c ON c.promotion_id = p.id
         CROSS JOIN LATERAL (SELECT count(*) AS uses FROM promotion_uses u
                              WHERE u.promotion_id = p.id AND u.given_back_at IS NULL) u
         WHERE p.limit_total IS NOT NULL AND p.state IN ('scheduled', 'live', 'ended')
           AND (c.uses IS DISTINCT FROM u.uses OR c.most <> p.limit_total OR u.uses > p.limit_total)
         ORDER BY p.id
    """


class PromotionCodesAreTheirUses(Law):
    """A unique code has counted just its uses that were not given back, and every use of it is of a code there is."""

    offenders: ClassVar[str] = """
        WITH used AS (
            SELECT promotion_id, code, count(*) AS uses FROM promotion_uses
             WHERE code IS NOT NULL AND given_back_at IS NULL GROUP BY promotion_id, code)
        SELECT coalesce(c.promotion_id, u.promotion_id), coalesce(c.code, u.code), c.uses, u.uses
          FROM (SELECT * FROM promotion_codes WHERE most IS NOT NULL AND uses > 0) c
          FULL JOIN used u ON u.promotion_id = c.promotion_id AND u.code = c.code
         WHERE c.uses IS DISTINCT FROM u.uses OR c.uses > c.most
         ORDER BY 1, 2
    """


class PersonsCountersAreTheirUses(Law):
    """Of a promotion that is limited per person each buyer has counted just their own uses."""

    offenders: ClassVar[str] = """
        WITH used AS (
            SELECT u.promotion_id, u.customer_id, count(*) AS uses
              FROM promotion_uses u JOIN promotions p ON p.id = u.promotion_id
             WHERE p.limit_per_person IS NOT NULL AND u.given_back_at IS NULL
             GROUP BY u.promotion_id, u.customer_id)
        SELECT coalesce(c.promotion_id, u.promotion_id), coalesce(c.customer_id, u.customer_id), c.uses, u.uses
          FROM promotion_person_counters c
          FULL JOIN used u ON u.promotion_id = c.promotion_id AND u.customer_id = c.customer_id
         WHERE coalesce(c.uses, 0) <> coalesce(u.uses, 0) OR u.customer_id IS NULL AND u.uses > 0
         ORDER BY 1, 2
    """


class NobodyUsesMoreThanAllowed(Law):
    """Nobody took a use of a promotion beyond what one person may have; more have only two who turned out to be one."""

    offenders: ClassVar[str] = """
        SELECT c.promotion_id, c.customer_id, c.uses
          FROM promotion_person_counters c JOIN promotions p ON p.id = c.promotion_id
         WHERE c.most IS DISTINCT FROM p.limit_per_person OR c.uses > c.most AND NOT c.merged
        UNION ALL
        SELECT u.promotion_id, u.customer_id, u.nth
          FROM promotion_uses u JOIN promotions p ON p.id = u.promotion_id
         WHERE (u.nth IS NULL) <> (p.limit_per_person IS NULL) OR u.nth > p.limit_per_person
         ORDER BY 1, 2
    """


class CodesAreNoMoreThanApproved(Law):
    """There are no more unique codes of a promotion than it was approved with."""

    offenders: ClassVar[str] = """
        SELECT p.id, p.limit_codes, c.codes
          FROM promotions p
          JOIN (SELECT promotion_id, count(*) AS codes FROM promotion_codes WHERE NOT shared GROUP BY promotion_id) c
            ON c.promotion_id = p.id
         WHERE p.limit_codes IS NULL OR c.codes > p.limit_codes
         ORDER BY p.id
    """


LAWS: tuple[type[Law], ...] = (
    PromotionsAreDecidedByTwo,
    PromotionsStandWhereTheirDiarySays,
    PromotionsRunNoSoonerThanTheyBegin,
    PromotionCountersAreTheirUses,
    PromotionCodesAreTheirUses,
    PersonsCountersAreTheirUses,
    NobodyUsesMoreThanAllowed,
    CodesAreNoMoreThanApproved,
)
