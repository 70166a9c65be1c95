-- name: find_step_of_ticket(ticket_id, step_id, step_number)$
-- Finds the number of a ticket's verification step that is named by its id or by its number.
select step_number
from verification_steps
where
    ticket_id = :ticket_id
    and (:step_id::uuid is null or id = :step_id::uuid)
    and (:step_number::smallint is null or step_number = :step_number::smallint);

-- name: find_same_attachment(ticket_id, step_number, file_sha256)$
-- Finds a file of a locked ticket that has the same bytes and belongs to the same step.
select id
from ticket_attachments
where
    ticket_id = :ticket_id
    and step_number is not distinct from :step_number::smallint
    and file_sha256 = :file_sha256
    and deleted_at is null
limit 1;

-- name: insert_attachment(id, ticket_id, step_number, filename, file_type, mime_type, file_size, file_sha256, storage_key, is_evidence, uploaded_by, width, height, captured_at, captured_latitude, captured_longitude, now)!
-- Adds a file, whose bytes are stored, to a locked ticket.
insert into ticket_attachments (
    id, ticket_id, step_number, filename, file_type, mime_type, file_size, file_sha256, storage_key, is_evidence,
    uploaded_by, uploaded_at, width, height, captured_at, captured_latitude, captured_longitude
)
values (
    :id, :ticket_id, :step_number::smallint, :filename, :file_type, :mime_type, :file_size, :file_sha256, :storage_key,
    :is_evidence, :uploaded_by::uuid, :now::timestamptz, :width::integer, :height::integer,
    :captured_at::timestamptz, :captured_latitude::numeric, :captured_longitude::numeric
);

-- name: withdraw_photo_review(ticket_id, step_number, now)!
-- Takes back QA's word on the photos of a step: they are no longer the ones that QA looked at.
update verification_steps
set photo_verified = false, updated_at = :now
where ticket_id = :ticket_id and step_number = :step_number and photo_verified;

-- name: find_ticket_of_attachment(attachment_id)$
-- Finds the ticket that a file belongs to: the ticket is locked before the file, by everybody.
select ticket_id
from ticket_attachments
where id = :attachment_id;

-- name: lock_attachment(attachment_id)^
-- Takes a file for deleting; tells who deleted it before, whether a handover has put it on record, whether its step is
-- complete and how many photos the step would have without it.
select
    file.id,
    file.ticket_id,
    file.step_number,
    file.filename,
    file.file_type,
    file.mime_type,
    file.file_size,
    file.file_sha256,
    file.is_evidence,
    file.inspection_status,
    file.uploaded_by,
    file.deleted_at,
    (select person.name from users as person where person.id = file.deleted_by) as deleted_by_name,
    exists(
        select 1
        from handover_snapshots as snapshot
        where snapshot.ticket_id = file.ticket_id and snapshot.handover_at >= file.uploaded_at
    ) as is_handed_over,
    coalesce(step.is_complete, false) as step_complete,
    step.photo_url as step_photo_url,
    coalesce(type.photo_required, false) as photo_required,
    (
        select count(*)
        from ticket_attachments as other
        where
            other.ticket_id = file.ticket_id
            and other.step_number = file.step_number
            and other.id <> file.id
            and other.file_type = 'photo'
            and other.is_evidence
            and other.deleted_at is null
            and other.inspection_status <> 'rejected'
    ) as other_photos
from ticket_attachments as file
left join verification_steps as step on file.ticket_id = step.ticket_id and file.step_number = step.step_number
left join verification_step_types as type on file.step_number = type.step_number
where file.id = :attachment_id
for update of file;

-- name: delete_attachment(attachment_id, deleted_by, now)!
-- Marks a locked file as deleted.
update ticket_attachments
set deleted_at = :now, deleted_by = :deleted_by::uuid
where id = :attachment_id;

