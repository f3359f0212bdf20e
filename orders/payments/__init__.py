"""Payments: how what is owed becomes paid.

Owns      tenders and the ledger of what is owed and paid for each order; payments, refunds, mandates and disputes at
          the provider, and every call to it; nobody else writes any of these.
Does not  know products; of stock only that what is paid for is kept.
Promises  whatever dies, repeats or comes late: no cent is taken or given back twice, and our books come to say what the
          provider's say. What no rule may decide is put before a person. The provider is asked between transactions.
Tells     PaymentSecured, PaymentGivenUp, BuyerNeeded, MandateGiven, MandateGivenUp, RefundMade, PaymentCaseOpened.
"""
