"""The dashboard: how many tickets there are, how they stand with their SLA, who has them, what needs attention.

`figures` adds up running totals that every change of a ticket keeps in its own transaction (triggers in the schema);
`totals` folds and proves them, `lists` reads what needs attention, `health` tells how old imports and syncs are,
`rules` is pure.
"""
