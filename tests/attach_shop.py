"""A lawful shop with plenty of phones, cases and chargers, and people who buy them: for stories of attach rates."""

from tests.conftest import Api, Json
from tests.stories import card, order, sale

RATE = "/v1/reports/attach-rate"
PHONES_TO_CASES: Json = {"anchor": "category:phones", "attach": "category:cases"}
IDA: Json = {"email": "ida@example.com"}
JON: Json = {"email": "jon@example.com"}
PRICES = {"PHONE-BLK": 79900, "PHONE-WHT": 79900, "CASE-BLK": 2900, "CHARGER": 3900}


async def buy(web: Api, *wanted: tuple[str, int], buyer: Json | None = None, **more: object) -> Json:
    """Order in the web shop; the order."""
    total = sum(PRICES[sku] * quantity for sku, quantity in wanted)
    body = order(*wanted, total=total, **({"buyer": buyer} if buyer else {}), **more)
    answer = await web.post("/v1/orders", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def sell(till: Api, *wanted: tuple[str, int], buyer: Json | None = None) -> Json:
    """Sell at the till; the sale."""
    total = sum(PRICES[sku] * quantity for sku, quantity in wanted)
    body = sale(*wanted, total=total, tenders=[card(total)], **({"buyer": buyer} if buyer else {}))
    answer = await till.post("/v1/till-sales", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def counts(analyst: Api, **asked: object) -> tuple[int, int]:
    """Numerator and denominator of the one row that is answered."""
    answer = await analyst.get(RATE, **{**PHONES_TO_CASES, **asked})
    assert answer.status_code == 200, answer.text
    [row] = answer.json()["rows"]
    return row["numerator"], row["denominator"]
