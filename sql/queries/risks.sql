-- name: get_open_steps(ticket_id)$
-- Reads the verification steps of a ticket that are not complete.
select
    array(
        select type.step_number
        from verification_step_types as type
        left join verification_steps as step
            on type.step_number = step.step_number and step.ticket_id = :ticket_id
        where step.is_complete is not true
        order by type.step_number
    ) as open_steps;

-- name: insert_risk(ticket_id, risk_type, risk_description, conditions, outstanding_steps, covers_handover, risk_expiry_date, requires_followup, followup_date, accepted_by, now)$
-- Accepts a risk on a locked ticket.
insert into qa_risk_acceptances (
    ticket_id, risk_type, risk_description, conditions, outstanding_steps, covers_handover, risk_expiry_date,
    requires_followup, followup_date, accepted_by, accepted_at, created_at, updated_at
)
values (
    :ticket_id, :risk_type, :risk_description, :conditions::text, :outstanding_steps::smallint [], :covers_handover,
    :risk_expiry_date::timestamptz, :requires_followup, :followup_date::timestamptz, :accepted_by::uuid,
    :now::timestamptz, :now::timestamptz, :now::timestamptz
)
returning id;

-- name: find_ticket_of_risk(risk_id)$
-- Finds the ticket that a risk was accepted on: the ticket is locked before the risk, by everybody.
select ticket_id
from qa_risk_acceptances
where id = :risk_id;

-- name: lock_risk(risk_id)$
-- Takes a risk acceptance for changing and reads its status.
select status
from qa_risk_acceptances
where id = :risk_id
for update;

-- name: resolve_risk(risk_id, resolved_by, resolution_notes, now)!
-- Resolves a locked risk acceptance. Another process's clock may have been ahead when it was accepted.
update qa_risk_acceptances
set
    status = 'resolved',
    resolved_at = greatest(:now::timestamptz, accepted_at),
    resolved_by = :resolved_by::uuid,
    resolution_notes = :resolution_notes,
    updated_at = :now::timestamptz
where id = :risk_id;

-- name: list_risks(risk_id, ranks, ticket_id, project, expires_from, expires_before, see_all, see_user, see_contractor, see_teams, after_rank, after_expiry, after_at, after_id, row_limit, row_skip)
-- Reads risk acceptances as the API shows them, what needs attention first. Every filter may be null; run it
-- unprepared.
select
    r.id,
    r.ticket_id,
    t.ticket_uid,
    t.title as ticket_title,
    p.name as project_name,
    r.risk_type,
    r.risk_description,
    r.conditions,
    r.outstanding_steps,
    r.covers_handover,
    r.risk_expiry_date,
    r.requires_followup,
    r.followup_date,
    r.status,
    r.resolved_at,
    r.resolved_by,
    r.resolution_notes,
    r.accepted_by,
    r.accepted_at,
    r.created_at
from qa_risk_acceptances as r
inner join tickets as t on r.ticket_id = t.id
left join projects as p on t.project_id = p.id
where
    (:risk_id::uuid is null or r.id = :risk_id::uuid)
    and (:ranks::smallint [] is null or risk_rank(r.status) = any(:ranks::smallint []))
    and (:ticket_id::uuid is null or r.ticket_id = :ticket_id::uuid)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (
        :expires_before::timestamptz is null
        or (
            coalesce(r.risk_expiry_date, 'infinity'::timestamptz) >= :expires_from::timestamptz
            and coalesce(r.risk_expiry_date, 'infinity'::timestamptz) < :expires_before::timestamptz
        )
    )
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (
        :after_rank::smallint is null
        or (
            (risk_rank(r.status), coalesce(r.risk_expiry_date, 'infinity'::timestamptz))
            >= (:after_rank::smallint, coalesce(:after_expiry::timestamptz, 'infinity'::timestamptz))
            and (
                (risk_rank(r.status), coalesce(r.risk_expiry_date, 'infinity'::timestamptz))
                > (:after_rank::smallint, coalesce(:after_expiry::timestamptz, 'infinity'::timestamptz))
                or (r.created_at, r.id) < (:after_at::timestamptz, :after_id::uuid)
            )
        )
    )
order by
    risk_rank(r.status), coalesce(r.risk_expiry_date, 'infinity'::timestamptz), r.created_at desc, r.id desc
limit :row_limit::bigint offset :row_skip::bigint;

-- name: count_risks(ticket_id, project, expires_from, expires_before, see_all, see_user, see_contractor, see_teams, most)
-- Counts the risk acceptances of each status that list_risks would list, none further than `most`.
select
    known.status,
    counted.count
