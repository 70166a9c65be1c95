"""Messages that people write to us over WhatsApp: kept, and brought to the ticket that they are about.

`messages` is what a gateway hands over, `rules` are pure, `service` routes, `media` keeps what came with a message.
"""
