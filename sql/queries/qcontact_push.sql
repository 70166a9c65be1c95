-- name: list_with_case(ticket_ids)
-- Reads which of some tickets have a case in the CRM: few, so that the others cost nothing more.
select ticket_id
from qcontact_cases
where ticket_id = any(:ticket_ids::uuid[]);

-- name: find_due(ticket_ids, agreeing)
-- Reads which of some tickets have something to tell the CRM; `agreeing` are pairs `ours:theirs` that say the same.
select ticket_id
from qcontact_outbound
where
    ticket_id = any(:ticket_ids::uuid[])
    and blocked_reason is null
    and (owes_note or owes_assignment or (may_owe_status and not says = any(:agreeing::text[])));

-- name: list_due(after, agreeing, row_limit)
-- Reads the next tickets, by id, that have something to tell the CRM.
select due.ticket_id
from qcontact_may_owe as candidate
cross join lateral (
    -- One for a ticket: the limit keeps the planner from asking it of every case first.
    select o.ticket_id
    from qcontact_outbound as o
    where
        o.ticket_id = candidate.ticket_id
        and o.blocked_reason is null
        and (o.owes_note or o.owes_assignment or (o.may_owe_status and not o.says = any(:agreeing::text[])))
    limit 1
) as due
where candidate.ticket_id > :after::uuid
order by candidate.ticket_id
limit :row_limit::bigint;

-- name: count_due(agreeing)$
-- Counts the tickets that have something to tell the CRM.
select count(*)
from qcontact_may_owe as candidate
cross join lateral (
    -- One for a ticket: the limit keeps the planner from asking it of every case first.
    select o.ticket_id
    from qcontact_outbound as o
    where
        o.ticket_id = candidate.ticket_id
        and o.blocked_reason is null
        and (o.owes_note or o.owes_assignment or (o.may_owe_status and not o.says = any(:agreeing::text[])))
    limit 1
) as due;

-- name: get_outbound(ticket_id)^
-- Reads what a ticket would say to its case now, and what the case said last.
select
    ticket_id,
    case_id,
    status,
    their_status,
    their_assigned_to,
    sending,
    sending_over,
    pushed_assigned_to,
    blocked_reason,
    wanted_assignee,
    may_owe_status,
    status_in_conflict,
    owes_assignment
from qcontact_outbound
where ticket_id = :ticket_id::uuid;

-- name: list_untold_notes(ticket_id)
-- Reads the public notes of a ticket that its case does not have for all we know, oldest first.
select
    n.id,
    n.content,
    n.note_type,
    n.created_at,
    coalesce(u.name, n.author_name) as author,
    p.begun_at is not null as begun
from ticket_notes as n
left join users as u on n.created_by = u.id
left join qcontact_pushed_notes as p on n.id = p.note_id
where
    n.ticket_id = :ticket_id::uuid
    and n.visibility = 'public'
    and n.deleted_at is null
    and p.pushed_at is null
order by n.created_at, n.id;

-- name: begin_push(ticket_id, status, note_ids, now)!
-- Writes down what is about to be sent, before it is: a status, and notes.
with sent as (
    update qcontact_cases
    set
        sending = array_append(array_remove(sending, :status::text), :status::text),
        sending_over = case when sending = '{}' then their_status else sending_over end
    where ticket_id = :ticket_id::uuid and :status::text is not null
)

insert into qcontact_pushed_notes (note_id, ticket_id, case_id, begun_at)
select
    note.id,
    c.ticket_id,
    c.case_id,
    :now::timestamptz
from unnest(:note_ids::uuid[]) as note (id)
inner join qcontact_cases as c on c.ticket_id = :ticket_id::uuid
on conflict (note_id) do nothing;

-- name: note_told(note_ids, how, now)!
-- Writes down that notes arrived.
update qcontact_pushed_notes
set how = :how::text, pushed_at = :now::timestamptz
where note_id = any(:note_ids::uuid[]) and pushed_at is null;

-- name: end_push(ticket_id, ours, written, read_status, assigned, assigned_to, unassigned, their_updated_at, now)!
-- Writes down that a push ended: what both sides agree on now, and what was read there last. Null parts stay. What was
-- read before a status was written is no measure of news any more: said again, it is an agent's word.
update qcontact_cases
set
    agreed_status = case when :written::text is null then agreed_status else :ours::text end,
    agreed_at = case when :written::text is null then agreed_at else :now::timestamptz end,
    pushed_status = coalesce(:written::text, pushed_status),
    pushed_at = case when :written::text is null then pushed_at else :now::timestamptz end,
    their_status = coalesce(:read_status::text, their_status),
    pushed_assigned_to = case
        when :unassigned::boolean then null
        when :assigned::boolean then :assigned_to::text
        else pushed_assigned_to
    end,
    their_assigned_to = coalesce(:assigned_to::text, their_assigned_to),
    their_updated_at = coalesce(:their_updated_at::timestamptz, their_updated_at),
    details_hash = case when :written::text is null then details_hash end,
    row_hash = case when :written::text is null then row_hash end,
    sending = '{}',
    sending_over = null,
    push_blocked_reason = null,
    push_blocked_at = null,
    updated_at = :now::timestamptz
where ticket_id = :ticket_id::uuid;

-- name: leave_unsent(ticket_id, now)!
-- Writes down that nothing of ours is on its way to a case, because an agent's word was found there.
update qcontact_cases
set sending = '{}', sending_over = null, updated_at = :now::timestamptz
where ticket_id = :ticket_id::uuid;

-- name: block_push(ticket_id, reason, read_status, now)!
-- Writes down why nothing more is told to a case, until something changes there.
update qcontact_cases
set
    push_blocked_reason = :reason::text,
    push_blocked_at = :now::timestamptz,
    their_status = coalesce(:read_status::text, their_status),
    sending = '{}',
    sending_over = null,
    updated_at = :now::timestamptz
where ticket_id = :ticket_id::uuid;
