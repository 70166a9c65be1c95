"""Asks a service outside one harmless thing: when an operator wants to know whether it answers and lets us in."""

from __future__ import annotations

from datetime import timedelta

from integrations.outside import Integration
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.outside import calling
from jobs.registry import JobArgs, job


class ProbeIntegration(JobArgs):
    """Which service."""

    integration: Integration


@job(
    "probe_integration",
    queue="integrations",
    max_attempts=1,
    unique_by=("integration",),
    retention=timedelta(days=7),
    subjects=(("integration", "integration"),),
)
def probe_integration(args: ProbeIntegration, context: JobContext) -> Outcome:
    """Ask QContact who we are, or the gateway for its version; the outcome closes the breaker or leaves it open."""
    outside = context.platform.outside
    with calling(context, args.integration):
        if args.integration == "qcontact":
            outside.qcontact.me()
        else:
            outside.waha.version()
    return done({"answered": True})
