"""The queue of messages that no rule could place: a person attaches each to a ticket, makes one of it, or dismisses it.

`requests` are what a client may say, `views` read, `service` decides, each item once.
"""
