-- name: keep_ticket(ticket_id)$
-- Keeps a ticket until its notice is written: the notice names it, and would wait for whoever is changing it while that
-- one waits for the contact.
select id from tickets where id = :ticket_id
for key share;

-- name: read_ticket_to_tell_of(ticket_id)^
-- Reads what a notice says of a ticket and whom it could go to.
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
where t.id = :ticket_id;

-- name: read_person_to_tell(user_id)^
-- Reads the telephone of somebody of the house who is told by name.
select
    id,
    name,
    phone
from users
where id = :user_id and is_active;

-- name: list_people_of_roles(roles)
-- Reads the telephones of those of the house who have one of some roles, who came first first.
select
    id,
    name,
    phone,
    roles
from users
where is_active and phone is not null and roles && :roles::text []
order by created_at, id;

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

-- name: find_same_notice(dedupe_key, now, dedupe_until)$
-- Finds the notice that keeps the same one from being written again; its writer's clock may have been a little ahead.
select id
from whatsapp_notifications
where
    int8range(hashtextextended(dedupe_key, 0) >> 1, hashtextextended(dedupe_key, 0) >> 1, '[]')
    && int8range(hashtextextended(:dedupe_key::text, 0) >> 1, hashtextextended(:dedupe_key::text, 0) >> 1, '[]')
    and dedupe_window && tstzrange(:now::timestamptz, :dedupe_until::timestamptz)
    and dedupe_key = :dedupe_key::text
limit 1;

-- name: find_phone_of_notice(notice_id)$
-- Reads to whom a notice goes, so that the contact can be taken before the notice.
select recipient_phone from whatsapp_notifications where id = :notice_id;

-- name: lock_notice(notice_id)^
-- Takes a notice until the end of the unit of work.
select
    id,
    ticket_id,
    recipient_phone,
    status,
    sending,
    sends,
    error_code,
    not_before,
    held_at,
    held_by_name,
    hold_reason
from whatsapp_notifications
where id = :notice_id
for update;

-- name: hold_notice(notice_id, now, held_by, held_by_name, reason)!
-- Keeps a locked notice back.
update whatsapp_notifications
set
    held_at = :now::timestamptz,
    held_by = :held_by::uuid,
    held_by_name = :held_by_name,
    hold_reason = :reason,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: release_notice(notice_id, not_before, now)!
-- Lets a locked notice go again, in its new turn.
update whatsapp_notifications
set
    held_at = null,
    held_by = null,
    held_by_name = null,
    hold_reason = null,
    not_before = :not_before::timestamptz,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: give_turn(notice_id, not_before, now)!
-- Gives a locked notice another turn.
update whatsapp_notifications
set not_before = :not_before::timestamptz, updated_at = :now::timestamptz
where id = :notice_id;

-- name: list_notices(notice_id, ticket_id, statuses, recipient_type, sent_after, sent_before, held, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads notices as the API shows them, the newest first. Every filter may be null; run it unprepared.
select
    n.id,
    n.ticket_id,
    n.recipient_type,
    n.recipient_phone,
    n.recipient_name,
    n.message_template,
    n.message_content,
    n.status,
    n.waha_message_id,
    n.waha_stanza_id,
    n.sent_at,
    n.delivered_at,
    n.read_at,
    n.failed_at,
    n.error_code,
    n.error_message,
    n.retry_count,
    n.not_before,
    n.held_at,
    n.held_by_name,
    n.hold_reason,
    n.created_at
from whatsapp_notifications as n
left join tickets as t on n.ticket_id = t.id
where
    (:notice_id::uuid is null or n.id = :notice_id::uuid)
    and (:ticket_id::uuid is null or n.ticket_id = :ticket_id::uuid)
    and (:statuses::text [] is null or n.status = any(:statuses::text []))
    and (:recipient_type::text is null or n.recipient_type = :recipient_type::text)
    and (:sent_after::timestamptz is null or n.sent_at >= :sent_after::timestamptz)
    and (:sent_before::timestamptz is null or n.sent_at < :sent_before::timestamptz)
    and (:held::boolean is null or (n.held_at is not null) = :held::boolean)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:after_at::timestamptz is null or (n.created_at, n.id) < (:after_at::timestamptz, :after_id::uuid))
order by n.created_at desc, n.id desc
limit :row_limit::bigint;

-- name: count_notices(ticket_id, statuses, recipient_type, sent_after, sent_before, held, see_all, see_user, see_contractor, see_teams, most)^
-- Counts the notices that list_notices lists, by how far they got, but no further than the newest `most`. Run it
-- unprepared.
select
    count(*) filter (where counted.status = 'pending') as pending,
    count(*) filter (where counted.status = 'sent') as sent,
    count(*) filter (where counted.status = 'delivered') as delivered,
    count(*) filter (where counted.status = 'read') as read,
    count(*) filter (where counted.status = 'failed') as failed
