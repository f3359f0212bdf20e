"""Stripe sandbox: a server that stands for Stripe's, for whoever builds or tests without one.

Owns      what it was told over its API: customers, payment methods, payments, refunds, disputes, events; their
          journal; and a ledger of the money that moved.
Does not  know anything of ours: neither tables nor rules nor settings. The SDK's types and a clock are all that it
          shares with us.
Promises  to answer as Stripe documents it, to refuse what Stripe does not know, and to say so where it cannot do what
          Stripe can; a key's first answer is repeated byte for byte; nothing it answered is lost when it is killed;
          whatever goes wrong on purpose is written in a script and can be repeated.
Tells     webhooks, signed and sent again until they are taken; GET /v1/events lists them, too.
"""
