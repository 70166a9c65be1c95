"""Bulk actions: one change for many tickets, with a result for each.

The tickets are frozen when somebody asks (`service.ask`); a job takes them a few at a time (`service.settle_next`),
each by the rules of a single change and with the rights of whoever asked. `requests` is what a client may say, `rules`
are pure, `views` reads.
"""
