"""The worker process: hears news, claims jobs, runs their bodies in Dramatiq's threads and settles how they ended."""
