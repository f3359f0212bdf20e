"""What is always true of prices and tax rates."""

from typing import ClassVar

from commerce.kernel.laws import Law


class RecommendedPricesNeverOverlap(Law):
    """A sku has at most one recommended price in a market at any instant, as believed now."""

    offenders: ClassVar[str] = """
        SELECT sku, market, valid_from FROM (
            SELECT sku, market, valid_from,
                   max(coalesce(valid_to, 'infinity')) OVER (
                       PARTITION BY sku, market ORDER BY valid_from, valid_to
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
              FROM recommended_prices WHERE superseded_at IS NULL) p
         WHERE valid_from < taken_until ORDER BY sku, market, valid_from
    """


class ChannelPricesNeverOverlap(Law):
    """A sku has at most one price of its own in a channel at any instant, as believed now."""

    offenders: ClassVar[str] = """
        SELECT sku, channel, valid_from FROM (
            SELECT sku, channel, valid_from,
                   max(coalesce(valid_to, 'infinity')) OVER (
                       PARTITION BY sku, channel ORDER BY valid_from, valid_to
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
              FROM channel_prices WHERE superseded_at IS NULL) p
         WHERE valid_from < taken_until ORDER BY sku, channel, valid_from
    """


class OnePriceWasBelieved(Law):
    """Looked at from any earlier day, too, a sku had at most one price in a market, or in a channel, at an instant."""

    offenders: ClassVar[str] = """
        WITH believed AS (
            SELECT 'recommended' AS series, id, sku, market AS scope, tstzrange(valid_from, valid_to) AS valid,
                   tstzrange(recorded_at, superseded_at) AS believed FROM recommended_prices
             UNION ALL
            SELECT 'channel', id, sku, channel, tstzrange(valid_from, valid_to),
                   tstzrange(recorded_at, superseded_at) FROM channel_prices)
        SELECT p.series, p.id, q.id
          FROM believed p JOIN believed q ON q.series = p.series AND q.sku = p.sku AND q.scope = p.scope AND q.id > p.id
         WHERE q.valid && p.valid AND q.believed && p.believed
           AND NOT (upper_inf(p.believed) AND upper_inf(q.believed)) ORDER BY 1, 2, 3
    """


class ExceptionsEnd(Law):
    """A channel price that stands on an exception is that exception's, and is over when the exception expires."""

    offenders: ClassVar[str] = """
        SELECT p.id, e.id FROM channel_prices p JOIN parity_exceptions e ON e.id = p.exception_id
         WHERE p.superseded_at IS NULL
           AND (p.sku <> e.sku OR p.channel <> e.channel OR coalesce(p.valid_to, 'infinity') > e.expires_at)
         ORDER BY p.id
    """


class TaxRatesNeverOverlap(Law):
    """A market has at most one rate for a tax class at any instant."""

    offenders: ClassVar[str] = """
        SELECT market, tax_class, valid_from FROM (
            SELECT market, tax_class, valid_from,
                   max(coalesce(valid_to, 'infinity')) OVER (
                       PARTITION BY market, tax_class ORDER BY valid_from, valid_to
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
              FROM tax_rates) t
         WHERE valid_from < taken_until ORDER BY market, tax_class, valid_from
    """


class MarketsAlwaysHaveTaxRates(Law):
    """Every market has a rate for every tax class, without a gap and for good, so that anything can be sold."""

    offenders: ClassVar[str] = """
        SELECT m.code, c.tax_class
          FROM markets m CROSS JOIN (VALUES ('standard'), ('reduced'), ('zero')) AS c (tax_class)
         WHERE NOT EXISTS (SELECT FROM tax_rates t
                            WHERE t.market = m.code AND t.tax_class = c.tax_class AND t.valid_to IS NULL)
        UNION
        SELECT t.market, t.tax_class FROM tax_rates t
         WHERE t.valid_to IS NOT NULL
           AND NOT EXISTS (SELECT FROM tax_rates n WHERE n.market = t.market AND n.tax_class = t.tax_class
                                                     AND n.valid_from <= t.valid_to
                                                     AND (n.valid_to IS NULL OR n.valid_to > t.valid_to))
        ORDER BY 1, 2
    """


class ZeroIsTaxedAtNought(Law):
    """The rate of the zero class is nought in every market."""

    offenders: ClassVar[str] = """
        SELECT market, valid_from FROM tax_rates WHERE tax_class = 'zero' AND rate_bp <> 0 ORDER BY market, valid_from
    """


LAWS: tuple[type[Law], ...] = (
    RecommendedPricesNeverOverlap,
    ChannelPricesNeverOverlap,
    OnePriceWasBelieved,
    ExceptionsEnd,
    TaxRatesNeverOverlap,
    MarketsAlwaysHaveTaxRates,
    ZeroIsTaxedAtNought,
)
