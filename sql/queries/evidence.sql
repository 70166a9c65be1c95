-- name: get_photo(attachment_id)^
-- Reads what an inspection needs to begin with. Takes no lock.
select
    id,
    ticket_id,
    storage_key,
    file_sha256
from ticket_attachments
where id = :attachment_id and file_type = 'photo' and is_evidence and deleted_at is null;

-- name: get_deleted_photo(attachment_id)^
-- Reads a deleted evidence photo as others may still be held against it.
select
    id,
    file_sha256,
    perceptual_hash,
    uploaded_at
from ticket_attachments
where id = :attachment_id and file_type = 'photo' and is_evidence and deleted_at is not null;

-- name: lock_photo(attachment_id)^
-- Takes an evidence photo for a change; its ticket is locked already.
select
    photo.id,
    photo.ticket_id,
    photo.filename,
    photo.step_number,
    photo.file_sha256,
    photo.perceptual_hash,
    photo.captured_at,
    photo.uploaded_at,
    photo.inspection_status,
    photo.inspection_reasons,
    photo.inspected_at,
    photo.overruled_by,
    photo.overruled_at,
    photo.overrule_note,
    person.name as overruled_by_name,
    least(ticket.reported_at, ticket.created_at) as ticket_at
from ticket_attachments as photo
inner join tickets as ticket on photo.ticket_id = ticket.id
left join users as person on photo.overruled_by = person.id
where
    photo.id = :attachment_id and photo.file_type = 'photo' and photo.is_evidence and photo.deleted_at is null
for update of photo;

-- name: keep_look(attachment_id, width, height, perceptual_hash, captured_at)!
-- Writes down what the photo itself tells. Committed before anybody compares: of two that are inspected at once, at
-- least the later one sees the other.
update ticket_attachments
set
    width = :width,
    height = :height,
    perceptual_hash = :perceptual_hash::bigint,
    captured_at = coalesce(captured_at, :captured_at::timestamptz)
where
    id = :attachment_id
    and (width, height, perceptual_hash, captured_at) is distinct from (
        :width, :height, :perceptual_hash::bigint, coalesce(captured_at, :captured_at::timestamptz)
    );

-- name: list_same_photos(attachment_id, sha256, uploaded_at, most)
-- Finds evidence photos with the same bytes, those that were there before this one first.
select
    other.id as attachment_id,
    other.ticket_id,
    ticket.ticket_uid,
    other.step_number,
    0 as distance,
    (other.uploaded_at, other.id) < (:uploaded_at::timestamptz, :attachment_id::uuid) as is_earlier,
    other.perceptual_hash is not null as has_hash,
    other.overruled_at is not null as is_overruled,
    other.inspection_status
from ticket_attachments as other
inner join tickets as ticket on other.ticket_id = ticket.id
where
    other.file_sha256 = :sha256
    and other.id <> :attachment_id::uuid
    and other.file_type = 'photo'
    and other.is_evidence
    and other.deleted_at is null
order by is_earlier desc, other.uploaded_at, other.id
limit :most::bigint;

-- name: find_similar_photos(attachment_id, perceptual_hash, uploaded_at, distance, values_0, values_1, values_2, values_3, bucket_most, most)
-- Finds photos whose hash differs in at most `distance` bits, those that were there before this one first. Of a bucket
-- (photos that agree in a band) no more than `bucket_most` are compared; `cut_buckets` counts those that hold more. A
-- photo with the very same hash is found however full its bucket is: it stands at its own place in the index.
with asked as (
    select
        0 as band,
        value
    from unnest(:values_0::bigint []) as value
    union all
    select
        1 as band,
        value
    from unnest(:values_1::bigint []) as value
    union all
    select
        2 as band,
        value
    from unnest(:values_2::bigint []) as value
    union all
    select
        3 as band,
        value
    from unnest(:values_3::bigint []) as value
),

