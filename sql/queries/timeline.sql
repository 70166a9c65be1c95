-- name: list_activities(ticket_id, kind, type, source, inside, activity_id, after_at, after_id, row_limit)
-- Reads everything that happened to a ticket in one order, newest first: events, notes, messages, jobs and syncs. The
-- filters may be null; run it unprepared, so that branches which they rule out are not even planned. Jobs and syncs are
-- for those `inside`. That a note was written is told by the note.
select
    a.kind,
    a.id,
    a.at,
    a.type,
    a.source,
    a.name,
    a.text,
    a.state,
    a.before,
    a.after,
    a.details,
    a.actor_name,
    a.actor_email,
    a.is_private,
    a.is_pinned,
    a.job_id
from (
    select
        'event' as kind,
        e.id,
        e.occurred_at as at,
        activity_type(e.event_type, e.after) as type,
        'fibreflow' as source,
        e.event_type as name,
        e.details ->> 'reason' as text,
        null::text as state,
        e.before,
        e.after,
        e.details,
        e.actor_name,
        u.email as actor_email,
        false as is_private,
        false as is_pinned,
        e.job_id
    from ticket_events as e
    left join users as u on e.actor_id = u.id
    where e.ticket_id = :ticket_id::uuid and e.event_type <> 'note_added'
    union all
    select
        'note',
        n.id,
        n.created_at,
        'note',
        'fibreflow',
        n.note_type,
        n.content,
        null,
        null,
        null,
        null,
        coalesce(n.author_name, u.name),
        u.email,
        n.visibility = 'private',
        n.is_pinned,
        null
    from ticket_notes as n
    left join users as u on n.created_by = u.id
    where n.ticket_id = :ticket_id::uuid and n.deleted_at is null
    union all
    select
        'message',
        m.id,
        m.created_at,
        'message',
        'fibreflow',
        m.message_template,
        m.message_content,
        m.status,
        null,
        null,
        jsonb_build_object('recipient_type', m.recipient_type, 'recipient_name', m.recipient_name),
        u.name,
        u.email,
        false,
        false,
        null
    from whatsapp_notifications as m
    left join users as u on m.created_by = u.id
    where m.ticket_id = :ticket_id::uuid
    union all
    select
        'job',
        j.id,
        j.created_at,
        'system',
        'fibreflow',
        j.kind::text,
        j.error_message,
        j.state::text,
        null,
        null,
        null,
        j.actor_name,
        u.email,
        false,
        false,
        j.id
    from job_subjects as s
    inner join jobs as j on s.job_id = j.id
    left join users as u on j.actor_id = u.id
    where s.subject_type = 'ticket' and s.subject_id = :ticket_id::uuid::text and :inside::boolean
    union all
    select
        'sync',
        q.id,
        q.synced_at,
        'system',
        'qcontact',
        q.sync_type,
        q.error_message,
        q.status,
        null,
        null,
        jsonb_build_object('direction', q.sync_direction, 'conflicts', q.conflicts),
        null,
        null,
        false,
        false,
        null
    from qcontact_sync_log as q
    where q.ticket_id = :ticket_id::uuid and :inside::boolean
) as a
where
    (:kind::text is null or a.kind = :kind::text)
    and (:type::text is null or a.type = :type::text)
    and (:source::text is null or a.source = :source::text)
    and (:activity_id::uuid is null or a.id = :activity_id::uuid)
    and (:after_at::timestamptz is null or (a.at, a.id) < (:after_at::timestamptz, :after_id::uuid))
order by a.at desc, a.id desc
limit :row_limit::bigint;

-- name: count_activities(ticket_id, inside)^
-- Counts what list_activities would list without a filter, as the contract sums it up, and tells whether the CRM knows
-- the ticket.
select
    notes.number as notes,
    events.updates,
    messages.number as messages,
    events.system + jobs.number + syncs.number as system,
    notes.number + events.number + messages.number + jobs.number + syncs.number as total,
    t.source = 'qcontact' or exists (select 1 from qcontact_sync_log where ticket_id = t.id) as has_qcontact
from tickets as t
cross join lateral (
    select
        count(*) as number,
        count(*) filter (where activity_type(event_type, after) in ('update', 'status_change')) as updates,
        count(*) filter (where activity_type(event_type, after) in ('system', 'assignment')) as system
    from ticket_events
    where ticket_id = t.id and event_type <> 'note_added'
) as events
cross join lateral (
    select count(*) as number from ticket_notes where ticket_id = t.id and deleted_at is null
) as notes
cross join lateral (select count(*) as number from whatsapp_notifications where ticket_id = t.id) as messages
cross join lateral (
    select count(*) as number
    from job_subjects
    where subject_type = 'ticket' and subject_id = t.id::text and :inside::boolean
) as jobs
cross join lateral (
    select count(*) as number from qcontact_sync_log where ticket_id = t.id and :inside::boolean
) as syncs
where t.id = :ticket_id::uuid;
