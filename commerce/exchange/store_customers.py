"""Store customers, and let their e-mail addresses and phone numbers find them."""

from commerce.exchange.merge import Merge, merge
from commerce.exchange.progress import FileImported
from commerce.exchange.stage import in_batches
from commerce.exchange.wire import Wire
from orders.customers.rules import normal_email, normal_phone

_CUSTOMERS = Merge(
    "customers",
    ("code",),
    ("email", "phone", "country", "created_at"),
    # A merged customer has nothing of its own any more, and gets nothing back.
    """SELECT * FROM given_customers g
        WHERE NOT EXISTS (SELECT FROM customers s WHERE s.code = g.code AND s.merged_into IS NOT NULL)""",
    only_new=("id",),
)
# Whom we are about to change cannot be merged any more, so what is read next stays true.
_LOCK = """
    SELECT count(*)
      FROM (SELECT FROM customers s JOIN given_customers g USING (code)
             WHERE s.merged_into IS NULL
               AND (s.email, s.phone, s.country) IS DISTINCT FROM (g.email, g.phone, g.country)
             ORDER BY s.id FOR NO KEY UPDATE OF s) AS locked
"""
# A merged customer finds nobody any more: its identities went to whom it was merged into.
_TO_FIND = """
    CREATE TEMP TABLE to_find ON COMMIT DROP AS
    SELECT coalesce(s.id, g.id) AS id, g.code,
           CASE WHEN s.email IS DISTINCT FROM g.email THEN g.email END AS email,
           CASE WHEN (s.phone, s.country) IS DISTINCT FROM (g.phone, g.country) THEN g.phone END AS phone,
           g.country,
           s.email <> g.email OR (s.email IS NOT NULL AND g.email IS NULL) AS email_gone,
           s.phone <> g.phone OR (s.phone IS NOT NULL AND g.phone IS NULL) AS phone_gone
      FROM given_customers g LEFT JOIN customers s USING (code)
     WHERE s.merged_into IS NULL
       AND (s.email, s.phone, s.country) IS DISTINCT FROM (g.email, g.phone, g.country);

    CREATE TEMP TABLE found_by (id text COLLATE "C", code text COLLATE "C", kind text, value text) ON COMMIT DROP;
    ANALYZE to_find;
"""
_CONTACTS = """
    SELECT id, code, email, phone, country FROM to_find WHERE email IS NOT NULL OR phone IS NOT NULL
"""
_GIVE_UP = """
    DELETE FROM customer_identities i USING to_find t
     WHERE i.customer_id = t.id
       AND (i.kind = 'email' AND t.email_gone OR i.kind = 'phone' AND t.phone_gone)
       AND NOT EXISTS (SELECT FROM found_by f WHERE f.id = i.customer_id AND f.kind = i.kind AND f.value = i.value)
"""
_CLAIM = """
    INSERT INTO customer_identities (kind, value, customer_id)
    SELECT DISTINCT ON (kind, value) kind, value, id FROM found_by ORDER BY kind, value, code
    ON CONFLICT DO NOTHING
"""


async def store_customers(wire: Wire, rows: int) -> FileImported:
    """Store customers as they are given; whoever has the lowest code among those with one address is found by it.

    An address that finds somebody already goes on finding them, and one that cannot be an address finds nobody.
    """
    await wire.fetchval(_LOCK)
    await wire.execute(_TO_FIND)
    async for batch in in_batches(wire.cursor(_CONTACTS, prefetch=5_000)):
        found_by = [
            (customer_id, code, kind, value)
            for customer_id, code, email, phone, country in batch
            for kind, value in (
                ("email", email and normal_email(email)),
                ("phone", phone and normal_phone(phone, country)),
            )
            if value
        ]
        await wire.copy_records_to_table("found_by", records=found_by, columns=["id", "code", "kind", "value"])
    imported = await merge(wire, rows, _CUSTOMERS)
    await wire.execute("ANALYZE found_by")
    await wire.execute(_GIVE_UP)
    await wire.execute(_CLAIM)
    return imported
