"""What runs in the background: the ledger of jobs, the unit of work that fills it, and one file per kind of job."""
