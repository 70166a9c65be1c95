-- name: insert_receipt(id, source, event_key, event, subject, body, said_at, now)^
-- Keeps what came, or counts that the same came again; `repeats` is 0 for what is new.
insert into webhook_receipts (id, source, event_key, event, subject, body, said_at, received_at, last_received_at)
values (
    :id, :source, :event_key, :event, :subject, :body::bytea, :said_at::timestamptz, :now::timestamptz,
    :now::timestamptz
)
on conflict (source, event_key) do update
set repeats = webhook_receipts.repeats + 1, last_received_at = excluded.last_received_at
returning id, received_at, repeats, processed_at, error;

-- name: is_known_receipt(source, event_key)$
-- Tells whether an event came before.
select exists(select 1 from webhook_receipts where source = :source and event_key = :event_key);

-- name: find_receipt(receipt_id)^
-- Reads what came, for the job that works on it.
select
    id,
    source,
    event,
    subject,
    body,
    said_at,
    received_at,
    processed_at
from webhook_receipts
where id = :receipt_id;

-- name: find_ticket_of_case(case_id)$
-- Finds the ticket of a case.
select ticket_id
from qcontact_cases
where case_id = :case_id;

-- name: is_running_job(job_id)$
-- Tells whether a job runs at this moment.
select state = 'running' from jobs where id = :job_id;

-- name: settle_receipt(receipt_id, outcome, error, now)!
-- Notes what became of an event; what was noted first stays.
update webhook_receipts
set processed_at = :now, outcome = :outcome, error = :error::text
where id = :receipt_id and processed_at is null;

-- name: forget_receipts(before, row_limit)!
-- Forgets events that were dealt with long ago; what still waits is kept.
delete from webhook_receipts
where id in (
    select id
    from webhook_receipts
    where processed_at < :before
    order by processed_at
    limit :row_limit
    for update skip locked
);
