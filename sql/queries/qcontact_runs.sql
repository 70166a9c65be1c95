-- name: begin_run(job_id, direction, scope, now)$
-- Begins the run of a job, or finds the one that an earlier attempt began.
insert into qcontact_sync_runs as r (job_id, direction, scope, started_at)
values (:job_id::uuid, :direction, :scope, :now::timestamptz)
on conflict (job_id) where job_id is not null do update set job_id = r.job_id
returning id;

-- name: add_to_run(run_id, processed, created, updated, unchanged, skipped, conflicts, failed)!
-- Adds what became of a batch to the counts of a run.
update qcontact_sync_runs
set
    processed = processed + :processed::integer,
    created = created + :created::integer,
    updated = updated + :updated::integer,
    unchanged = unchanged + :unchanged::integer,
    skipped = skipped + :skipped::integer,
    conflicts = conflicts + :conflicts::integer,
    failed = failed + :failed::integer
where id = :run_id;

-- name: finish_run(run_id, now)^
-- Ends a run and gives its counts.
update qcontact_sync_runs
set finished_at = coalesce(finished_at, :now::timestamptz)
where id = :run_id
returning
    id, job_id, direction, scope, started_at, finished_at, processed, created, updated, unchanged, skipped, conflicts,
    failed;

-- name: find_last_run()^
-- Finds from when to when the run lasted that began last of those that finished.
select
    started_at,
    finished_at
from qcontact_sync_runs
where finished_at is not null
order by started_at desc, id desc
limit 1;

-- name: list_failures_of_run(run_id, row_limit)
-- Reads what failed in a run, newest first.
select
    ticket_id,
    qcontact_ticket_id,
    sync_type,
    error_message,
    error_code,
    synced_at
from qcontact_sync_log
where run_id = :run_id::uuid and status = 'failed'
order by synced_at desc, id desc
limit :row_limit::bigint;

-- name: list_runs(job_id, after, row_limit)
-- Reads runs as the API shows them, newest first: their ids are in the order in which they began. Null narrows nothing.
-- Run it unprepared.
select
    id,
    job_id,
    direction,
    scope,
    started_at,
    finished_at,
    processed,
    created,
    updated,
    unchanged,
    skipped,
    conflicts,
    failed
from qcontact_sync_runs
where
    (:job_id::uuid is null or job_id = :job_id::uuid)
    and (:after::uuid is null or id < :after::uuid)
order by id desc
limit :row_limit::bigint;

-- name: find_last_sweep()^
-- Finds when the last reading of the whole list that ended had begun: what was said there by then is known here.
select started_at
from qcontact_sync_runs
where finished_at is not null and direction = 'inbound' and scope in ('full', 'recent')
order by started_at desc, id desc
limit 1;

-- name: forget_runs(before, row_limit)!
-- Forgets old runs, but never the last of each sort that ended: it tells until when the list was read.
delete from qcontact_sync_runs
where id in (
    select old.id
    from qcontact_sync_runs as old
    where
        old.started_at < :before::timestamptz
        and not (
            old.finished_at is not null
            and not exists (
                select
                from qcontact_sync_runs as later
                where
                    later.finished_at is not null
                    and (later.direction, later.scope) = (old.direction, old.scope)
                    and (later.started_at, later.id) > (old.started_at, old.id)
            )
        )
    order by old.started_at
    limit :row_limit::bigint
);
