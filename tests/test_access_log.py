"""The access log: what it must not know."""

import json

from structlog.testing import capture_logs

from commerce.kernel.access import Role
from tests.conftest import Callers


async def test_a_payment_link_is_not_written_down_even_where_it_is_mistyped(callers: Callers) -> None:
    """Whoever has the link may pay the order, so whoever reads the log must not have it."""
    web, secret = await callers(Role.STOREFRONT), "lnk-c0ffee"
    typed = [f"/v1/payment-links/{secret}", f"/v1/payment-links/{secret}/", f"/v1//Payment-Links/{secret}/pay"]

    with capture_logs() as logs:
        for path in typed:
            await web.get(path)

    said = [(line["route"], line["path"]) for line in logs if line["event"] == "request"]
    assert said == [("/v1/payment-links/{link}", "/v1/payment-links/{link}")] * 2 + [("none", "none")]
    assert secret not in json.dumps(logs, default=repr)
