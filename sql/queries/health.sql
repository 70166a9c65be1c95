-- name: vital_signs(lost_after, now, schedule_grace, cap)^
-- Reads in one go what readiness is judged by: workers, the scheduler's lease, the backlog, schedules that did not fire.
select
    (
        select count(*) from workers
        where role = 'worker' and stopped_at is null and heartbeat_at > now() - :lost_after::interval
    ) as workers,
    exists (select from leases where name = 'scheduler' and expires_at > now()) as has_leader,
    waiting.jobs as waiting,
    waiting.is_capped as waiting_is_capped,
    extract(epoch from now() - waiting.oldest)::float8 as oldest_seconds,
    (select array_agg(name order by name) from queues where paused_at is not null) as paused_queues,
    (
        select array_agg(name order by name) from schedules
        where declared and next_fire_at < :now::timestamptz - :schedule_grace::interval
            and (paused_until is null or paused_until < :now::timestamptz)
    ) as late_schedules
from (
    -- The next ones of each queue tell enough: counting a million waiting rows would make the question part of the
    -- trouble.
    select
        coalesce(sum(head.jobs), 0)::bigint as jobs, min(head.oldest) as oldest,
        coalesce(bool_or(head.jobs = :cap::integer), false) as is_capped
    from queues
    cross join lateral (
        select count(*) as jobs, min(next.scheduled_at) as oldest
        from (
            select jobs.scheduled_at
            from jobs
            where jobs.queue = queues.name and jobs.state = 'available'
            order by jobs.priority, jobs.id
            limit :cap::integer
        ) as next
    ) as head
    where queues.paused_at is null
) as waiting;
