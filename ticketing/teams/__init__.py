"""Teams and their members (wire contract, section 17.3).

`requests` is what a client may say, `views` reads, `service` writes. Teams and members are deactivated, never removed.
"""
