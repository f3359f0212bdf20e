"""Attach programs: what is to leave with what, how often, and who hears of it when it does not.

Owns      attach programs, every version of them, and the alerts of rates that left their band.
Does not  count: what a program asks is answered as any other question (`orders.reports.attach_rate`).
Promises  a figure says of which version it is, and a version never changes; a rate that is out of its band has one
          open alert, and one event tells that it left, one that it came back.
Tells     AttachRateLeftBand, AttachRateCameBack (see events.py).
"""
