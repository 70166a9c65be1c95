-- name: lock_sending(notice_id)^
-- Takes a notice for sending, and reads all that decides about it. Whether the contact is new: it never wrote to us, and
-- nothing of ours was ever delivered to it.
select
    n.id,
    n.status,
    n.recipient_phone,
    n.message_content,
    n.not_before,
    n.held_at,
    n.hold_reason,
    n.sending,
    n.waha_session,
    coalesce(n.chat_id, c.chat_id) as chat_id,
    n.planned_stanza_id,
    n.waha_stanza_id,
    n.waha_message_id,
    n.slot_at,
    n.retry_count,
    n.sends,
    n.sends_allowed,
    n.first_sending_at,
    n.sending_at,
    n.looks,
    n.next_look_at,
    n.error_code,
    n.created_at,
    n.sent_at,
    n.delivered_at,
    n.read_at,
    c.exists_on_whatsapp,
    c.checked_at,
    c.opted_out_at,
    c.last_inbound_at is null and not exists (
        select
        from whatsapp_notifications as earlier
        where earlier.recipient_phone = n.recipient_phone and earlier.delivered_at is not null
    ) as is_new_contact
from whatsapp_notifications as n
left join whatsapp_contacts as c on n.recipient_phone = c.phone
where n.id = :notice_id
for no key update of n;

-- name: get_phone(notice_id)$
-- Reads whom a notice is for, without taking it.
select recipient_phone
from whatsapp_notifications
where id = :notice_id;

-- name: list_starts(notice_id, phone, since, reserved_since)
-- Reads when other notices went out or are to go out, and whether to the same telephone: what the rates are measured by.
-- A start in the past that was not used counts for nothing.
select n.slot_at, n.recipient_phone = :phone as same_contact
from whatsapp_notifications as n
where
    n.slot_at > :since::timestamptz
    and n.id <> :notice_id
    and (n.sends > 0 or (n.slot_at >= :reserved_since::timestamptz and n.status = 'pending' and n.held_at is null))
order by n.slot_at;

-- name: reserve_start(notice_id, slot_at, now)!
-- Gives a notice its place in the session's lane.
update whatsapp_notifications
set slot_at = :slot_at::timestamptz, updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_sending(notice_id, session, chat_id, planned_stanza_id, now)!
-- Writes down, before the call, that a message is being sent: whoever finds it so knows that it may have left.
update whatsapp_notifications
set
    sending = 'sending',
    waha_session = :session,
    chat_id = :chat_id,
    planned_stanza_id = coalesce(:planned_stanza_id::text, planned_stanza_id),
    waha_stanza_id = coalesce(:planned_stanza_id::text, waha_stanza_id),
    slot_at = :now::timestamptz,
    sends = sends + 1,
    first_sending_at = coalesce(first_sending_at, :now::timestamptz),
    sending_at = :now::timestamptz,
    unknown_since = null,
    looks = 0,
    next_look_at = null,
    error_code = null,
    error_message = null,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_accepted(notice_id, message_id, stanza_id, next_look_at, now)!
-- Writes down that the gateway has the message, and by which id.
update whatsapp_notifications
set
    sending = 'accepted',
    waha_message_id = coalesce(:message_id::text, waha_message_id),
    waha_stanza_id = :stanza_id,
    unknown_since = null,
    next_look_at = :next_look_at::timestamptz,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_unknown(notice_id, next_look_at, error_code, error_message, now)!
-- Writes down that a message may have left, and when the chat is to be read for it.
update whatsapp_notifications
set
    sending = 'unknown',
    unknown_since = coalesce(unknown_since, :now::timestamptz),
    next_look_at = :next_look_at::timestamptz,
    error_code = coalesce(:error_code::text, error_code),
    error_message = coalesce(:error_message::text, error_message),
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_not_sent(notice_id, next_look_at, not_before, error_code, error_message, now)!
-- Takes back a send that did not take place; what was sent before it stays unknown.
update whatsapp_notifications
set
    sends = sends - 1,
    sending = case when sends > 1 then 'unknown' else 'unsent' end,
    unknown_since = case when sends > 1 then :now::timestamptz end,
    next_look_at = case when sends > 1 then :next_look_at::timestamptz end,
    slot_at = case when sends > 1 then slot_at end,
    not_before = greatest(not_before, :not_before::timestamptz),
    retry_count = retry_count + 1,
    error_code = :error_code,
    error_message = :error_message,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_looked(notice_id, looks, next_look_at, now)!
