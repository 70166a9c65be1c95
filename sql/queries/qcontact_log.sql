-- name: insert_log_rows(entries, now)!
-- Adds rows to the sync log; `entries` is a JSON list of them.
insert into qcontact_sync_log (
    run_id, ticket_id, qcontact_ticket_id, sync_direction, sync_type, status, request_payload, response_payload, conflicts,
    error_code, error_message, duration_ms, synced_at
)
select
    run_id, ticket_id, qcontact_ticket_id, sync_direction, sync_type, status, request, response, conflicts, error_code,
    error_message, duration_ms, :now::timestamptz
from jsonb_to_recordset(:entries::jsonb) as entry (
    run_id uuid,
    ticket_id uuid,
    qcontact_ticket_id text,
    sync_direction text,
    sync_type text,
    status text,
    request jsonb,
    response jsonb,
    conflicts jsonb,
    error_code text,
    error_message text,
    duration_ms integer
);
