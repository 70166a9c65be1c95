"""One file per kind of job: its arguments, its `@job(...)` line and its body. A new kind is one new file."""