candidates as materialized (
    select
        asked.band,
        asked.value,
        photo.id,
        photo.perceptual_hash
    from asked
    cross join lateral (
        (
            select
                id,
                perceptual_hash
            from ticket_attachments
            where
                asked.band = 0
                and ((perceptual_hash >> 48) & 65535) = asked.value
                and perceptual_hash is not null
                and deleted_at is null
            limit :bucket_most::bigint + 1
        )
        union all
        (
            select
                id,
                perceptual_hash
            from ticket_attachments
            where
                asked.band = 1
                and ((perceptual_hash >> 32) & 65535) = asked.value
                and perceptual_hash is not null
                and deleted_at is null
            limit :bucket_most::bigint + 1
        )
        union all
        (
            select
                id,
                perceptual_hash
            from ticket_attachments
            where
                asked.band = 2
                and ((perceptual_hash >> 16) & 65535) = asked.value
                and perceptual_hash is not null
                and deleted_at is null
            limit :bucket_most::bigint + 1
        )
        union all
        (
            select
                id,
                perceptual_hash
            from ticket_attachments
            where
                asked.band = 3
                and (perceptual_hash & 65535) = asked.value
                and perceptual_hash is not null
                and deleted_at is null
            limit :bucket_most::bigint + 1
        )
    ) as photo
),

identical as (
    select
        id,
        perceptual_hash
    from ticket_attachments
    where
        ((perceptual_hash >> 48) & 65535) = ((:perceptual_hash::bigint >> 48) & 65535)
        and perceptual_hash = :perceptual_hash::bigint
        and perceptual_hash is not null
        and deleted_at is null
    limit :bucket_most::bigint
),

