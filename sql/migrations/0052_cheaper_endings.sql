-- What the end of every attempt costs. PostgreSQL reads and plans the expression of a generated column anew for every
-- statement that touches what it is made of: a third of what it took to settle a job that never failed.

-- Written where an error is written (settle_jobs, rescue_jobs_of_silent_workers), and forgotten where the error is.
alter table jobs alter column fingerprint drop expression;

create or replace function settle_attempt(
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
        error_place = null, fingerprint = null,
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
