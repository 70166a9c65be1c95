-- name: lock_job(id)^
-- Reads one job and keeps others from moving it until the transaction ends. Not `for update`: that would wait for a job
-- that is having children, whose foreign key shares its row.
select id, kind, queue, state, priority, attempt, max_attempts, cancel_requested_at
from jobs
where id = :id
for no key update;

-- name: find_job(id)^
-- Reads what running a job again starts from.
select id, kind, queue, state, priority, tags, arguments from jobs where id = :id;

-- name: retry_jobs(ids, now)
-- Makes finished or waiting jobs available at once; one whose attempts are used up gets one more.
update jobs
set state = 'available', scheduled_at = :now::timestamptz, finished_at = null, prune_after = null,
    cancel_requested_at = null, cancel_reason = null, rate_slot_at = null,
    max_attempts = greatest(max_attempts, attempt + 1)
where id = any(:ids::uuid[]) and state in ('discarded', 'cancelled', 'retryable', 'scheduled')
returning id, queue, priority;

-- name: cancel_jobs(ids, now, reason)
-- Cancels what has not started at once, and asks what runs to stop at its next checkpoint.
update jobs
set state = case when state = 'running' then 'running' else 'cancelled' end,
    cancel_requested_at = coalesce(cancel_requested_at, :now::timestamptz),
    cancel_reason = coalesce(cancel_reason, :reason::text),
    finished_at = case when state = 'running' then null else :now::timestamptz end,
    prune_after = case when state = 'running' then null else :now::timestamptz + retain_for end
where id = any(:ids::uuid[]) and state in ('scheduled', 'available', 'retryable', 'running')
returning id, state;

-- name: discard_jobs(ids, now, reason)
-- Gives up on jobs that have not started.
update jobs
set state = 'discarded', finished_at = :now::timestamptz, prune_after = :now::timestamptz + retain_for,
    error_class = coalesce(error_class, 'DiscardedByOperator'), error_message = coalesce(error_message, :reason::text)
where id = any(:ids::uuid[]) and state in ('scheduled', 'available', 'retryable')
returning id;

-- name: select_for_bulk(states, kind, queue, tag, error_text, created_before, fingerprint, after_id, up_to_id, how_many)
-- Reads the next jobs of a bulk action's frozen set, oldest first: nothing that came after it was asked for. Run
-- it unprepared.
select id
from jobs
where state = any(:states::text[])
    and (:kind::text is null or kind = :kind::text)
    and (:queue::text is null or queue = :queue::text)
    and (:tag::text is null or (tags @> array[:tag::text] and tags <> '{}'))
    and (:error_text::text is null or (error_class is not null and (
        strpos(lower(error_message), lower(:error_text::text)) > 0
        or strpos(lower(error_class), lower(:error_text::text)) > 0
    )))
    and (:created_before::timestamptz is null or created_at < :created_before::timestamptz)
    and (:fingerprint::uuid is null or fingerprint = :fingerprint::uuid)
    and (:after_id::uuid is null or id > :after_id::uuid)
    and id <= :up_to_id::uuid
order by id
limit :how_many;

-- name: count_for_bulk(states, kind, queue, tag, error_text, created_before, fingerprint, up_to_id, cap)^
-- Counts the jobs that a bulk action would concern, stopping at the cap; run it unprepared.
select count(*)
from (
    select from jobs
    where state = any(:states::text[])
        and (:kind::text is null or kind = :kind::text)
        and (:queue::text is null or queue = :queue::text)
        and (:tag::text is null or (tags @> array[:tag::text] and tags <> '{}'))
        and (:error_text::text is null or (error_class is not null and (
            strpos(lower(error_message), lower(:error_text::text)) > 0
            or strpos(lower(error_class), lower(:error_text::text)) > 0
        )))
        and (:created_before::timestamptz is null or created_at < :created_before::timestamptz)
        and (:fingerprint::uuid is null or fingerprint = :fingerprint::uuid)
        and id <= :up_to_id::uuid
    limit :cap::integer
) as concerned;

-- name: pause_queue(name, now, who, reason)$
-- Stops the claiming of a queue's jobs; what runs goes on.
update queues set paused_at = coalesce(paused_at, :now::timestamptz), paused_by = :who, pause_reason = :reason
where name = :name
returning name;

-- name: resume_queue(name)$
-- Lets a paused queue go on.
update queues set paused_at = null, paused_by = null, pause_reason = null where name = :name returning name;

-- name: limit_queue(name, concurrency_limit)$
-- Sets how many of a queue's jobs may run at once over all workers; null lifts the limit.
update queues set concurrency_limit = :concurrency_limit::integer where name = :name returning name;

-- name: get_schedule(name)^
-- Reads one declared schedule and keeps others from moving it until the transaction ends.
select * from schedules where name = :name and declared for update;

-- name: pause_schedule(name, until, who, reason)!
-- Drops a schedule's ticks until a moment.
update schedules
set paused_until = :until, paused_by = :who, pause_reason = :reason, updated_at = now()
where name = :name;

-- name: resume_schedule(name)!
-- Ends a schedule's pause.
update schedules set paused_until = null, paused_by = null, pause_reason = null, updated_at = now() where name = :name;

-- name: quiet_worker(id, quiet)$
-- Asks a worker process to take no new jobs, or to take them again.
update workers set quiet = :quiet where id = :id and stopped_at is null and role = 'worker' returning id;

-- name: insert_audit(id, now, actor_kind, actor_id, actor_name, action, target_type, target_id, reason, details, request_id)!
-- Writes down what an operator did, to what, and why.
insert into operator_audit (
    id, occurred_at, actor_kind, actor_id, actor_name, action, target_type, target_id, reason, details, request_id
)
values (
    :id, :now, :actor_kind, :actor_id::uuid, :actor_name, :action, :target_type, :target_id, :reason::text,
    :details::text::jsonb, :request_id::text
);
