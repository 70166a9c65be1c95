-- A job's moves that happen for every job, each as one call that travels in one message: with its settings, or its commit.
-- depends: previous

-- Takes the announced jobs that nobody else holds and that no limit concerns; who is late finds nothing here. A worker's
-- first plans are made, and kept, while the table is next to empty: they would read all of it for every batch. Unless
-- `durable`, the commit does not wait for the disk.
create function claim_jobs(wanted uuid[], claimer uuid, limited_kinds text[], durable boolean)
returns table (
    id jobs.id%type, kind jobs.kind%type, queue jobs.queue%type, priority jobs.priority%type,
    arguments jobs.arguments%type, attempt jobs.attempt%type, max_attempts jobs.max_attempts%type,
    fence jobs.fence%type, scheduled_at jobs.scheduled_at%type, claimed_at jobs.claimed_at%type,
    rate_slot_at jobs.rate_slot_at%type, request_id jobs.request_id%type, tags jobs.tags%type, saved jobs.saved%type
)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    if not durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    return query
    with picked as (
        select jobs.id
        from jobs
        join queues on queues.name = jobs.queue
        where jobs.id = any(wanted) and jobs.state = 'available'
            and queues.paused_at is null and queues.concurrency_limit is null
            and jobs.kind <> all(limited_kinds)
        for no key update of jobs skip locked
    )
    update jobs
    set state = 'running', attempt = jobs.attempt + 1, fence = jobs.fence + 1, worker_id = claimer,
        claimed_at = clock_timestamp(), started_at = null, progress_done = null, progress_total = null,
        progress_phase = null, progress_at = null
    from picked
    where jobs.id = picked.id
    returning
        jobs.id, jobs.kind, jobs.queue, jobs.priority, jobs.arguments, jobs.attempt, jobs.max_attempts, jobs.fence,
        jobs.scheduled_at, jobs.claimed_at, jobs.rate_slot_at, jobs.request_id, jobs.tags, jobs.saved;
end
$$;

-- Ends one attempt inside the transaction that holds the job's own writes, and notes it among the attempts. Raises FF001
-- when the attempt was superseded, which undoes those writes with nothing for the client to forget. Cancellation wins
-- over another try. A row has a worker while it runs and only then (jobs_running_has_a_worker), so the worker says
-- enough; compared so that no plan begins with everything that the worker holds, nor with what it held until lately.
create function settle_attempt(
    held_job uuid, held_fence integer, held_by uuid, number integer, next_state text, how text,
    due timestamptz, burns boolean, began timestamptz, ended timestamptz, outcome_value jsonb, because text
) returns void language plpgsql as $$
declare
    settled record;
begin
    update jobs
    set state = case
            when cancel_requested_at is not null and next_state in ('retryable', 'scheduled', 'available')
                then 'cancelled'
            else next_state
        end,
        worker_id = null, started_at = began, result = outcome_value,
        attempt = attempt - case when burns then 0 else 1 end,
        snoozes = snoozes + case when how = 'snoozed' then 1 else 0 end,
        scheduled_at = coalesce(due, scheduled_at), rate_slot_at = null, error_class = null, error_message = null,
        finished_at = case
            when cancel_requested_at is not null or next_state in ('completed', 'discarded', 'cancelled') then ended
        end,
        prune_after = case
            when cancel_requested_at is not null or next_state in ('completed', 'discarded', 'cancelled')
                then ended + retain_for
        end
    where id = held_job and fence = held_fence and worker_id is not distinct from held_by
    returning state, claimed_at, old.scheduled_at as was_scheduled_at into settled;
    if not found then
        raise exception 'job % is no longer held by this attempt', held_job using errcode = 'FF001';
    end if;
    insert into job_attempts (
        job_id, fence, attempt, outcome, worker_id, scheduled_at, claimed_at, started_at, finished_at, reason
    )
    values (
        held_job, held_fence, number,
        case when settled.state = 'cancelled' and how <> 'done' then 'cancelled' else how end,
        held_by, settled.was_scheduled_at, settled.claimed_at, began, ended, because
    );
end
$$;

drop function refuse_superseded(uuid);

-- An attempt is noted by the statement that has just moved its job, so proving each one again tells nothing new and costs
-- a lock and a look-up a job. Attempts still go with their job.
alter table job_attempts drop constraint job_attempts_job_id_fkey;
alter table job_attempts add constraint job_attempts_job_id_fkey foreign key (job_id) references jobs (id) not enforced;

create function forget_attempts_of_deleted_jobs() returns trigger language plpgsql as $$
begin
    delete from job_attempts using deleted_jobs where job_attempts.job_id = deleted_jobs.id;
    return null;
end
$$;

create trigger jobs_take_their_attempts_along after delete on jobs referencing old table as deleted_jobs
for each statement execute function forget_attempts_of_deleted_jobs();
