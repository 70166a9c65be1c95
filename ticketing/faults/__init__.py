"""Fault attribution: why a fault happened, and which causes, places and companies faults gather on.

`rules` is pure, `service` attributes, `trends` counts.
"""
