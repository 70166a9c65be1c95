"""One file per kind of job: its arguments, its `@job(...)` line and its body. A new kind is a new file and nothing else."""
