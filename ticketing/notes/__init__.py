"""Notes on a ticket (wire contract, section 9): who may write, change and remove them, and what stays of them.

`rules` are pure, `requests` what a client may say, `views` reads, `service` writes.
"""
