"""The ground floor: settings, clock, logging, metrics and the root of the error tree. Knows nothing of the domain."""
