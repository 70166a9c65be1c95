-- name: choose_tickets(status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, row_limit)
-- Finds the tickets that a bulk action's filter means now. Every filter may be null; run it unprepared.
select t.id
from tickets as t
where
    (:status::text is null or t.status = :status::text)
    and (:ticket_type::text is null or t.ticket_type = :ticket_type::text)
    and (:priority::text is null or t.priority = :priority::text)
    and (:source::text is null or t.source = :source::text)
    and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
    and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (:dr_number::text is null or t.dr_number = :dr_number::text)
    and (:qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
    and (:sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
limit :row_limit::bigint;

-- name: insert_bulk_action(id, action, changes, chosen_by, asked_by, ticket_ids, now)!
-- Writes down what is to be done, and to which tickets: from now on their number does not change.
with asked as (
    insert into bulk_actions (id, action, changes, chosen_by, asked_by, total, created_at)
    values (
        :id::uuid, :action, :changes::text::jsonb, :chosen_by::text::jsonb, :asked_by::text::jsonb,
        cardinality(:ticket_ids::uuid []), :now::timestamptz
    )
    returning id
)

insert into bulk_action_tickets (bulk_action_id, ticket_id)
select
    asked.id,
    chosen.ticket_id
from asked
cross join unnest(:ticket_ids::uuid []) as chosen (ticket_id);

-- name: get_bulk_action(id)^
-- Reads what was asked for, by whom, how far it is, and the job that does it while the ledger remembers that: of several
-- (it was run again) the one that is unfinished, or else the one that finished last.
select
    b.id,
    b.action,
    b.changes,
    b.chosen_by,
    b.asked_by,
    b.total,
    b.created_at,
    counted.done,
    counted.unchanged,
    counted.refused,
    job.id as job_id,
    job.state as job_state,
    job.cancel_requested_at is not null as cancel_requested
from bulk_actions as b
cross join lateral (
    select
        count(*) filter (where outcome = 'done') as done,
        count(*) filter (where outcome = 'unchanged') as unchanged,
        count(*) filter (where outcome = 'refused') as refused
    from bulk_action_tickets
    where bulk_action_id = b.id
) as counted
left join lateral (
    select
        j.id,
        j.state,
        j.cancel_requested_at
    from job_subjects as subject
    inner join jobs as j on subject.job_id = j.id
    where subject.subject_type = 'bulk_action' and subject.subject_id = b.id::text
    order by j.finished_at desc nulls first, j.id desc
    limit 1
) as job on true
where b.id = :id;

-- name: list_bulk_actions(before_id, row_limit)
-- Lists bulk actions, newest first.
select
    b.id,
    b.action,
    b.changes,
    b.chosen_by,
    b.asked_by,
    b.total,
    b.created_at
from bulk_actions as b
where :before_id::uuid is null or b.id < :before_id::uuid
order by b.id desc
limit :row_limit::bigint;

-- name: list_bulk_results(bulk_action_id, outcome, waiting, after_id, row_limit)
-- Reads what became of each ticket of a bulk action. The filters may be null; run it unprepared.
select
    r.ticket_id,
    t.ticket_uid,
    t.title,
    t.status,
    coalesce(r.outcome, 'waiting') as outcome,
    r.code,
    r.message,
    r.details,
    r.settled_at
from bulk_action_tickets as r
left join tickets as t on r.ticket_id = t.id
where
    r.bulk_action_id = :bulk_action_id
    and (:outcome::text is null or r.outcome = :outcome::text)
    and (:waiting::boolean is null or r.outcome is null)
    and (:after_id::uuid is null or r.ticket_id > :after_id::uuid)
order by r.ticket_id
limit :row_limit::bigint;

-- name: take_waiting(bulk_action_id, how_many)
-- Takes the next tickets whose turn has not come, and the tickets themselves, in the one order that everybody has who
-- takes several. An id that no ticket has comes without a version.
with waiting as (
    select ticket_id
    from bulk_action_tickets
    where bulk_action_id = :bulk_action_id and outcome is null
    order by ticket_id
    limit :how_many::bigint
    for update
),

taken as (
    select
        id,
        updated_at
    from tickets
    where id in (select ticket_id from waiting)
    order by id
    for update
)

select
    waiting.ticket_id,
    taken.updated_at
from waiting
left join taken on waiting.ticket_id = taken.id
order by waiting.ticket_id;

-- name: settle_tickets(bulk_action_id, ticket_ids, outcomes, codes, messages, details, now)!
-- Writes down what became of tickets that were taken.
update bulk_action_tickets as r
set
    outcome = settled.outcome,
    code = settled.code,
    message = settled.message,
    details = settled.details::jsonb,
    settled_at = :now::timestamptz
from
    unnest(:ticket_ids::uuid [], :outcomes::text [], :codes::text [], :messages::text [], :details::text [])
    as settled (ticket_id, outcome, code, message, details)
where r.bulk_action_id = :bulk_action_id and r.ticket_id = settled.ticket_id;
