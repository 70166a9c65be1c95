-- What the CRM may yet have to be told is found among the few cases that may have something to say, not among all that
-- were ever linked. A case that ended on both sides is in none of these indexes.
create index qcontact_cases_not_over_idx on qcontact_cases (ticket_id)
where agreed_status is null or agreed_status not in ('closed', 'cancelled');
create index qcontact_cases_sending_idx on qcontact_cases (ticket_id) where sending <> '{}';
create index qcontact_conflicts_ours_idx on qcontact_conflicts (ticket_id) where field = 'status' and status = 'ours';
-- Counted whenever somebody looks at how the sync does.
create index qcontact_cases_unread_idx on qcontact_cases (case_id) where read_at is null;
create index qcontact_cases_missing_idx on qcontact_cases (ticket_id) where missing_since is not null;

-- What the case said before the first of what is on its way was sent: a reading may show ours there before the push
-- that wrote it ends, and what ours replaced then is no news.
alter table qcontact_cases
add column sending_over text,
add constraint qcontact_cases_sending_over_something check (sending_over is null or sending <> '{}');

-- As it was, but for what is on its way: what was sent, and nobody saw arrive, may stand there or not. So it says no pair
-- that agrees, and a status is owed, until somebody has looked there.
drop view qcontact_outbound;
create view qcontact_outbound as
select
    facts.*,
    (facts.status_moved or facts.sending <> '{}') and not facts.status_in_conflict as may_owe_status,
    facts.wanted_assignee is distinct from facts.pushed_assigned_to
    and facts.wanted_assignee is distinct from facts.their_assigned_to
    and facts.status not in ('closed', 'cancelled') as owes_assignment
from (
    select
        t.id as ticket_id,
        c.case_id,
        t.status,
        c.their_status,
        c.their_assigned_to,
        c.sending,
        c.sending_over,
        c.pushed_assigned_to,
        -- What was read since lifts it, unless it still says that the case is closed.
        case when c.read_at > c.push_blocked_at and lower(c.their_status) <> 'closed' then null
            else c.push_blocked_reason
        end as blocked_reason,
        t.status || ':' || case when c.sending = '{}'
            then lower(regexp_replace(coalesce(c.their_status, ''), '[\W_]+', '', 'g')) else ''
        end as says,
        t.status <> coalesce(c.agreed_status, 'open') or exists (
            select 1
            from qcontact_conflicts as q
            where
                q.ticket_id = t.id and q.field = 'status' and q.status = 'ours'
                and q.resolved_at > coalesce(greatest(c.agreed_at, c.pushed_at), '-infinity')
        ) as status_moved,
        exists (
            select 1 from qcontact_conflicts as q
            where q.ticket_id = t.id and q.field = 'status' and q.status = 'open'
        ) as status_in_conflict,
        coalesce(
            (select a.qcontact_id from qcontact_assignees as a where a.user_id = t.assigned_to),
            (select a.qcontact_id from qcontact_assignees as a where a.contractor_id = t.assigned_contractor_id),
            (select a.qcontact_id from qcontact_assignees as a where a.team_id = t.assigned_team_id)
        ) as wanted_assignee,
        exists (
            select 1
            from ticket_notes as n
            where
                n.ticket_id = t.id and n.visibility = 'public' and n.deleted_at is null
                and not exists (
                    select 1 from qcontact_pushed_notes as p where p.note_id = n.id and p.pushed_at is not null
                )
        ) as owes_note
    from qcontact_cases as c
    inner join tickets as t on c.ticket_id = t.id
) as facts;

-- Every ticket that owes its case something is one of these; not each of these does. An end on which both sides agreed
-- is the ticket's own, and final: where the ticket differs from it, a person chose ours.
create view qcontact_may_owe as
select c.ticket_id
from qcontact_cases as c
where (c.agreed_status is null or c.agreed_status not in ('closed', 'cancelled')) and c.ticket_id is not null
union
select c.ticket_id
from qcontact_cases as c
where c.sending <> '{}' and c.ticket_id is not null
union
select q.ticket_id
from qcontact_conflicts as q
where q.field = 'status' and q.status = 'ours'
union
select n.ticket_id
from ticket_notes as n
where
    n.visibility = 'public' and n.deleted_at is null
    and not exists (select 1 from qcontact_pushed_notes as p where p.note_id = n.id and p.pushed_at is not null);
