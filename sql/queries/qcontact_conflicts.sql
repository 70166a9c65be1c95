-- name: put_conflicts(conflicts, now)
-- Notes differences of locked tickets; one that is open already takes the newest values. Gives those that are news.
with noticed as (
    select
        c.ticket_id,
        c.case_id,
        c.field,
        c.ours,
        c.theirs,
        c.reason
    from jsonb_to_recordset(:conflicts::jsonb) as c (
        ticket_id uuid, case_id text, field text, ours jsonb, theirs jsonb, reason text
    )
)

insert into qcontact_conflicts as k (ticket_id, case_id, field, ours, theirs, reason, noticed_at)
select
    n.ticket_id,
    n.case_id,
    n.field,
    n.ours,
    n.theirs,
    n.reason,
    :now::timestamptz
from noticed as n
on conflict (ticket_id, field) where status = 'open' do update
    set ours = excluded.ours, theirs = excluded.theirs, reason = excluded.reason
    where (k.ours, k.theirs, k.reason) is distinct from (excluded.ours, excluded.theirs, excluded.reason)
returning id, ticket_id, field, ours, theirs, reason;

-- name: settle_conflicts(ticket_ids, fields, now)!
-- Closes open conflicts on which both sides have come to say the same; parallel arrays of tickets and fields.
update qcontact_conflicts as k
set status = 'obsolete', resolved_at = :now::timestamptz
from unnest(:ticket_ids::uuid [], :fields::text []) as settled (ticket_id, field)
where k.ticket_id = settled.ticket_id and k.field = settled.field and k.status = 'open';

-- name: list_tickets_in_conflict(ticket_ids)
-- Reads which of these tickets have an open conflict.
select distinct ticket_id
from qcontact_conflicts
where ticket_id = any(:ticket_ids::uuid []) and status = 'open';

-- name: find_ticket_of_conflict(conflict_id)$
-- Finds the ticket that a conflict is about, which is locked before it.
select ticket_id
from qcontact_conflicts
where id = :conflict_id;

-- name: lock_conflict(conflict_id)^
-- Takes a conflict of a locked ticket for deciding it.
select
    id,
    ticket_id,
    case_id,
    field,
    ours,
    theirs,
    status
from qcontact_conflicts
where id = :conflict_id
for update;

-- name: resolve_conflict(conflict_id, choice, note, resolved_by, resolved_by_name, now)!
-- Writes a person's choice down.
update qcontact_conflicts
set
    status = :choice,
    note = :note::text,
    resolved_by = :resolved_by::uuid,
    resolved_by_name = :resolved_by_name,
    resolved_at = :now::timestamptz
where id = :conflict_id;

-- name: list_conflicts(conflict_id, ticket_id, status, field, after_at, after_id, row_limit, row_skip)
-- Reads conflicts as the API shows them, newest first. Every filter may be null; run it unprepared.
select
    k.id,
    k.ticket_id,
    t.ticket_uid,
    k.case_id as qcontact_ticket_id,
    k.field,
    k.ours,
    k.theirs,
    k.reason,
    k.status,
    k.noticed_at,
    k.resolved_at,
    k.resolved_by,
    k.resolved_by_name,
    k.note
from qcontact_conflicts as k
inner join tickets as t on k.ticket_id = t.id
where
    (:conflict_id::uuid is null or k.id = :conflict_id::uuid)
    and (:ticket_id::uuid is null or k.ticket_id = :ticket_id::uuid)
    and (:status::text is null or k.status = :status::text)
    and (:field::text is null or k.field = :field::text)
    and (:after_at::timestamptz is null or (k.noticed_at, k.id) < (:after_at::timestamptz, :after_id::uuid))
order by k.noticed_at desc, k.id desc
limit :row_limit::bigint offset :row_skip::bigint;

-- name: count_conflicts(ticket_id, status, field, most)$
-- Counts the conflicts that list_conflicts would list, but no further than `most`.
select count(*)
from (
    select 1
    from qcontact_conflicts as k
    where
        (:ticket_id::uuid is null or k.ticket_id = :ticket_id::uuid)
        and (:status::text is null or k.status = :status::text)
        and (:field::text is null or k.field = :field::text)
    limit :most::bigint
) as counted;