-- Writes down that the chat was read and proved nothing yet.
update whatsapp_notifications
set looks = :looks, next_look_at = :next_look_at::timestamptz, updated_at = :now::timestamptz
where id = :notice_id;

-- name: mark_failed(notice_id, error_code, error_message, now)!
-- Ends a notice that a person has to see to, or that can never go out.
update whatsapp_notifications
set
    status = 'failed',
    failed_at = :now::timestamptz,
    error_code = :error_code,
    error_message = :error_message,
    next_look_at = null,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: write_delivery(notice_id, status, sent_at, delivered_at, read_at, failed_at, error_code, error_message, now)!
-- Moves a locked notice as far as its messages are confirmed. What is proven is looked for no more.
update whatsapp_notifications
set
    status = :status,
    sent_at = :sent_at::timestamptz,
    delivered_at = :delivered_at::timestamptz,
    read_at = :read_at::timestamptz,
    failed_at = :failed_at::timestamptz,
    error_code = :error_code::text,
    error_message = :error_message::text,
    next_look_at = null,
    updated_at = :now::timestamptz
where id = :notice_id;

-- name: confirm_stanza(session, stanza_id, level, sent_at, delivered_at, read_at, refused_at, refusal, now)$
-- Joins what a confirmation says to what is known of a message, whoever's it is: the most counts, at its earliest time.
insert into whatsapp_stanzas as s (
    session, stanza_id, level, sent_at, delivered_at, read_at, refused_at, refusal, created_at
)
values (
    :session, :stanza_id, :level, :sent_at::timestamptz, :delivered_at::timestamptz, :read_at::timestamptz,
    :refused_at::timestamptz, :refusal::text, :now::timestamptz
)
on conflict (session, stanza_id) do update
set
    level = greatest(s.level, excluded.level),
    sent_at = least(s.sent_at, excluded.sent_at),
    delivered_at = least(s.delivered_at, excluded.delivered_at),
    read_at = least(s.read_at, excluded.read_at),
    refused_at = least(s.refused_at, excluded.refused_at),
    refusal = coalesce(least(s.refusal, excluded.refusal), s.refusal)
returning notice_id;

-- name: bind_stanza(session, stanza_id, notice_id, now)$
-- Says whose a message is, unless it is somebody's already; returns whose it is then.
insert into whatsapp_stanzas as s (session, stanza_id, notice_id, created_at)
values (:session, :stanza_id, :notice_id, :now::timestamptz)
on conflict (session, stanza_id) do update
set notice_id = coalesce(s.notice_id, excluded.notice_id)
returning notice_id;

-- name: list_stanzas(notice_id)
-- Reads what is known of the messages of a notice. Of one that was refused, and then sent anew, it counts only that it
-- was delivered (2) after all.
select level, sent_at, delivered_at, read_at, refused_at, refusal
from whatsapp_stanzas
where notice_id = :notice_id and (not superseded or level >= 2);

-- name: supersede_stanzas(notice_id)!
-- Has what is known of the messages of a notice, all of them refused, say nothing of the send that follows.
update whatsapp_stanzas
set superseded = true
where notice_id = :notice_id and not superseded;

-- name: list_claimed(session, stanza_ids, notice_id)
-- Reads which of these messages are not those of a notice's present send: another notice's, or refused before it.
select stanza_id
from whatsapp_stanzas
where
    session = :session and stanza_id = any(:stanza_ids::text [])
    and notice_id is not null and (notice_id <> :notice_id or superseded);

