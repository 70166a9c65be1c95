"""The database floor: connections, migrations and named queries. Knows tables, decides nothing."""
