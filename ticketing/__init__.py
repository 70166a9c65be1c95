"""The domain: one module per concept, each with its pure rules and its services. Knows no web, queue or file reader."""
