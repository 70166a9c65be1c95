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
    """Write one row, in the transaction and the message that complete the job."""
    counter = tally()
    counter.enter()
    context.write_last("insert into bench_effects (n) values (%(n)s)", n=args.n)
    counter.leave()
    return done()


@job("bench_insert_in_work", queue="tickets", arguments=Number)
def insert_in_work(args: Number, context: JobContext) -> Outcome | None:
    """Write one row in the unit of work that completes the job: the way of bodies that read what they write."""
    counter = tally()
    counter.enter()
    context.work.connection.execute("insert into bench_effects (n) values (%s)", (args.n,))
    counter.leave()
    return done()
