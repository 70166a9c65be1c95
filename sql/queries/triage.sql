-- name: list_triage_items(item_id, status, reason, after_at, after_id, row_limit)
-- Reads the queue as the API shows it, what waits longest first. The filters may be null; run it unprepared.
select
    item.id,
    item.status,
    item.reason,
    item.created_at,
    item.decided_at,
    item.decided_by_name,
    item.decision_reason,
    item.ticket_id,
    ticket.ticket_uid,
    m.id as message_id,
    m.body,
    m.sender_phone,
    m.sender_name,
    m.is_group,
    m.sent_at,
    m.drop_numbers,
    m.dr_number,
    m.media_status,
    m.media_filename,
    m.media_mime_type,
    m.media_error,
    coalesce(candidates.tickets, '[]') as candidates
from triage_items as item
inner join inbound_messages as m on item.message_id = m.id
left join tickets as ticket on item.ticket_id = ticket.id
left join lateral (
    select
        jsonb_agg(
            jsonb_build_object(
                'ticket_id', near.id, 'ticket_uid', near.ticket_uid, 'dr_number', near.dr_number,
                'title', near.title, 'status', near.status
            )
            order by near.created_at desc, near.id desc
        ) as tickets
    from (
        select
            t.id,
            t.ticket_uid,
            t.dr_number,
            t.title,
            t.status,
            t.created_at
        from tickets as t
        where
            item.status = 'open'
            and t.dr_number = any(m.drop_numbers || m.dr_number)
            and t.status not in ('closed', 'cancelled')
        order by t.created_at desc, t.id desc
        limit 20
    ) as near
) as candidates on true
where
    (:item_id::uuid is null or item.id = :item_id::uuid)
    and (:status::text is null or item.status = :status::text)
    and (:reason::text is null or item.reason = :reason::text)
    and (:after_at::timestamptz is null or (item.created_at, item.id) > (:after_at::timestamptz, :after_id::uuid))
order by item.created_at, item.id
limit :row_limit::bigint;

-- name: count_open_triage_items(most)$
-- Counts what waits for a person, no further than `most`.
select count(*)
from (select 1 from triage_items where status = 'open' limit :most::bigint) as counted;

-- name: find_message_of_item(item_id)$
-- Finds the message that an item is about: it is taken before the item, by everybody.
select message_id
from triage_items
where id = :item_id;

-- name: lock_triage_item(item_id)^
-- Takes an item for deciding, after its message.
select
    id,
    status,
    reason,
    decided_by_name,
    decided_at,
    ticket_id
from triage_items
where id = :item_id
for update;

-- name: decide_triage_item(item_id, status, ticket_id, decided_by, decided_by_name, reason, now)!
-- Notes what was decided about an item that is taken.
update triage_items
set
    status = :status,
    ticket_id = :ticket_id::uuid,
    decided_at = :now,
    decided_by = :decided_by::uuid,
    decided_by_name = :decided_by_name,
    decision_reason = :reason::text
where id = :item_id;