-- name: find_proven(session, since)^
-- Finds a message that WhatsApp surely has: if the gateway knows it too, what it keeps of chats can be believed.
select s.stanza_id, n.chat_id, n.waha_message_id
from whatsapp_stanzas as s
inner join whatsapp_notifications as n on s.notice_id = n.id
where s.session = :session and s.level >= 1 and s.sent_at > :since::timestamptz and n.chat_id is not null
order by s.sent_at desc
limit 1;

-- name: write_contact_check(phone, chat_id, is_there, now)!
-- Keeps whether a telephone is on WhatsApp, and where to send to.
insert into whatsapp_contacts as c (phone, chat_id, exists_on_whatsapp, checked_at, created_at, updated_at)
values (:phone, :chat_id::text, :is_there, :now::timestamptz, :now::timestamptz, :now::timestamptz)
on conflict (phone) do update
set
    chat_id = coalesce(excluded.chat_id, c.chat_id),
    exists_on_whatsapp = excluded.exists_on_whatsapp,
    checked_at = excluded.checked_at,
    updated_at = excluded.updated_at;

-- name: forget_contact_check(phone, now)!
-- Forgets where to send to: the gateway does not know the chat by that id.
update whatsapp_contacts
set chat_id = null, exists_on_whatsapp = null, checked_at = null, updated_at = :now::timestamptz
where phone = :phone;

-- name: forget_chat(notice_id, now)!
-- Has an unsent notice ask anew where to go.
update whatsapp_notifications
set chat_id = null, updated_at = :now::timestamptz
where id = :notice_id and sending = 'unsent';

-- name: list_due(after, now, stale_before, row_limit)
-- Reads the notices that a job has to see to now: unsent and due for a while, found in the midst of sending, or to be
-- looked for.
select n.id
from whatsapp_notifications as n
where
    n.status = 'pending'
    and (:after::uuid is null or n.id > :after::uuid)
    and (
        (
            n.sending = 'unsent' and n.held_at is null
            and n.created_at < :stale_before::timestamptz
            and greatest(n.not_before, n.slot_at) < :now::timestamptz
        )
        or (n.sending = 'sending' and n.sending_at < :stale_before::timestamptz)
        or (n.sending in ('unknown', 'accepted') and coalesce(n.next_look_at, n.sending_at) <= :now::timestamptz)
    )
order by n.id
limit :row_limit;

-- name: look_again(session, at, now)!
-- Has the chats read anew for everything of a session that is sent and not proven.
update whatsapp_notifications
set next_look_at = :at::timestamptz, updated_at = :now::timestamptz
where
    status = 'pending' and sending in ('unknown', 'accepted') and waha_session = :session
    and (next_look_at is null or next_look_at > :at::timestamptz);

-- name: allow_send(notice_id, may_have_left, now)!
-- Lets a failed notice be sent once more; what may have left is looked for before, what surely did not is forgotten.
update whatsapp_notifications
set
    status = 'pending',
    sends_allowed = sends + 1,
    sending = case when :may_have_left::boolean then 'unknown' else 'unsent' end,
    planned_stanza_id = case when :may_have_left::boolean then planned_stanza_id end,
    waha_stanza_id = case when :may_have_left::boolean then waha_stanza_id end,
    waha_message_id = case when :may_have_left::boolean then waha_message_id end,
    unknown_since = case when :may_have_left::boolean then :now::timestamptz end,
    next_look_at = case when :may_have_left::boolean then :now::timestamptz end,
    slot_at = case when sends > 0 then slot_at end,
    looks = 0,
    retry_count = retry_count + 1,
    failed_at = null,
    error_code = null,
    error_message = null,
    updated_at = :now::timestamptz
where id = :notice_id and status = 'failed';

-- name: prune_unbound_stanzas(before, row_limit)!
-- Forgets messages that turned out to be nobody's: written on the telephone itself, or long ago.
delete from whatsapp_stanzas
where ctid in (
    select ctid
    from whatsapp_stanzas
    where notice_id is null and created_at < :before::timestamptz
    limit :row_limit
);
