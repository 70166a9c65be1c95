-- name: insert_job(id, kind, queue, state, priority, arguments, unique_key, tags, max_attempts, scheduled_at, retain_for, actor_kind, actor_id, actor_name, request_id, parent_id, schedule_name, fire_at, subject_types, subject_ids)$
-- Writes one job and its subjects down, unless an unfinished one holds its unique key or its tick; gives the id if it was new.
with inserted as (
    insert into jobs (
        id, kind, queue, state, priority, arguments, unique_key, tags, max_attempts, scheduled_at, retain_for,
        actor_kind, actor_id, actor_name, request_id, parent_id, schedule_name, fire_at
    )
    values (
        :id::uuid, :kind::text, :queue::text, :state::text, :priority::smallint, :arguments::text::jsonb, :unique_key::text,
        :tags::text[], :max_attempts::integer, :scheduled_at::timestamptz, :retain_for::interval, :actor_kind::text,
        :actor_id::uuid, :actor_name::text, :request_id::text, :parent_id::uuid, :schedule_name::text, :fire_at::timestamptz
    )
    on conflict do nothing
    returning id
), about as (
    insert into job_subjects (subject_type, subject_id, job_id)
    select distinct subject.subject_type, subject.subject_id, inserted.id
    from inserted, unnest(:subject_types::text[], :subject_ids::text[]) as subject (subject_type, subject_id)
)
select id from inserted;

-- name: insert_jobs(ids, kind, queue, state, priority, arguments, tags, max_attempts, scheduled_at, retain_for, actor_kind, actor_id, actor_name, request_id, parent_id)!
-- Writes many jobs of a kind without unique keys down in one statement. The arguments are a JSON array (an array of texts
-- costs the client twice as much).
insert into jobs (
    id, kind, queue, state, priority, arguments, tags, max_attempts, scheduled_at, retain_for,
    actor_kind, actor_id, actor_name, request_id, parent_id
)
select
    job.id, :kind::text, :queue::text, :state::text, :priority::smallint, job.arguments,
    :tags::text[], :max_attempts::integer, :scheduled_at::timestamptz, :retain_for::interval, :actor_kind::text,
    :actor_id::uuid, :actor_name::text, :request_id::text, :parent_id::uuid
from rows from (unnest(:ids::uuid[]), jsonb_array_elements(:arguments::text::jsonb)) as job (id, arguments);

-- name: insert_unique_jobs(ids, kind, queue, state, priority, arguments, unique_keys, tags, max_attempts, scheduled_at, retain_for, actor_kind, actor_id, actor_name, request_id, parent_id)
-- As insert_jobs, each job with its unique key; gives the ids of those that were new.
insert into jobs (
    id, kind, queue, state, priority, arguments, unique_key, tags, max_attempts, scheduled_at, retain_for,
    actor_kind, actor_id, actor_name, request_id, parent_id
)
select
    job.id, :kind::text, :queue::text, :state::text, :priority::smallint, job.arguments, job.unique_key,
    :tags::text[], :max_attempts::integer, :scheduled_at::timestamptz, :retain_for::interval, :actor_kind::text,
    :actor_id::uuid, :actor_name::text, :request_id::text, :parent_id::uuid
from rows from (
    unnest(:ids::uuid[]), jsonb_array_elements(:arguments::text::jsonb), unnest(:unique_keys::text[])
) as job (id, arguments, unique_key)
-- Two batches with keys in common wait for each other in the same order, so that neither waits for ever.
order by job.unique_key
on conflict do nothing
returning id;

-- name: insert_subjects(job_ids, subject_types, subject_ids)!
-- Notes what many jobs are about.
insert into job_subjects (subject_type, subject_id, job_id)
select subject_type, subject_id, job_id
from unnest(:job_ids::uuid[], :subject_types::text[], :subject_ids::text[]) as subject (job_id, subject_type, subject_id)
on conflict do nothing;

-- name: find_unfinished_by_keys(kind, unique_keys)
-- Finds the unfinished jobs that hold the given unique keys of a kind.
select id, unique_key
from jobs
where kind = :kind and unique_key = any(:unique_keys::text[])
    and state in ('scheduled', 'available', 'running', 'retryable');

-- name: find_tick(schedule_name, fire_at)$
-- Finds the job of one tick of a schedule.
select id from jobs where schedule_name = :schedule_name and fire_at = :fire_at::timestamptz;

-- name: claim_jobs(ids, worker_id, limited_kinds, durable)
-- Takes the announced jobs that nobody else holds and that no limit concerns; who is late finds nothing here.
select * from claim_jobs(:ids::uuid[], :worker_id::uuid, :limited_kinds::text[], :durable::boolean);