-- name: list_attachments(attachment_id, ticket_id, file_type, is_evidence, step_id, uploaded_by, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads files as the API shows them, newest first. Every filter may be null; run it unprepared.
select
    file.id,
    file.ticket_id,
    file.filename,
    file.file_type,
    file.mime_type,
    file.file_size,
    file.file_sha256,
    file.storage_key as storage_path,
    file.thumbnail_key,
    file.preview_key,
    file.uploaded_by,
    person.name as uploaded_by_name,
    file.uploaded_at,
    file.step_number,
    step.id as verification_step_id,
    file.is_evidence,
    file.width,
    file.height,
    file.captured_at,
    file.captured_latitude,
    file.captured_longitude,
    file.inspection_status,
    file.inspection_reasons
from ticket_attachments as file
inner join tickets as ticket on file.ticket_id = ticket.id
left join verification_steps as step on file.ticket_id = step.ticket_id and file.step_number = step.step_number
left join users as person on file.uploaded_by = person.id
where
    file.deleted_at is null
    and (:attachment_id::uuid is null or file.id = :attachment_id::uuid)
    and (:ticket_id::uuid is null or file.ticket_id = :ticket_id::uuid)
    and (:file_type::text is null or file.file_type = :file_type::text)
    and (:is_evidence::boolean is null or file.is_evidence = :is_evidence::boolean)
    and (:step_id::uuid is null or step.id = :step_id::uuid)
    and (:uploaded_by::uuid is null or file.uploaded_by = :uploaded_by::uuid)
    and (
        :see_all::boolean
        or ticket.assigned_to = :see_user::uuid
        or ticket.assigned_contractor_id = :see_contractor::uuid
        or ticket.assigned_team_id = any(:see_teams::uuid [])
    )
    and (
        :after_at::timestamptz is null
        or (file.uploaded_at, file.id) < (:after_at::timestamptz, :after_id::uuid)
    )
order by file.uploaded_at desc, file.id desc
limit :row_limit;

-- name: sum_attachments(ticket_id, file_type, is_evidence, step_id, uploaded_by)
-- Sums up the files of a ticket under the filters of its list; run it unprepared.
select
    count(*) as total,
    coalesce(sum(file.file_size), 0)::bigint as total_size_bytes,
    count(*) filter (where file.file_type = 'photo') as photo,
    count(*) filter (where file.file_type = 'pdf') as pdf,
    count(*) filter (where file.file_type = 'document') as document,
    count(*) filter (where file.file_type = 'excel') as excel,
    count(*) filter (where file.is_evidence) as evidence_count
from ticket_attachments as file
left join verification_steps as step on file.ticket_id = step.ticket_id and file.step_number = step.step_number
where
    file.ticket_id = :ticket_id
    and file.deleted_at is null
    and (:file_type::text is null or file.file_type = :file_type::text)
    and (:is_evidence::boolean is null or file.is_evidence = :is_evidence::boolean)
    and (:step_id::uuid is null or step.id = :step_id::uuid)
    and (:uploaded_by::uuid is null or file.uploaded_by = :uploaded_by::uuid);

-- name: find_stored_attachment(attachment_id)^
-- Reads where the bytes of a file and its pictures lie, for somebody who holds a signed link.
select
    id,
    ticket_id,
    filename,
    file_type,
    mime_type,
    file_sha256,
    storage_key,
    thumbnail_key,
    preview_key
from ticket_attachments
where id = :attachment_id and deleted_at is null;

-- name: name_pictures(attachment_id, thumbnail_key, preview_key)!
-- Notes the smaller pictures of a photo, unless somebody else has already.
update ticket_attachments
set thumbnail_key = :thumbnail_key, preview_key = :preview_key
where id = :attachment_id and thumbnail_key is null and deleted_at is null;

-- name: insert_attachment_upload(id, ticket_id, step_number, filename, file_size, file_sha256, is_evidence, uploaded_by, storage_key, expires_at, now)!
-- Keeps a place in storage for a file that is about to be sent there.
insert into attachment_uploads (
    id, ticket_id, step_number, filename, file_size, file_sha256, is_evidence, uploaded_by, storage_key,
    requested_at, expires_at
)
values (
    :id, :ticket_id, :step_number::smallint, :filename, :file_size, :file_sha256::text, :is_evidence::boolean,
    :uploaded_by::uuid, :storage_key, :now::timestamptz, :expires_at::timestamptz
);

-- name: find_attachment_upload(upload_id)^
-- Reads a place that was kept in storage.
select
    id,
    ticket_id,
    step_number,
    filename,
    file_size,
    file_sha256,
    is_evidence,
    uploaded_by,
    storage_key,
    expires_at,
    attachment_id
from attachment_uploads
where id = :upload_id;

-- name: lock_attachment_upload(upload_id)^
-- Takes a place in storage, of a locked ticket, for turning it into a file of the ticket.
select
    id,
    expires_at,
    attachment_id
from attachment_uploads
where id = :upload_id
for update;

-- name: confirm_attachment_upload(upload_id, attachment_id)!
-- Notes what a place in storage became.
update attachment_uploads
set attachment_id = :attachment_id
where id = :upload_id;

-- name: forget_attachment_uploads(before, row_limit)!
-- Forgets places in storage whose time is long over: what came of them is a file of the ticket by now, or nothing.
delete from attachment_uploads
where id in (
    select id
    from attachment_uploads
    where expires_at < :before
    order by expires_at
    limit :row_limit
    for update skip locked
);

-- name: list_unnamed_keys(keys)
-- Tells which stored files no row names. A file that is marked as deleted still names its bytes.
select wanted.key
from unnest(:keys::text []) as wanted (key)
where
    not exists (select 1 from ticket_attachments as a where a.storage_key = wanted.key)
    and not exists (select 1 from ticket_attachments as a where a.thumbnail_key = wanted.key)
    and not exists (select 1 from ticket_attachments as a where a.preview_key = wanted.key)
    and not exists (select 1 from attachment_uploads as u where u.storage_key = wanted.key)
order by wanted.key;
