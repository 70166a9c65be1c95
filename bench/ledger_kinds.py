"""The job kinds that the ledger's benchmarks run."""

from __future__ import annotations

from bench.tally import tally
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job


class Number(JobArgs):
    """Which of the jobs it is."""

    n: int


@job("bench_noop", queue="tickets", arguments=Number)
def noop(args: Number, context: JobContext) -> Outcome | None:
    """Do nothing."""
    counter = tally()
    counter.enter()
    counter.leave()
    return None


@job("bench_insert", queue="tickets", arguments=Number)
def insert(args: Number, context: JobContext) -> Outcome | None:
    """Write one row, in the transaction that completes the job."""
    counter = tally()
    counter.enter()
    context.work.connection.execute("insert into bench_effects (n) values (%s)", (args.n,))
    counter.leave()
    return done()
