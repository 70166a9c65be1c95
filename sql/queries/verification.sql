-- name: list_verification_steps(ticket_id)
-- Reads the steps of a ticket in their order: what each needs, what there is of it, who completed it and when. A photo
-- that inspection has rejected is no photo of the step; one that still waits for inspection is.
select
    step.id,
    step.ticket_id,
    step.step_number,
    type.step_name,
    type.step_description,
    step.is_complete,
    step.completed_at,
    step.completed_by,
    person.name as completed_by_name,
    type.photo_required,
    step.photo_url,
    step.photo_verified,
    step.notes,
    step.created_at,
    (
        select count(*)
        from ticket_attachments as photo
        where
            photo.ticket_id = step.ticket_id
            and photo.step_number = step.step_number
            and photo.file_type = 'photo'
            and photo.is_evidence
            and photo.deleted_at is null
            and photo.inspection_status <> 'rejected'
    ) as photos_count,
    ticket.ont_serial,
    ticket.ont_rx_level
from verification_steps as step
inner join verification_step_types as type on step.step_number = type.step_number
inner join tickets as ticket on step.ticket_id = ticket.id
left join users as person on step.completed_by = person.id
where step.ticket_id = :ticket_id
order by step.step_number;

-- name: update_verification_step(ticket_id, step_number, is_complete, completed_at, completed_by, photo_url, photo_verified, notes, now)!
-- Writes a step back; its ticket is locked.
update verification_steps
set
    is_complete = :is_complete,
    completed_at = :completed_at::timestamptz,
    completed_by = :completed_by::uuid,
    photo_url = :photo_url::text,
    photo_verified = :photo_verified,
    notes = :notes::text,
    updated_at = :now
where ticket_id = :ticket_id and step_number = :step_number;
