-- What is written back into the CRM's cases: what is on its way, which notes were told, and who of ours is who there.
-- depends: previous

alter table qcontact_cases
-- Statuses that were sent, or were about to be, and of which no end is recorded yet: found there, they are ours.
add column sending text [] not null default '{}',
-- The record id to whom we assigned the case last.
add column pushed_assigned_to text,
add column push_blocked_at timestamptz,
add constraint qcontact_cases_pushed_assigned_to_format check (pushed_assigned_to ~ '^[0-9]{1,19}$'),
add constraint qcontact_cases_blocked_has_time check ((push_blocked_reason is null) = (push_blocked_at is null));

create table qcontact_pushed_notes (
    note_id uuid not null,
    ticket_id uuid not null,
    case_id text not null,
    -- As a note there, or as a marked line of the description; unknown until it is known to have arrived.
    how text,
    begun_at timestamptz not null,
    pushed_at timestamptz,
    constraint qcontact_pushed_notes_pkey primary key (note_id),
    constraint qcontact_pushed_notes_note_id_fkey foreign key (note_id) references ticket_notes (id),
    constraint qcontact_pushed_notes_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qcontact_pushed_notes_how_known check (how in ('note', 'description')),
    constraint qcontact_pushed_notes_pushed_somehow check ((how is null) = (pushed_at is null))
);
create index qcontact_pushed_notes_ticket_id_idx on qcontact_pushed_notes (ticket_id);
-- Of the many notes only those that may be told are looked for.
create index ticket_notes_public_idx on ticket_notes (ticket_id) where visibility = 'public' and deleted_at is null;

-- Whose record there belongs to a person, a company or a team of ours: assignments of others stay in the house.
create table qcontact_assignees (
    id uuid not null default uuidv7(),
    user_id uuid,
    contractor_id uuid,
    team_id uuid,
    qcontact_id text not null,
    set_at timestamptz not null default now(),
    set_by_name text not null,
    constraint qcontact_assignees_pkey primary key (id),
    constraint qcontact_assignees_user_id_key unique (user_id),
    constraint qcontact_assignees_contractor_id_key unique (contractor_id),
    constraint qcontact_assignees_team_id_key unique (team_id),
    constraint qcontact_assignees_user_id_fkey foreign key (user_id) references users (id),
    constraint qcontact_assignees_contractor_id_fkey foreign key (contractor_id) references contractors (id),
    constraint qcontact_assignees_team_id_fkey foreign key (team_id) references teams (id),
    constraint qcontact_assignees_one_of_ours check (num_nonnulls(user_id, contractor_id, team_id) = 1),
    constraint qcontact_assignees_qcontact_id_format check (qcontact_id ~ '^[0-9]{1,19}$')
);

-- For each ticket with a case: what it would say there now. A status is owed where the ticket moved here since both
-- sides agreed, or a person decided for ours, and `says` is no pair that agrees; not while a person has to decide.
create view qcontact_outbound as
select
    facts.*,
    facts.status_moved and not facts.status_in_conflict as may_owe_status,
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
        c.pushed_assigned_to,
        -- What was read since lifts it, unless it still says that the case is closed.
        case when c.read_at > c.push_blocked_at and lower(c.their_status) <> 'closed' then null
            else c.push_blocked_reason
        end as blocked_reason,
        t.status || ':' || lower(regexp_replace(coalesce(c.their_status, ''), '[\W_]+', '', 'g')) as says,
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
