"""The timeline of a ticket (wire contract, section 9): events, notes, messages, jobs and syncs in one order.

`wording` turns a row into what a person reads (pure), `views` reads. What people add by hand is a note.
"""
