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
