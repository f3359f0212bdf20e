"""The lawbook: every sentence that is always true, of every domain, for tests, commands and schedules alike."""

from catalog.laws import LAWS as CATALOG
from commerce.kernel.laws import Law
from inventory.laws import LAWS as INVENTORY
from orders.customers.laws import LAWS as CUSTOMERS
from orders.laws import LAWS as ORDERS
from orders.payments.laws import LAWS as PAYMENTS
from orders.reports.laws import LAWS as REPORTS
from orders.reports.programs.laws import LAWS as ATTACH_PROGRAMS
from orders.returns.laws import LAWS as RETURNS
from pricing.books.laws import LAWS as BOOKS
from pricing.changes.laws import LAWS as PRICE_CHANGES
from pricing.laws import LAWS as PRICING
from pricing.promotions.laws import LAWS as PROMOTIONS

LAWS: tuple[type[Law], ...] = (
    *(*CATALOG, *PRICING, *PRICE_CHANGES, *PROMOTIONS, *BOOKS),
    *(*INVENTORY, *ORDERS, *PAYMENTS, *RETURNS, *REPORTS, *CUSTOMERS),
    *ATTACH_PROGRAMS,
)
