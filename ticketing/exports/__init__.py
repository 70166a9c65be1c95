"""Exports: what the lists show, as files to take away.

`reports` says what each holds, `columns` how a row becomes cells, `service` keeps those that a job writes.
"""
