"""The baseline: the rows of one order, written by hand in one transaction of its own, driven by pgbench.

It is the best a person would write without grouping: prepared statements, one round trip for each table, and the row
that everybody fights for is taken last, so that it is locked for the shortest time. It does no HTTP and no quoting.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.shop import BUYERS, HOT, PRICE, SKUS

CLIENTS = 32
ANSWER_BYTES = 1150
"""The size of the stored answer; ours has it too."""

_ORDER = f"""
\\set k random(1, 9000000000000000)
\\set buyer random(0, {BUYERS - 1})
{{pick}}
BEGIN;
SELECT id FROM customers WHERE id = 'cus_' || :buyer::text;
INSERT INTO orders (id, order_number, source, channel, customer_id, currency, prices_include_tax, fulfilment, state,
                    placed_at, subtotal, discount_total, tax_total, total)
VALUES ('ord_' || lpad(:k::text, 32, '0'), lpad(:k::text, 16, '0'), 'api', 'web', 'cus_' || :buyer::text, 'EUR', true,
        'ship', 'placed', now(), {PRICE}, 0, 3177, {PRICE});
INSERT INTO order_lines (order_id, line, sku, quantity, recommended_price, unit_price, discount_total, tax_rate_bp,
                         tax_total, line_total)
VALUES ('ord_' || lpad(:k::text, 32, '0'), 1, {{sku}}, 1, {PRICE}, {PRICE}, 0, 1900, 3177, {PRICE});
INSERT INTO tenders (id, order_id, kind, state, amount, given, change, recorded_at)
VALUES ('tnd_' || lpad(:k::text, 32, '0'), 'ord_' || lpad(:k::text, 32, '0'), 'pay_on_collection', 'due', {PRICE},
        {PRICE}, 0, now());
INSERT INTO order_timeline (id, order_id, happened_at, what, actor, facts)
VALUES ('tln_' || lpad(:k::text, 32, '0'), 'ord_' || lpad(:k::text, 32, '0'), now(), 'placed', 'sfk_bench', '{{{{}}}}');
INSERT INTO ledger_entries (id, order_id, kind, amount, currency, entered_at)
VALUES ('led_' || lpad(:k::text, 32, '0'), 'ord_' || lpad(:k::text, 32, '0'), 'charge', {PRICE}, 'EUR', now());
INSERT INTO outbox_messages (id, topic, version, body, told_at)
VALUES ('evt_' || lpad(:k::text, 32, '0'), 'order_placed', 1,
        jsonb_build_object('order_id', 'ord_' || lpad(:k::text, 32, '0'), 'order_number', lpad(:k::text, 16, '0'),
                           'channel', 'web'), now());
INSERT INTO idempotency_keys (principal, key, fingerprint, status, body, created_at)
VALUES ('sfk_pgbench', 'key-' || :k::text, decode(lpad(to_hex(:k::bigint), 32, '0'), 'hex'), 201,
        convert_to(repeat('x', {ANSWER_BYTES}), 'UTF8'), now());
INSERT INTO holds (id, pool_id, reference, units, taken_at)
VALUES ('hol_' || lpad(:k::text, 32, '0'), 'pol_' || {{sku}}, 'ord_' || lpad(:k::text, 32, '0'), 1, now());
UPDATE stock_pools SET held = held + 1 WHERE id = 'pol_' || {{sku}} AND held + 1 <= supply;
COMMIT;
"""


def orders_per_second(programs: Path, libpq_url: str, *, hot: bool, seconds: int) -> float:
    """Committed orders in a second from 32 clients on two threads with prepared statements."""
    pick = "" if hot else f"\\set n random(0, {SKUS - 1})"
    sku = f"'{HOT}'::text" if hot else "('SKU-' || lpad(:n::text, 4, '0'))"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_ORDER.format(pick=pick, sku=sku))
        script.flush()
        words = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", script.name]
        command = [str(programs / "pgbench"), *words, libpq_url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None or "failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]} {done.stdout[-500:]}")
    return float(found[1])