from (
    select n.status
    from whatsapp_notifications as n
    left join tickets as t on n.ticket_id = t.id
    where
        (:ticket_id::uuid is null or n.ticket_id = :ticket_id::uuid)
        and (:statuses::text [] is null or n.status = any(:statuses::text []))
        and (:recipient_type::text is null or n.recipient_type = :recipient_type::text)
        and (:sent_after::timestamptz is null or n.sent_at >= :sent_after::timestamptz)
        and (:sent_before::timestamptz is null or n.sent_at < :sent_before::timestamptz)
        and (:held::boolean is null or (n.held_at is not null) = :held::boolean)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
    order by n.created_at desc, n.id desc
    limit :most::bigint
) as counted;

-- name: count_by_template(from_at, until_at)
-- Counts the notices that were asked for in a period, by template and by how far they got.
select
    message_template as template,
    count(*) as asked,
    count(*) filter (where status = 'pending') as pending,
    count(*) filter (where status = 'pending' and held_at is not null) as held,
    count(*) filter (where status in ('sent', 'delivered', 'read')) as sent,
    count(*) filter (where status in ('delivered', 'read')) as delivered,
    count(*) filter (where status = 'read') as read,
    count(*) filter (where status = 'failed') as failed,
    count(*) filter (where status = 'failed' and error_code = 'OPTED_OUT') as opted_out
from whatsapp_notifications
where created_at >= :from_at::timestamptz and created_at < :until_at::timestamptz
group by message_template
order by message_template nulls last;

-- name: list_contacts(phone, opted_out, after_at, after_phone, row_limit)
-- Reads the telephones that notices went to or messages came from, those that changed last first. Run it unprepared.
select
    phone,
    chat_id,
    exists_on_whatsapp,
    checked_at,
    opted_out_at,
    opted_out_reason,
    last_inbound_at,
    updated_at
from whatsapp_contacts
where
    (:phone::text is null or phone = :phone::text)
    and (:opted_out::boolean is null or (opted_out_at is not null) = :opted_out::boolean)
    and (:after_at::timestamptz is null or (updated_at, phone) < (:after_at::timestamptz, :after_phone::text))
order by updated_at desc, phone desc
limit :row_limit::bigint;

-- name: opt_out_contact(phone, now, opted_out_by, reason)!
-- Notes that a locked contact does not want to hear from us.
update whatsapp_contacts
set
    opted_out_at = :now::timestamptz,
    opted_out_by = :opted_out_by::uuid,
    opted_out_reason = :reason,
    updated_at = :now::timestamptz
where phone = :phone;

-- name: opt_in_contact(phone, now)!
-- Notes that a locked contact wants to hear from us again.
update whatsapp_contacts
set opted_out_at = null, opted_out_by = null, opted_out_reason = null, updated_at = :now::timestamptz
where phone = :phone;

-- name: fail_unsent_of_contact(phone, now, error_code, error_message)$
-- Ends the notices to a locked contact of which nothing is out yet, and counts them; in one order, as they are locked.
with unsent as (
    select id
    from whatsapp_notifications
    where recipient_phone = :phone and status = 'pending' and sending = 'unsent'
    order by id
    for update
), ended as (
    update whatsapp_notifications as n
    set
        status = 'failed',
        failed_at = :now::timestamptz,
        error_code = :error_code,
        error_message = :error_message,
        updated_at = :now::timestamptz
    from unsent
    where n.id = unsent.id
    returning n.id
)
select count(*) from ended;

-- name: note_inbound_of_contact(phone, now, chat_id, dr_number)!
-- Notes that a locked contact wrote, and about which drop. Who writes is there: that the gateway once did not find the
-- telephone is forgotten.
update whatsapp_contacts
set
    exists_on_whatsapp = nullif(exists_on_whatsapp, false),
    checked_at = case when exists_on_whatsapp then checked_at end,
    last_inbound_at = greatest(last_inbound_at, :now::timestamptz),
    chat_id = coalesce(chat_id, :chat_id::text),
    last_dr_number = coalesce(:dr_number::text, last_dr_number),
    last_dr_at = case when :dr_number::text is null then last_dr_at else :now::timestamptz end,
    updated_at = :now::timestamptz
where phone = :phone;

-- name: read_contact(phone)^
-- Reads what is known of a telephone.
select
    phone,
    chat_id,
    exists_on_whatsapp,
    checked_at,
    opted_out_at,
    opted_out_reason,
    last_inbound_at,
    last_dr_number,
    last_dr_at,
    updated_at
from whatsapp_contacts
where phone = :phone;

-- name: list_changes_of_import(report_id, report_uid, event_types, after_row, row_limit)
-- Reads, row by row of a report, what it did to tickets that name somebody to tell.
select
    picked.row_number,
    picked.ticket_id,
    event.event_type,
    event.after,
    event.details
from (
    select
        r.row_number,
        r.ticket_id
    from weekly_report_rows as r
    inner join tickets as t on r.ticket_id = t.id
    where
        r.report_id = :report_id
        and r.row_number > :after_row::integer
        and r.outcome in ('created', 'updated', 'conflict')
        and (t.assigned_to is not null or t.assigned_contractor_id is not null or t.assigned_team_id is not null)
    order by r.row_number
    limit :row_limit::bigint
) as picked
left join ticket_events as event
    on
        picked.ticket_id = event.ticket_id
        and event.event_type = any(:event_types::text [])
        and event.details ->> 'report_uid' = :report_uid
        and (event.details ->> 'row_number')::integer = picked.row_number
order by picked.row_number, event.id;
