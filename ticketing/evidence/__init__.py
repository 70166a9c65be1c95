"""Evidence: what an inspection finds of a photo, and what QA says of it (domain page, "Evidence quality").

`rules` decides, `fingerprints` says what looks the same, `service` inspects and overrules, `views` lists.
"""
