"""Tables: every model of every domain, for migrations and for nothing else."""

from catalog import models as _catalog
from commerce.exchange import models as _exchange
from commerce.kernel import idempotency, inbox, keys, outbox, schedules
from commerce.kernel.db import Table
from inventory import models as _inventory
from orders import models as _orders
from orders.customers import models as _customers
from orders.payments import models as _payments
from orders.reports import models as _reports
from orders.reports.programs import models as _programs
from orders.returns import models as _returns
from pricing import models as _pricing
from pricing.books import models as _books
from pricing.changes import models as _price_changes
from pricing.promotions import models as _promotions

_KERNEL = (idempotency, inbox, keys, outbox, schedules)
_EDGES = (_exchange,)
_PRICING = (_pricing, _price_changes, _promotions, _books)
_DOMAINS = (_catalog, *_PRICING, _inventory, _customers, _orders, _payments, _returns, _reports, _programs)

metadata = Table.metadata
"""What Alembic compares the database with: importing the models above is what fills it."""