from unnest(array['active', 'resolved', 'expired', 'escalated']) as known (status)
cross join lateral (
    select count(*) as count
    from (
        select 1
        from qa_risk_acceptances as r
        inner join tickets as t on r.ticket_id = t.id
        where
            risk_rank(r.status) = risk_rank(known.status)
            and (:ticket_id::uuid is null or r.ticket_id = :ticket_id::uuid)
            and (:project::uuid is null or t.project_id = :project::uuid)
            and (
                :expires_before::timestamptz is null
                or (
                    coalesce(r.risk_expiry_date, 'infinity'::timestamptz) >= :expires_from::timestamptz
                    and coalesce(r.risk_expiry_date, 'infinity'::timestamptz) < :expires_before::timestamptz
                )
            )
            and (
                :see_all::boolean
                or t.assigned_to = :see_user::uuid
                or t.assigned_contractor_id = :see_contractor::uuid
                or t.assigned_team_id = any(:see_teams::uuid [])
            )
        limit :most::bigint
    ) as found
) as counted;

-- name: warn_risks(now, within_7_days, within_1_day, most)
-- Marks active risks as warned that run out soon: each once for 7 days and once for 1 day. Tickets are locked first and
-- in one order, as everybody does who changes a risk. The risk is locked too: one that was resolved meanwhile is seen to
-- be, and the next takes its place, so that only the last batch is not full. The same holds for the two that follow.
with due as (
    select
        r.id,
        t.ticket_uid
    from qa_risk_acceptances as r
    inner join tickets as t on r.ticket_id = t.id
    where
        r.status = 'active'
        and t.status <> 'cancelled'
        and r.risk_expiry_date > :now::timestamptz
        and r.risk_expiry_date < :within_7_days::timestamptz
        and (
            r.warned_7_days_at is null
            or (r.warned_1_day_at is null and r.risk_expiry_date < :within_1_day::timestamptz)
        )
    order by r.ticket_id, r.id
    limit :most::bigint
    for no key update of t, r
)

update qa_risk_acceptances as r
set
    warned_7_days_at = coalesce(r.warned_7_days_at, :now::timestamptz),
    warned_1_day_at = case when r.risk_expiry_date < :within_1_day::timestamptz then :now::timestamptz end,
    updated_at = :now::timestamptz
from due
where
    r.id = due.id
    and r.status = 'active'
    and (
        r.warned_7_days_at is null
        or (r.warned_1_day_at is null and r.risk_expiry_date < :within_1_day::timestamptz)
    )
returning
    r.id as risk_id,
    r.ticket_id,
    due.ticket_uid,
    r.risk_type,
    r.risk_description,
    r.risk_expiry_date,
    r.accepted_by;

-- name: expire_risks(now, most)
-- Expires active risks whose time has passed. Tickets are locked first, so no approval or closing rests on one
-- meanwhile.
with due as (
    select
        r.id,
        t.ticket_uid
    from qa_risk_acceptances as r
    inner join tickets as t on r.ticket_id = t.id
    where r.status = 'active' and r.risk_expiry_date <= :now::timestamptz
    order by r.ticket_id, r.id
    limit :most::bigint
    for no key update of t, r
)

update qa_risk_acceptances as r
set
    status = 'expired',
    expired_at = :now::timestamptz,
    updated_at = :now::timestamptz
from due
where r.id = due.id and r.status = 'active'
returning
    r.id as risk_id,
    r.ticket_id,
    due.ticket_uid,
    r.risk_type,
    r.risk_description,
    r.risk_expiry_date,
    r.accepted_by;

-- name: escalate_risks(now, expired_before, most)
-- Escalates risks that expired before a moment and were not resolved; a cancelled ticket has nobody to act on one.
with due as (
    select
        r.id,
        t.ticket_uid
    from qa_risk_acceptances as r
    inner join tickets as t on r.ticket_id = t.id
    where r.status = 'expired' and r.expired_at < :expired_before::timestamptz and t.status <> 'cancelled'
    order by r.ticket_id, r.id
    limit :most::bigint
    for no key update of t, r
)

update qa_risk_acceptances as r
set
    status = 'escalated',
    escalated_at = :now::timestamptz,
    updated_at = :now::timestamptz
from due
where r.id = due.id and r.status = 'expired'
returning
    r.id as risk_id,
    r.ticket_id,
    due.ticket_uid,
    r.risk_type,
    r.risk_description,
    r.risk_expiry_date,
    r.conditions,
    r.accepted_by;

-- name: insert_escalation_notes(ticket_ids, contents, author_name, now)!
-- Leaves a note on each ticket of an escalated risk.
insert into ticket_notes (ticket_id, content, note_type, visibility, author_name, created_at, updated_at)
select
    note.ticket_id,
    note.content,
    'system',
    'private',
    :author_name,
    :now::timestamptz,
    :now::timestamptz
from unnest(:ticket_ids::uuid [], :contents::text []) as note (ticket_id, content);
