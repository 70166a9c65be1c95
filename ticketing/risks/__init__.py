"""Risk acceptances: QA approvals with conditions (domain page, "Risk acceptance").

`rules` decides, `requests` says what a request may hold, `events` what can happen. `service` accepts and resolves,
`sweep` warns of, expires and escalates what nobody resolved, `views` reads.
"""
