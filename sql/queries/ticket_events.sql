-- name: list_ticket_events(ticket_id, after_at, after_id, row_limit)
-- Reads a ticket's timeline, newest first.
select
    id,
    event_type,
    occurred_at,
    actor_kind,
    actor_id,
    actor_name,
    job_id,
    request_id,
    before,
    after,
    details
from ticket_events
where
    ticket_id = :ticket_id
    and (:after_at::timestamptz is null or (occurred_at, id) < (:after_at::timestamptz, :after_id::uuid))
order by occurred_at desc, id desc
limit :row_limit::bigint;

-- name: list_changes_since(ticket_id, since)
-- Reads what became of each field of a ticket that was changed from a version on: what it was then and what it is now,
-- and who changed it last, when.
select
    newest.field,
    newest.value,
    oldest.was,
    newest.changed_by,
    newest.changed_at
from (
    select distinct on (change.key)
        change.key as field,
        change.value,
        event.actor_name as changed_by,
        event.occurred_at as changed_at
    from ticket_events as event
    cross join lateral jsonb_each(event.after) as change (key, value)
    where event.ticket_id = :ticket_id and coalesce(event.ticket_version, event.occurred_at) >= :since
    order by change.key, event.ticket_version desc nulls last, event.id desc
) as newest
inner join (
    select distinct on (change.key)
        change.key as field,
        event.before -> change.key as was
    from ticket_events as event
    cross join lateral jsonb_each(event.after) as change (key, value)
    where event.ticket_id = :ticket_id and coalesce(event.ticket_version, event.occurred_at) >= :since
    order by change.key, event.ticket_version nulls first, event.id
) as oldest on newest.field = oldest.field
order by newest.field;
