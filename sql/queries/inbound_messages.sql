-- name: lock_sender(sender_id)
-- Lets the messages of one sender be dealt with one after the other: each may lend its context to the next.
select pg_advisory_xact_lock(hashtextextended('inbound:' || :sender_id::text, 0));

-- name: insert_message(id, session, message_id, stanza_id, chat_id, sender_id, sender_phone, sender_name, is_group, body, drop_numbers, sent_at, media_status, media_url, media_mime_type, media_filename, now)^
-- Keeps a message; no row if it came before, in whatever form.
insert into inbound_messages (
    id, session, message_id, stanza_id, chat_id, sender_id, sender_phone, sender_name, is_group, body, drop_numbers,
    sent_at, received_at, media_status, media_url, media_mime_type, media_filename
)
values (
    :id, :session, :message_id, :stanza_id, :chat_id, :sender_id, :sender_phone::text, :sender_name::text, :is_group,
    :body, :drop_numbers::text [], :sent_at::timestamptz, :now::timestamptz, :media_status, :media_url::text,
    :media_mime_type::text, :media_filename::text
)
on conflict (session, stanza_id) do nothing
returning *;

-- name: find_phone_of_sender(sender_id)$
-- Finds the telephone that a hidden sender was found to have before.
select sender_phone
from inbound_messages
where sender_id = :sender_id and sender_phone is not null
order by sent_at desc
limit 1;

-- name: find_context(sender_id, since, until)^
-- Finds the last message of a sender, within a time, that named drops.
select
    drop_numbers,
    sent_at
from inbound_messages
where
    sender_id = :sender_id
    and sent_at between :since and :until
    and drop_numbers <> '{}'
order by sent_at desc, id desc
limit 1;

-- name: list_followers(sender_id, since, until)
-- Takes the messages of a sender, within a time, that nobody could place. One that a person decides on now is left out:
-- a decision takes the message first, and changes it.
select m.*
from inbound_messages as m
left join triage_items as item on m.id = item.message_id
where
    m.sender_id = :sender_id
    and m.sent_at between :since and :until
    and m.drop_numbers = '{}'
    and (
        (m.outcome = 'triage' and item.status = 'open' and item.reason = 'no_drop_number')
        or (m.outcome = 'ignored' and m.media_status = 'pending')
    )
order by m.sent_at, m.id
for update of m skip locked;

-- name: list_open_tickets(dr_number, most)
-- Lists the tickets of a drop that are not over, the newest first.
select id
from tickets
where dr_number = :dr_number and status not in ('closed', 'cancelled')
order by created_at desc, id desc
limit :most::bigint;

-- name: find_writer(sender_phone)$
-- Finds the name under which a telephone is known here: a person's, a team member's, a company's.
select name
from (
    (select name, 1 as rank from users where phone = :sender_phone and is_active limit 1)
    union all
    (
        select first_name || ' ' || last_name as name, 2 as rank
        from team_members
        where phone = :sender_phone
        limit 1
    )
    union all
    (select name, 3 as rank from contractors where phone = :sender_phone limit 1)
) as known
order by rank
limit 1;

-- name: has_later_wish(sender_id, sent_at)$
-- Tells whether a sender said later whether it wants to hear from us.
select exists(
    select 1
    from inbound_messages
    where sender_id = :sender_id and sent_at > :sent_at and outcome in ('opted_out', 'opted_in')
);

-- name: lock_message(message_id)^
-- Takes a message for changing, after its ticket if it has one.
select *
from inbound_messages
where id = :message_id
for update;

-- name: find_message(message_id)^
-- Reads a message.
select *
from inbound_messages
where id = :message_id;

-- name: route_message(message_id, outcome, dr_number, ticket_id, note_id, now)!
-- Notes where a message went.
update inbound_messages
set
    outcome = :outcome,
    dr_number = coalesce(:dr_number::text, dr_number),
    ticket_id = :ticket_id::uuid,
    note_id = :note_id::uuid,
    routed_at = :now
where id = :message_id;

-- name: note_media(message_id, media_status, media_key, media_error, attachment_id)!
-- Notes what became of what came with a message.
update inbound_messages
set
    media_status = :media_status,
    media_key = :media_key::text,
    media_error = :media_error::text,
    attachment_id = :attachment_id::uuid
where id = :message_id;

-- name: list_unwanted_media(dismissed_before, row_limit)
-- Lists what is kept of messages and not needed: it belongs to a ticket by now, or nobody wanted it.
select
    m.id,
    m.media_key
from inbound_messages as m
left join triage_items as item on m.id = item.message_id
where
    m.media_key is not null
    and (m.media_status <> 'stored' or (item.status = 'dismissed' and item.decided_at < :dismissed_before))
order by m.media_key
limit :row_limit::bigint;

-- name: forget_media(message_ids)!
-- Notes that what was kept of messages is kept no more.
update inbound_messages
set
    media_key = null,
    media_status = case when media_status = 'stored' then 'forgotten' else media_status end
where id = any(:message_ids::uuid []);

-- name: add_attachment_to_note(note_id, attachment_id)!
-- Names a file in the note that it came with.
update ticket_notes
set attachments = array_append(coalesce(attachments, '{}'), :attachment_id::text)
where id = :note_id;

-- name: insert_triage_item(id, message_id, reason, now)!
-- Puts a message before a person.
insert into triage_items (id, message_id, reason, created_at)
values (:id, :message_id, :reason, :now::timestamptz)
on conflict (message_id) do nothing;

-- name: settle_triage_item(message_id, ticket_id, by_name, now)!
-- Takes a message from the queue that found its ticket by itself after all.
update triage_items
set status = 'attached', ticket_id = :ticket_id, decided_at = :now, decided_by_name = :by_name
where message_id = :message_id and status = 'open';
