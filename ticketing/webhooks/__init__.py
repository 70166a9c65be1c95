"""What the outside tells us of its own accord: believed by its signature, kept before it is acknowledged.

`signatures` and `deliveries` are pure, `receipts` keeps and forgets.
"""
