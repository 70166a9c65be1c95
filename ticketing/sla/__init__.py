"""SLA: how soon a ticket must be answered and resolved (domain page, "SLA").

`calendar` knows business time, `rules` decides, `events` what can happen. `clocks` starts and moves the clocks of
tickets one by one or set by set, `service` pauses and resumes, `sweep` warns and records breaches, `settings` holds the
targets, `compliance` counts what was kept.
"""
