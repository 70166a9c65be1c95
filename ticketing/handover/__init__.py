"""Handover: a ticket passes from one owner to the next (domain page, "Handover").

`rules` holds the gates and the moves, `snapshots` what is put on record and its canonical form, `chain` the proof that
nothing of it changed. `service` hands over, `views` reads, `verifying` walks the whole chain.
"""
