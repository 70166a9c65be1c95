"""WhatsApp notices: who is told what, when it may go out, and what became of it (domain page, "WhatsApp notices").

A notice is a row before it is a message. `occasions`, `templates`, `recipients` and `rules` are pure; `writing` makes
the row, `holds` is what an operator does to it, `contacts` what is known of a telephone, `views` and `compliance` read.
Whoever touches more than one row takes them in one order: the ticket, the contact, the notice.
"""