near as (
    select
        id,
        bit_count((perceptual_hash # :perceptual_hash::bigint)::bit(64)) as distance
    from candidates
    where
        bit_count((perceptual_hash # :perceptual_hash::bigint)::bit(64)) <= :distance::bigint
        and id <> :attachment_id::uuid
    union
    select
        id,
        0 as distance
    from identical
    where id <> :attachment_id::uuid
    order by distance
    limit :bucket_most::bigint
),

full_buckets as (
    select 1 as one
    from candidates
    group by band, value
    having count(*) > :bucket_most::bigint
),

cut as (
    select count(*) as buckets
    from full_buckets
),

-- One by one, by their keys: they are few, whatever the planner believes of the comparison above.
found as (
    select
        one.id as attachment_id,
        one.ticket_id,
        one.ticket_uid,
        one.step_number,
        near.distance,
        one.uploaded_at,
        (one.uploaded_at, one.id) < (:uploaded_at::timestamptz, :attachment_id::uuid) as is_earlier,
        one.is_overruled,
        one.inspection_status
    from near
    cross join lateral (
        select
            other.id,
            other.ticket_id,
            ticket.ticket_uid,
            other.step_number,
            other.uploaded_at,
            other.overruled_at is not null as is_overruled,
            other.inspection_status
        from ticket_attachments as other
        inner join tickets as ticket on other.ticket_id = ticket.id
        where
            other.id = near.id and other.file_type = 'photo' and other.is_evidence and other.deleted_at is null
        limit 1
    ) as one
    order by is_earlier desc, near.distance, one.uploaded_at, one.id
    limit :most::bigint
)

select
    cut.buckets as cut_buckets,
    found.attachment_id,
    found.ticket_id,
    found.ticket_uid,
    found.step_number,
    found.distance,
    found.is_earlier,
    true as has_hash,
    found.is_overruled,
    found.inspection_status
from cut
left join found on true
order by found.is_earlier desc, found.distance, found.uploaded_at, found.attachment_id;

-- name: list_first_captures(ticket_id, attachment_id)
-- Reads when the first photo of each step was taken, leaving out one photo and those that were rejected.
select
    step_number,
    min(captured_at) as first_at
from ticket_attachments
where
    ticket_id = :ticket_id
    and id <> :attachment_id
    and step_number is not null
    and file_type = 'photo'
    and is_evidence
    and deleted_at is null
    and captured_at is not null
    and inspection_status <> 'rejected'
group by step_number;

-- name: keep_result(attachment_id, inspection_status, inspection_reasons, now)!
-- Writes down what an inspection found.
update ticket_attachments
set
    inspection_status = :inspection_status,
    inspection_reasons = :inspection_reasons::jsonb,
    inspected_at = :now::timestamptz
where id = :attachment_id;

-- name: keep_overruling(attachment_id, inspection_status, overruled_by, overrule_note, now)!
-- Writes down what QA says of a photo.
update ticket_attachments
set
    inspection_status = :inspection_status,
    overruled_by = :overruled_by::uuid,
    overruled_at = :now::timestamptz,
    overrule_note = :overrule_note
where id = :attachment_id;

-- name: list_evidence(attachment_id, ticket_id, project, statuses, code, overruled, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads evidence photos with what inspection and QA said of them, newest first. Every filter may be null; run it
-- unprepared.
select
    photo.id,
    photo.ticket_id,
    ticket.ticket_uid,
    photo.step_number,
    photo.filename,
    photo.width,
    photo.height,
    photo.captured_at,
    photo.uploaded_at,
    photo.uploaded_by,
    photo.inspection_status,
    photo.inspection_reasons,
    photo.inspected_at,
    photo.overruled_by,
    person.name as overruled_by_name,
    photo.overruled_at,
    photo.overrule_note
from ticket_attachments as photo
inner join tickets as ticket on photo.ticket_id = ticket.id
left join users as person on photo.overruled_by = person.id
where
    photo.file_type = 'photo'
    and photo.is_evidence
    and photo.deleted_at is null
    and (:attachment_id::uuid is null or photo.id = :attachment_id::uuid)
    and (:ticket_id::uuid is null or photo.ticket_id = :ticket_id::uuid)
    and (:project::uuid is null or ticket.project_id = :project::uuid)
    and (:statuses::text [] is null or photo.inspection_status = any(:statuses::text []))
    and (
        :code::text is null
        or photo.inspection_reasons @> jsonb_build_array(jsonb_build_object('code', :code::text))
    )
    and (
        :overruled::boolean is null
        or (:overruled::boolean and photo.overruled_at is not null)
        or (not :overruled::boolean and photo.overruled_at is null)
    )
    and (
        :see_all::boolean
        or ticket.assigned_to = :see_user::uuid
        or ticket.assigned_contractor_id = :see_contractor::uuid
        or ticket.assigned_team_id = any(:see_teams::uuid [])
    )
    and (
        :after_at::timestamptz is null
        or (photo.uploaded_at, photo.id) < (:after_at::timestamptz, :after_id::uuid)
    )
order by photo.uploaded_at desc, photo.id desc
limit :row_limit::bigint;

-- name: list_photos_to_inspect(statuses, ticket_ids, uploaded_from, uploaded_before, after_at, after_id, row_limit)
-- Reads the next photos that are to be inspected again, oldest first; tickets that are over stay as they are. Every
-- filter may be null; run it unprepared.
select
    photo.id,
    photo.ticket_id,
    photo.uploaded_at
from ticket_attachments as photo
inner join tickets as ticket on photo.ticket_id = ticket.id
where
    photo.file_type = 'photo'
    and photo.is_evidence
    and photo.deleted_at is null
    and ticket.status <> all(array['closed', 'cancelled'])
    and (:statuses::text [] is null or photo.inspection_status = any(:statuses::text []))
    and (:ticket_ids::uuid [] is null or photo.ticket_id = any(:ticket_ids::uuid []))
    and (:uploaded_from::timestamptz is null or photo.uploaded_at >= :uploaded_from::timestamptz)
    and (:uploaded_before::timestamptz is null or photo.uploaded_at < :uploaded_before::timestamptz)
    and (
        :after_at::timestamptz is null
        or (photo.uploaded_at, photo.id) > (:after_at::timestamptz, :after_id::uuid)
    )
order by photo.uploaded_at, photo.id
limit :row_limit::bigint;
