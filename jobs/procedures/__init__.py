"""Work that takes several steps, and that kinds of jobs and whoever starts them have in common."""
