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

-- name: list_log(ticket_id, case_id, directions, types, statuses, since, until, after_at, after_id, row_limit, row_skip)
-- Reads rows of the sync log, newest first. Every filter may be null; run it unprepared.
select
    id,
    ticket_id,
    qcontact_ticket_id,
    sync_direction,
    sync_type,
    request_payload,
    response_payload,
    conflicts,
    status,
    error_code,
    error_message,
    duration_ms,
    synced_at
from qcontact_sync_log
where
    (:ticket_id::uuid is null or ticket_id = :ticket_id::uuid)
    and (:case_id::text is null or qcontact_ticket_id = :case_id::text)
    and (:directions::text [] is null or sync_direction = any(:directions::text []))
    and (:types::text [] is null or sync_type = any(:types::text []))
    and (:statuses::text [] is null or status = any(:statuses::text []))
    and (:since::timestamptz is null or synced_at >= :since::timestamptz)
    and (:until::timestamptz is null or synced_at <= :until::timestamptz)
    and (:after_at::timestamptz is null or (synced_at, id) < (:after_at::timestamptz, :after_id::uuid))
order by synced_at desc, id desc
limit :row_limit::bigint offset :row_skip::bigint;

-- name: count_log(ticket_id, case_id, directions, types, statuses, since, until, most)
-- Counts the rows that list_log would list by direction and status, but no further than the newest `most`.
select
    counted.sync_direction,
    counted.status,
    count(*) as rows
from (
    select
        sync_direction,
        status
    from qcontact_sync_log
    where
        (:ticket_id::uuid is null or ticket_id = :ticket_id::uuid)
        and (:case_id::text is null or qcontact_ticket_id = :case_id::text)
        and (:directions::text [] is null or sync_direction = any(:directions::text []))
        and (:types::text [] is null or sync_type = any(:types::text []))
        and (:statuses::text [] is null or status = any(:statuses::text []))
        and (:since::timestamptz is null or synced_at >= :since::timestamptz)
        and (:until::timestamptz is null or synced_at <= :until::timestamptz)
    order by synced_at desc, id desc
    limit :most::bigint
) as counted
group by counted.sync_direction, counted.status;

-- name: find_last_logged()^
-- Reads the newest row of the sync log.
select
    synced_at,
    status,
    sync_type,
    sync_direction,
    duration_ms
from qcontact_sync_log
order by synced_at desc, id desc
limit 1;

-- name: count_logged_since(since)
-- Counts the rows of the sync log since a moment, by direction and status.
select
    sync_direction,
    status,
    count(*) as rows
from qcontact_sync_log
where synced_at >= :since::timestamptz
group by sync_direction, status;

-- name: count_waiting()^
-- Counts cases that were heard of and not read yet, conflicts that wait for a person, and cases that left the list.
select
    (select count(*) from qcontact_cases where read_at is null) as pending_inbound,
    (select count(*) from qcontact_conflicts where status = 'open') as open_conflicts,
    (
        select count(*)
        from qcontact_cases as k
        inner join tickets as t on k.ticket_id = t.id
        where k.missing_since is not null and t.status not in ('closed', 'cancelled')
    ) as left_the_list;

-- name: forget_exchanges(before, after_at, after_id, row_limit)^
-- Looks at some old rows of the log, the oldest first, and forgets them, but for what somebody needs: what differs while a
-- person has yet to decide, and the last exchange of a case whose ticket is still worked on.
with old as materialized (
    select
        id,
        synced_at,
        ticket_id,
        qcontact_ticket_id,
        conflicts
    from qcontact_sync_log
    where
        synced_at < :before::timestamptz
        and (:after_at::timestamptz is null or (synced_at, id) > (:after_at::timestamptz, :after_id::uuid))
    order by synced_at, id
    limit :row_limit::bigint
),

forgotten as (
    delete from qcontact_sync_log
    where id = any(array(
        select old.id
        from old
        where
            not (
                old.conflicts is not null
                and exists (select from qcontact_conflicts as q where q.ticket_id = old.ticket_id and q.status = 'open')
            )
            and not (
                exists (
                    select from tickets as t where t.id = old.ticket_id and t.status not in ('closed', 'cancelled')
                )
                and not exists (
                    select
                    from qcontact_sync_log as later
                    where
                        later.qcontact_ticket_id = old.qcontact_ticket_id
                        and (later.synced_at, later.id) > (old.synced_at, old.id)
                )
            )
    ))
    returning id
)

select
    (select count(*) from forgotten) as forgotten,
    (select count(*) from old) as looked_at,
    last.synced_at as last_at,
    last.id as last_id
from (select) as always
left join lateral (
    select
        synced_at,
        id
    from old
    order by synced_at desc, id desc
    limit 1
) as last on true;
