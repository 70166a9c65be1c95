-- name: unfinished_jobs()
-- Counts the unfinished jobs of each queue by state, with the age of the oldest; finished ones are not looked at.
select queue, state, count(*) as jobs, extract(epoch from now() - min(scheduled_at))::float8 as oldest_seconds
from jobs
where state in ('scheduled', 'available', 'running', 'retryable')
group by queue, state;

-- name: attempts_ended(since, until, wait_bounds, run_bounds)
-- Sums up the attempts that ended in a span of time, by kind, queue and outcome, into the buckets of two histograms.
select
    jobs.kind, jobs.queue, ended.outcome,
    width_bucket(ended.waited, :wait_bounds::float8[]) as wait_bucket,
    width_bucket(ended.ran, :run_bounds::float8[]) as run_bucket,
    count(*) as attempts, coalesce(sum(ended.waited), 0) as waited, coalesce(sum(ended.ran), 0) as ran
from (
    select
        job_id, outcome,
        greatest(extract(epoch from started_at - scheduled_at), 0)::float8 as waited,
        greatest(extract(epoch from finished_at - started_at), 0)::float8 as ran
    from job_attempts
    where finished_at > :since::timestamptz and finished_at <= :until::timestamptz
) as ended
join jobs on jobs.id = ended.job_id
group by jobs.kind, jobs.queue, ended.outcome, wait_bucket, run_bucket;

-- name: processes_alive(lost_after)
-- Counts the processes that give signs of life, by role, with the jobs they run and the memory they hold.
select
    role, count(*) as processes, coalesce(sum(running), 0)::bigint as running, coalesce(sum(threads), 0)::bigint as threads,
    coalesce(sum(memory_bytes), 0)::bigint as memory_bytes
from workers
where stopped_at is null and heartbeat_at > now() - :lost_after::interval
group by role;

-- name: queue_switches()
-- Tells which queues are paused.
select name, paused_at is not null as paused from queues;

-- name: count_ended_attempts(since, now)!
-- Counts the attempts that ended in each whole five minutes since a moment, again where that was done before: an attempt
-- is written down a little after it ended.
insert into attempt_counts (ended_in, queue, outcome, attempts, run_seconds)
select
    date_bin('5 minutes', job_attempts.finished_at, 'epoch') as ended_in, jobs.queue, job_attempts.outcome, count(*),
    coalesce(sum(greatest(extract(epoch from job_attempts.finished_at - job_attempts.started_at), 0)), 0)
from job_attempts
join jobs on jobs.id = job_attempts.job_id
where job_attempts.finished_at >= date_bin('5 minutes', :since::timestamptz, 'epoch')
    and job_attempts.finished_at < date_bin('5 minutes', :now::timestamptz, 'epoch')
group by ended_in, jobs.queue, job_attempts.outcome
on conflict (ended_in, queue, outcome)
do update set attempts = excluded.attempts, run_seconds = excluded.run_seconds;

-- name: newest_count()$
-- Tells the newest five minutes that are counted.
select max(ended_in) from attempt_counts;

-- name: forget_counts(before)!
-- Forgets old counts.
delete from attempt_counts where ended_in < :before::timestamptz;

-- name: ended_by(since, counted_until, width)
-- Sums up what ended since a moment by spans of a width, queue and outcome: what is counted, and from `counted_until` on
-- the attempts themselves.
with ended as (
    select ended_in as ended_at, queue, outcome, attempts
    from attempt_counts
    where ended_in >= :since::timestamptz
    union all
    select job_attempts.finished_at, jobs.queue, job_attempts.outcome, 1
    from job_attempts
    join jobs on jobs.id = job_attempts.job_id
    where job_attempts.finished_at >= greatest(:since::timestamptz, :counted_until::timestamptz)
)
select
    date_bin(:width::interval, ended_at, :since::timestamptz) as began, queue, outcome, sum(attempts)::bigint as attempts
from ended
group by began, queue, outcome
order by began, queue, outcome;
