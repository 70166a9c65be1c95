"""Guarantee: whether the work on a drop is still covered, and who pays for a fault (domain page, "Guarantee").

`rules` is pure, `classification` applies it to tickets, `service` is what people ask for and change.
"""
