"""Services outside, as jobs see them: called through a breaker that all processes share, held by operators."""

from jobs.outside.calling import Breaker, Outside, calling, is_set_up

__all__ = ["Breaker", "Outside", "calling", "is_set_up"]