-- name: limits_of(ids, limited_kinds)
-- Names the limits that concern the given available jobs: of their kind and of their queue.
select distinct limit_name.name
from jobs
join queues on queues.name = jobs.queue
cross join lateral (
    values
        (case when jobs.kind = any(:limited_kinds::text[]) then 'kind:' || jobs.kind end),
        (case when queues.concurrency_limit is not null then 'queue:' || jobs.queue end)
) as limit_name (name)
where jobs.id = any(:ids::uuid[]) and jobs.state = 'available' and limit_name.name is not null;

-- name: lock_limits(names)
-- Lets one claimer at a time count what runs under the named limits (a transaction's lock: safe behind a pooler).
select pg_advisory_xact_lock(hashtextextended('fibreflow limit ' || name, 0))
from (select unnest(:names::text[]) as name order by 1) as limits;

-- name: claim_limited_jobs(ids, worker_id, limited_kinds, kind_limits)
-- Takes as many of the announced jobs as the limits of their kind and queue leave free, oldest and most urgent first.
with kind_limit as (
    select * from unnest(:limited_kinds::text[], :kind_limits::integer[]) as k (kind, allowed)
), candidate as (
    select
        jobs.id, jobs.kind, jobs.queue, queues.concurrency_limit as queue_allowed, kind_limit.allowed as kind_allowed,
        row_number() over (partition by jobs.kind order by jobs.priority, jobs.id) as place_in_kind,
        row_number() over (partition by jobs.queue order by jobs.priority, jobs.id) as place_in_queue
    from jobs
    join queues on queues.name = jobs.queue
    left join kind_limit on kind_limit.kind = jobs.kind
    where jobs.id = any(:ids::uuid[]) and jobs.state = 'available' and queues.paused_at is null
), running_kind as (
    select kind, count(*) as running from jobs
    where state = 'running' and kind in (select kind from candidate) group by kind
), running_queue as (
    select queue, count(*) as running from jobs
    where state = 'running' and queue in (select queue from candidate) group by queue
), allowed as (
    select candidate.id
    from candidate
    left join running_kind using (kind)
    left join running_queue using (queue)
    where (kind_allowed is null or place_in_kind <= kind_allowed - coalesce(running_kind.running, 0))
        and (queue_allowed is null or place_in_queue <= queue_allowed - coalesce(running_queue.running, 0))
), picked as (
    select jobs.id from jobs join allowed using (id) where jobs.state = 'available' for no key update of jobs skip locked
)
update jobs
set state = 'running', attempt = jobs.attempt + 1, fence = jobs.fence + 1, worker_id = :worker_id::uuid,
    claimed_at = clock_timestamp(), started_at = null, progress_done = null, progress_total = null, progress_phase = null,
    progress_at = null
from picked
where jobs.id = picked.id
returning
    jobs.id, jobs.kind, jobs.queue, jobs.priority, jobs.arguments, jobs.attempt, jobs.max_attempts, jobs.fence,
    jobs.scheduled_at, jobs.claimed_at, jobs.rate_slot_at, jobs.request_id, jobs.tags, jobs.saved;

-- name: find_claims(worker_id, ids, fences)
-- Reads what a worker holds of the given attempts.
select
    jobs.id, jobs.kind, jobs.queue, jobs.priority, jobs.arguments, jobs.attempt, jobs.max_attempts, jobs.fence,
    jobs.scheduled_at, jobs.claimed_at, jobs.rate_slot_at, jobs.request_id, jobs.tags, jobs.saved
from jobs
join unnest(:ids::uuid[], :fences::integer[]) as held (id, fence) using (id, fence)
where jobs.worker_id = :worker_id::uuid and jobs.state = 'running';

-- name: hold_fence(id, fence, worker_id)$
-- Holds the job's row for an intermediate transaction of its attempt; gives nothing when the attempt was superseded.
select true
from jobs
where id = :id and fence = :fence and worker_id = :worker_id::uuid and state = 'running'
for no key update;

-- name: save_state(id, fence, saved)!
-- Keeps what a later attempt needs to go on from here; part of an intermediate transaction that holds the fence.
update jobs set saved = :saved::text::jsonb where id = :id and fence = :fence;

-- name: settle_jobs(worker_id, ids, fences, attempts, states, outcomes, scheduled_ats, burned, started_ats, finished_ats, results, reasons, error_classes, error_messages, error_traces, error_places)
-- Ends many attempts in one statement; gives those that were still held. Cancellation wins over another try.
-- As for the comparison of the worker, see settle_attempt.
with ended as (
    select *
    from unnest(
        :ids::uuid[], :fences::integer[], :attempts::integer[], :states::text[], :outcomes::text[],
        :scheduled_ats::timestamptz[], :burned::boolean[], :started_ats::timestamptz[], :finished_ats::timestamptz[],
        :results::text[], :reasons::text[], :error_classes::text[], :error_messages::text[], :error_traces::text[],
        :error_places::text[]
    ) as e (
        id, fence, attempt, state, outcome, scheduled_at, burned, started_at, finished_at, result, reason,
        error_class, error_message, error_trace, error_place
    )
), settled as (
    update jobs
    set state = case
            when cancel_requested_at is not null and ended.state in ('retryable', 'scheduled', 'available')
                then 'cancelled'
            else ended.state
        end,
        worker_id = null, started_at = ended.started_at, result = ended.result::jsonb,
        attempt = jobs.attempt - case when ended.burned then 0 else 1 end,
        snoozes = jobs.snoozes + case when ended.outcome = 'snoozed' then 1 else 0 end,
        scheduled_at = coalesce(ended.scheduled_at, jobs.scheduled_at),
        rate_slot_at = case when ended.started_at is null then jobs.rate_slot_at end,
        error_class = ended.error_class, error_message = ended.error_message, error_place = ended.error_place,
        fingerprint = failure_fingerprint(jobs.kind, ended.error_class, ended.error_place, ended.error_message),
        failed_at = case when ended.error_class is null then jobs.failed_at else ended.finished_at end,
        finished_at = case
            when cancel_requested_at is not null or ended.state in ('completed', 'discarded', 'cancelled')
                then ended.finished_at
        end,
        prune_after = case
            when cancel_requested_at is not null or ended.state in ('completed', 'discarded', 'cancelled')
                then ended.finished_at + jobs.retain_for
        end
    from ended
    where jobs.id = ended.id and jobs.fence = ended.fence and jobs.worker_id is not distinct from :worker_id::uuid
    returning
        jobs.id, jobs.fence, jobs.state, jobs.queue, jobs.priority, jobs.claimed_at,
        old.scheduled_at as was_scheduled_at, ended.attempt, ended.outcome, ended.started_at, ended.finished_at,
        ended.reason, ended.error_class, ended.error_message, ended.error_trace
), recorded as (
    insert into job_attempts (
        job_id, fence, attempt, outcome, worker_id, scheduled_at, claimed_at, started_at, finished_at,
        reason, error_class, error_message, error_trace
    )
    select
        id, fence, attempt, case when state = 'cancelled' and outcome <> 'done' then 'cancelled' else outcome end,
        :worker_id::uuid, was_scheduled_at, claimed_at, started_at, finished_at,
        reason, error_class, error_message, error_trace
    from settled
)
select id, fence, state, queue, priority from settled;

-- name: keep_progress(ids, fences, dones, totals, phases)!
-- Keeps the last progress of attempts that are about to be settled.
update jobs
set progress_done = p.done, progress_total = p.total, progress_phase = p.phase, progress_at = now()
from unnest(:ids::uuid[], :fences::integer[], :dones::bigint[], :totals::bigint[], :phases::text[])
    as p (id, fence, done, total, phase)
where jobs.id = p.id and jobs.fence = p.fence and jobs.state = 'running';

-- name: insert_log_lines(ids, fences, lines, logged_ats, messages, fields)!
-- Keeps log lines of attempts; a line that was kept before stays as it was.
insert into job_log_lines (job_id, fence, line, logged_at, message, fields)
select l.job_id, l.fence, l.line, l.logged_at, l.message, l.fields::jsonb
from unnest(:ids::uuid[], :fences::integer[], :lines::integer[], :logged_ats::timestamptz[], :messages::text[], :fields::text[])
    as l (job_id, fence, line, logged_at, message, fields)
where exists (select from jobs where jobs.id = l.job_id)
on conflict do nothing;

-- name: promote_due_jobs(now, how_many)
-- Makes the jobs available whose time has come.
with due as (
    select id from jobs
    where state in ('scheduled', 'retryable') and scheduled_at <= :now::timestamptz
    order by scheduled_at
    limit :how_many
    for no key update skip locked
)
update jobs set state = 'available' from due where jobs.id = due.id
returning jobs.id, jobs.queue, jobs.priority;

-- name: head_of_queue(queue, limited_kinds, kind_limits, how_many)
-- Reads the jobs that a queue would run next, most urgent first, leaving out what its limits hold back; nothing for a
-- paused queue. At most so many, and besides them what each limited kind has room for: a deep queue of others must not
-- hide those.
with place as (
    select
        case
            when queues.paused_at is not null then 0
            when queues.concurrency_limit is null then :how_many::bigint
            else greatest(queues.concurrency_limit - (
                select count(*) from jobs where jobs.queue = :queue and jobs.state = 'running'
            ), 0)
        end as free
    from queues
    where queues.name = :queue
), head as (
    select id, kind, priority from jobs
    where queue = :queue and state = 'available' and kind <> all(:limited_kinds::text[])
    order by priority, id
    limit least((select free from place), :how_many)
), limited_head as (
    select next_of_kind.id, next_of_kind.kind, next_of_kind.priority
    from unnest(:limited_kinds::text[], :kind_limits::integer[]) as k (kind, allowed)
    cross join lateral (
        select id, kind, priority from jobs
        where jobs.queue = :queue and jobs.state = 'available' and jobs.kind = k.kind
        order by jobs.priority, jobs.id
        limit greatest(k.allowed - (
            select count(*) from jobs as r where r.kind = k.kind and r.state = 'running'
        ), 0)
    ) as next_of_kind
)
select id, priority
from (
    select id, priority from head
    union all
    select id, priority from limited_head where (select free from place) > 0
) as next_jobs
order by priority, id;

-- name: queues_with_work()
-- Names the queues in which something waits.
select name
from queues
where paused_at is null
    and exists (select from jobs where jobs.queue = queues.name and jobs.state = 'available')
order by name;

-- name: rescue_jobs_of_silent_workers(lost_after, now)
-- Puts back what silent workers held: another try while attempts are left, else discarded; a requested cancel wins.
with silent as (
    -- Nobody could give a sign of life to a server that was not there.
    select id from workers
    where stopped_at is null and heartbeat_at < now() - :lost_after::interval
        and pg_postmaster_start_time() < now() - :lost_after::interval
), marked as (
    update workers set lost_at = now() where lost_at is null and id in (select id from silent)
), held as (
    -- Not `for update`: that would pass over a job that is having children, whose foreign key shares its row.
    select jobs.*
    from jobs
    where state = 'running'
        and (worker_id in (select id from silent)
            or not exists (select from workers where workers.id = jobs.worker_id and workers.stopped_at is null))
    for no key update skip locked
), rescued as (
    update jobs
    set state = case
            when held.cancel_requested_at is not null then 'cancelled'
            when held.attempt < held.max_attempts then 'available'
            else 'discarded'
        end,
        worker_id = null, error_class = 'WorkerLost', error_message = 'The worker that ran this job stopped answering',
        error_place = null, failed_at = :now::timestamptz,
        fingerprint = failure_fingerprint(
            jobs.kind, 'WorkerLost', null, 'The worker that ran this job stopped answering'
        ),
        finished_at = case
            when held.cancel_requested_at is not null or held.attempt >= held.max_attempts then :now::timestamptz
        end,
        prune_after = case
            when held.cancel_requested_at is not null or held.attempt >= held.max_attempts
                then :now::timestamptz + held.retain_for
        end
    from held
    where jobs.id = held.id
    returning jobs.id, jobs.queue, jobs.priority, jobs.state, held.worker_id
), recorded as (
    insert into job_attempts (
        job_id, fence, attempt, outcome, worker_id, scheduled_at, claimed_at, started_at, finished_at,
        reason, error_class, error_message
    )
    select
        id, fence, attempt, 'lost', worker_id, scheduled_at, claimed_at, started_at, :now::timestamptz,
        'worker lost', 'WorkerLost', 'The worker that ran this job stopped answering'
    from held
)
select id, queue, priority, state, worker_id from rescued;

-- name: prune_jobs(now, how_many)!
-- Deletes finished jobs past their retention, with their attempts, log lines and subjects.
delete from jobs
where id in (
    select id from jobs where prune_after < :now::timestamptz order by prune_after limit :how_many for update skip locked
);

-- name: reserve_rate_slots(kind, now, spacing, how_many)
-- Books the next starts of a rate-limited kind, `spacing` apart.
with booked as (
    insert into rate_limits as r (kind, next_slot_at)
    values (:kind::text, :now::timestamptz + :spacing::interval * :how_many::integer)
    on conflict (kind) do update
    set next_slot_at = greatest(r.next_slot_at, :now::timestamptz) + :spacing::interval * :how_many::integer
    returning next_slot_at
)
select next_slot_at - :spacing::interval * (:how_many::integer - n + 1) as slot_at
from booked, generate_series(1, :how_many::integer) as n
order by n;

-- name: keep_rate_slots(ids, fences, slots)!
-- Notes on snoozed jobs which start was booked for them, so that their next claim need not book again.
update jobs set rate_slot_at = booked.slot_at
from unnest(:ids::uuid[], :fences::integer[], :slots::timestamptz[]) as booked (id, fence, slot_at)
where jobs.id = booked.id and jobs.fence = booked.fence;
