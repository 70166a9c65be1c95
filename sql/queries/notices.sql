-- name: read_ticket_to_tell_of(ticket_id)^
-- Reads what a notice says of a ticket and whom it could go to, and keeps the ticket until the notice is written: whoever
-- changes it holds it, and would otherwise wait for the notice while the notice waits for it.
select
    t.id,
    t.ticket_uid,
    t.dr_number,
    t.status,
    t.assigned_to,
    t.assigned_contractor_id,
    t.assigned_team_id,
    u.id as user_user_id,
    u.name as user_name,
    u.phone as user_phone,
    null::uuid as contractor_user_id,
    coalesce(c.contact_name, c.name) as contractor_name,
    c.phone as contractor_phone,
    m.user_id as member_user_id,
    m.name as member_name,
    m.phone as member_phone
from tickets as t
left join users as u on t.assigned_to = u.id and u.is_active
left join contractors as c on t.assigned_contractor_id = c.id and c.is_active
left join lateral (
    select
        member.user_id,
        member.first_name || ' ' || member.last_name as name,
        coalesce(member.phone, person.phone) as phone
    from team_members as member
    left join users as person on member.user_id = person.id and person.is_active
    where
        member.team_id = t.assigned_team_id
        and member.is_active
        and coalesce(member.phone, person.phone) is not null
    order by member.is_team_lead desc, member.created_at, member.id
    limit 1
) as m on true
where t.id = :ticket_id
for key share of t;

-- name: read_person_to_tell(user_id)^
-- Reads the telephone of somebody of the house who is told by name.
select
    id,
    name,
    phone
from users
where id = :user_id and is_active;

-- name: lock_contact(phone, now)^
-- Takes a telephone until the end of the unit of work, having noted it if it is new.
insert into whatsapp_contacts (phone, created_at, updated_at)
values (:phone, :now::timestamptz, :now::timestamptz)
on conflict (phone) do update set updated_at = whatsapp_contacts.updated_at
returning *;

-- name: list_slots_of_contact(phone, since, except_id, most)
-- Reads when the newest notices to a telephone go out, or went; those that are held have no turn.
select not_before
from whatsapp_notifications
where
    recipient_phone = :phone
    and not_before > :since::timestamptz
    and (:except_id::uuid is null or id <> :except_id::uuid)
    and ((status = 'pending' and held_at is null) or sent_at is not null)
order by not_before desc
limit :most::bigint;

-- name: insert_notice(ticket_id, recipient_type, recipient_phone, recipient_name, recipient_user_id, message_template, template_variables, message_content, dedupe_key, dedupe_until, not_before, cause, error_code, error_message, created_by, now)$
-- Writes a notice down unless the same one was written less than five minutes ago: the database decides, also between
-- two that come at once. A notice that cannot go out at all is written as failed.
insert into whatsapp_notifications (
    ticket_id, recipient_type, recipient_phone, recipient_name, recipient_user_id, message_template,
    template_variables, message_content, dedupe_key, dedupe_window, not_before, cause, status, error_code,
    error_message, failed_at, created_by, created_at, updated_at
)
values (
    :ticket_id::uuid, :recipient_type, :recipient_phone, :recipient_name::text, :recipient_user_id::uuid,
    :message_template::text, :template_variables::jsonb, :message_content, :dedupe_key,
    tstzrange(:now::timestamptz, :dedupe_until::timestamptz), :not_before::timestamptz, :cause::text,
    case when :error_message::text is null then 'pending' else 'failed' end, :error_code::text, :error_message::text,
    case when :error_message::text is not null then :now::timestamptz end, :created_by::uuid, :now::timestamptz,
    :now::timestamptz
)
on conflict do nothing
returning id;

-- name: find_same_notice(dedupe_key, now)$
-- Finds the notice that keeps the same one from being written again.
select id
from whatsapp_notifications
where
    int8range(hashtextextended(dedupe_key, 0) >> 1, hashtextextended(dedupe_key, 0) >> 1, '[]')
    && int8range(hashtextextended(:dedupe_key::text, 0) >> 1, hashtextextended(:dedupe_key::text, 0) >> 1, '[]')
    and dedupe_window @> :now::timestamptz
    and dedupe_key is not null
limit 1;
