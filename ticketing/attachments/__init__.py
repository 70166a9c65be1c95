"""Attachments: the files of a ticket, the photos that are evidence of its steps, and who may add or delete them."""
