"""What is always true of returns, imported ones too."""

from commerce.kernel.laws import Law


class NoMoreComesBackThanWasSold(Law):
    """Of no line do more units come back than had left for the buyer."""

    offenders = """
        SELECT l.order_id, l.line, l.sent, b.units
          FROM (SELECT order_id, line, sum(quantity) AS units FROM returns GROUP BY order_id, line) AS b
          JOIN order_lines l ON l.order_id = b.order_id AND l.line = b.line
         WHERE b.units > l.sent
    """


LAWS: tuple[type[Law], ...] = (NoMoreComesBackThanWasSold,)
