"""Repeat faults: where faults gather, and the escalations that this raises (domain page, "Repeat faults").

`scan` counts, by one query for everybody; `rules` decides, `requests` says what a request may hold, `events` what can
happen. `raising` opens escalations and has faults join them, `service` investigates and resolves, `thresholds` keeps
how many faults are too many, `views` reads.
"""
