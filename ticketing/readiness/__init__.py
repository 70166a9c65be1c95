"""QA readiness: the eight checks before QA may start (domain page, "QA readiness").

`rules` decides, `service` runs the check on one ticket or many, `views` reads what came of it. That a passed check
stops counting when a checked field or a photo changes is kept by the database (migration 0012).
"""

from ticketing.readiness.rules import Policy
from ticketing.readiness.service import BATCH_MOST, ReadinessChecked, check, check_many, recheck_waiting
from ticketing.readiness.views import get_status, list_checks

__all__ = [
    "BATCH_MOST",
    "Policy",
    "ReadinessChecked",
    "check",
    "check_many",
    "get_status",
    "list_checks",
    "recheck_waiting",
]
