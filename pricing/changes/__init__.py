"""Price changes: how a price becomes another one, seen by two people before it does.

Owns      price changes, what each is about, and the diary of who moved it.
Does not  keep prices: those are written by `pricing.series`, and put into the market's book by `pricing.books`.
Promises  nothing is charged because of a change that one person alone wanted; a change begins for all of its prices
          at one instant, announced beforehand; the past stays as it was, and what was taken back can be read still.
Tells     PriceChangeScheduled, PriceChangeLive, PriceChangeEnded, PriceChangeWithdrawn, PriceChangeRolledBack.
"""
