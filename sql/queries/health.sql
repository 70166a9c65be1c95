-- name: vital_signs(lost_after, now, schedule_grace)^
-- Reads in one go what readiness is judged by: workers, the scheduler's lease, the backlog, schedules that did not fire.
select
    (
        select count(*) from workers
        where role = 'worker' and stopped_at is null and heartbeat_at > now() - :lost_after::interval
    ) as workers,
    exists (select from leases where name = 'scheduler' and expires_at > now()) as has_leader,
    waiting.jobs as waiting,
    extract(epoch from now() - waiting.oldest)::float8 as oldest_seconds,
    (select array_agg(name order by name) from queues where paused_at is not null) as paused_queues,
    (
        select array_agg(name order by name) from schedules
        where declared and next_fire_at < :now::timestamptz - :schedule_grace::interval
            and (paused_until is null or paused_until < :now::timestamptz)
    ) as late_schedules
from (
    -- The next ones to run tell enough: counting a million waiting rows would make the question part of the trouble.
    select count(*) as jobs, min(scheduled_at) as oldest
    from (
        select jobs.scheduled_at
        from jobs
        join queues on queues.name = jobs.queue
        where jobs.state = 'available' and queues.paused_at is null
        order by jobs.queue, jobs.priority, jobs.id
        limit 10000
    ) as next
) as waiting;
