-- name: insert_ticket_events(ids, ticket_ids, event_types, befores, afters, details, occurred_at, actor_kind, actor_id, actor_name, job_id, request_id)!
-- Writes the timeline rows of one unit of work, at its end: the tickets have the versions that it leaves.
insert into ticket_events (
    id, ticket_id, event_type, before, after, details, occurred_at, actor_kind, actor_id, actor_name, job_id, request_id,
    ticket_version
)
select
    e.id, e.ticket_id, e.event_type, e.before::jsonb, e.after::jsonb, e.details::jsonb, :occurred_at::timestamptz,
    :actor_kind::text, :actor_id::uuid, :actor_name::text, :job_id::uuid, :request_id::text,
    t.updated_at
from unnest(:ids::uuid[], :ticket_ids::uuid[], :event_types::text[], :befores::text[], :afters::text[], :details::text[])
    as e (id, ticket_id, event_type, before, after, details)
left join tickets as t on e.ticket_id = t.id;
