-- name: list_notes(ticket_id, note_id, visibility, after_at, after_id, row_limit)
-- Reads the notes of a ticket, newest first. The filters may be null; run it unprepared.
select
    n.id,
    n.ticket_id,
    n.content,
    n.note_type,
    n.visibility,
    n.is_resolution,
    n.attachments,
    n.created_by,
    n.created_at,
    n.updated_at,
    coalesce(n.author_name, u.name) as author_name,
    u.email as author_email
from ticket_notes as n
left join users as u on n.created_by = u.id
where
    n.ticket_id = :ticket_id
    and n.deleted_at is null
    and (:note_id::uuid is null or n.id = :note_id::uuid)
    and (:visibility::text is null or n.visibility = :visibility::text)
    and (:after_at::timestamptz is null or (n.created_at, n.id) < (:after_at::timestamptz, :after_id::uuid))
order by n.created_at desc, n.id desc
limit :row_limit::bigint;

-- name: count_notes(ticket_id)^
-- Counts the notes of a ticket by who may read them.
select
    count(*) as total,
    count(*) filter (where visibility = 'private') as private,
    count(*) filter (where visibility = 'public') as public
from ticket_notes
where ticket_id = :ticket_id and deleted_at is null;

-- name: insert_note(ticket_id, content, note_type, visibility, is_resolution, attachments, author_name, created_by, now)$
-- Adds a note to a locked ticket.
insert into ticket_notes (
    ticket_id, content, note_type, visibility, is_resolution, attachments, author_name, created_by, created_at, updated_at
)
values (
    :ticket_id, :content, :note_type, :visibility, :is_resolution, :attachments::text [], :author_name::text,
    :created_by::uuid, :now::timestamptz, :now::timestamptz
)
returning id;

-- name: lock_note(ticket_id, note_id)^
-- Takes a note of a locked ticket for changing.
select
    id,
    content,
    note_type,
    visibility,
    is_resolution,
    author_name,
    created_by,
    updated_at
from ticket_notes
where id = :note_id and ticket_id = :ticket_id and deleted_at is null
for update;

-- name: update_note(note_id, content, visibility, is_resolution, updated_at)!
-- Writes a locked note back.
update ticket_notes
set
    content = :content,
    visibility = :visibility,
    is_resolution = :is_resolution,
    updated_at = :updated_at::timestamptz
where id = :note_id;

-- name: delete_note(note_id, now, deleted_by)!
-- Marks a locked note as deleted; what it said stays for the audit.
update ticket_notes
set
    deleted_at = :now::timestamptz,
    deleted_by = :deleted_by::uuid,
    updated_at = :now::timestamptz
where id = :note_id;
