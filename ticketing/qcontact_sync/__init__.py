"""The two-way sync with QContact, the client's CRM: what its cases mean for our tickets, and ours for its cases.

`cases` (a case in our words), `rules` (what it may change), `inbound` (applying it), `conflicts` (what a person has to
decide), `log` and `runs` (what was done), `views` and `figures` (what is shown of it).
"""
