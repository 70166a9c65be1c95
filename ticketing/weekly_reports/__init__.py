"""The weekly report: a workbook of work becomes tickets (domain page, "Weekly import").

`headers` finds the sheet and its columns, `values` and `words` read cells, `rows` makes a row of the sheet into a
`SheetRow` with everything that is wrong with it, `references` resolves names and drops, and `changes` decides what a
row may do to a ticket that exists. All of these are pure. `staging`, `previews`, `importing` and `service` bring it to
the database.
"""
