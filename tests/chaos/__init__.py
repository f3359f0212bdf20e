"""Chaos: everything that can go wrong on the way to the payment provider does, and no cent is lost or doubled."""
