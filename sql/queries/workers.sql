-- name: register_worker(id, role, host, pid, version, queues, threads, heartbeat_interval)!
-- Notes a process that has started.
insert into workers (id, role, host, pid, version, queues, threads, heartbeat_interval)
values (:id, :role, :host, :pid, :version, :queues::text[], :threads, :heartbeat_interval);

-- name: beat(id, memory_bytes, running, ids, fences, started_ats, dones, totals, phases)
-- One sign of life: the worker's own figures and its jobs' progress go in, what the ledger says of its jobs comes out.
with alive as (
    update workers
    set heartbeat_at = now(), memory_bytes = :memory_bytes, running = :running::integer, lost_at = null
    where id = :id::uuid
    returning quiet
), free as (
    -- A row that a job's own transaction holds is left for the next beat: a heartbeat that waits is no heartbeat.
    select id from jobs where id = any(:ids::uuid[]) for no key update skip locked
), reported as (
    update jobs
    set started_at = coalesce(p.started_at, jobs.started_at),
        progress_done = coalesce(p.done, jobs.progress_done),
        progress_total = case when p.done is null then jobs.progress_total else p.total end,
        progress_phase = case when p.done is null then jobs.progress_phase else p.phase end,
        progress_at = case when p.done is null then jobs.progress_at else now() end
    from unnest(:ids::uuid[], :fences::integer[], :started_ats::timestamptz[], :dones::bigint[], :totals::bigint[], :phases::text[])
        as p (id, fence, started_at, done, total, phase)
    join free using (id)
    where jobs.id = p.id and jobs.fence = p.fence and jobs.worker_id = :id::uuid and jobs.state = 'running'
)
select alive.quiet, jobs.id as job_id, jobs.fence, jobs.cancel_requested_at is not null as cancel_requested
from alive
left join jobs on jobs.worker_id = :id::uuid and jobs.state = 'running';

-- name: mark_stopping(id)!
-- Notes that a process takes no new work.
update workers set stopping_at = now() where id = :id;

-- name: mark_stopped(id)!
-- Notes that a process has ended in order.
update workers set stopped_at = now(), running = 0 where id = :id;

-- name: prune_workers(before)!
-- Forgets processes that ended, or fell silent, long ago.
delete from workers where heartbeat_at < :before::timestamptz;
