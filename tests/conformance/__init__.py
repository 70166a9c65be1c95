"""One suite for each service outside: over its sandbox always, over the real one when its address is given."""
