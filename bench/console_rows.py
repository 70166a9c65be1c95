"""The rows that the console's other lists go through on a full installation, by SQL: nearly all of them alike.

What somebody filters for is what went wrong, and hardly any did: five rows of an import rejected, ten notices failed.
"""

from __future__ import annotations

from typing import Any, Final

from sql.database import Connection

REPORT_ROWS: Final = 100_000
NOTICES: Final = 200_000
SYNCED: Final = 200_000
INTERVENTIONS: Final = 50_000

_REPORT = """
with report as (
    insert into weekly_reports (
        year, week_number, sequence, report_date, original_filename, storage_key, file_sha256, file_size, status, phase,
        total_rows, processed_rows, updated_count, unchanged_count, duplicate_count, conflict_count, rejected_count,
        imported_at, created_at
    )
    values (
        2026, 40, 1, '2026-09-28', 'week 40.xlsx', 'weekly-reports/bench.xlsx', repeat('0', 64), 9000000, 'completed',
        'finished', %(rows)s::integer, %(rows)s::integer, 1000, %(rows)s::integer - 1125, 100, 20, 5, now(), now()
    )
    returning id
)
insert into weekly_report_rows (
    report_id, row_number, cells, external_id, title, verdict, outcome, ticket_id, errors, conflicts
)
select
    report.id, n + 1, jsonb_build_object('FT Ref', 'BENCH' || n, 'Summary', 'No light at home ' || n), 'BENCH' || n,
    'No light at home ' || n,
    case when d.outcome in ('rejected', 'duplicate') then d.outcome else 'ok' end,
    d.outcome,
    case when d.outcome in ('updated', 'unchanged') then t.id end,
    case
        when d.outcome = 'rejected' then jsonb_build_array(jsonb_build_object(
            'error_type', 'missing', 'column', 'Status', 'field', 'status', 'message', 'no status'
        ))
    end,
    case when d.outcome = 'conflict' then '[]'::jsonb end
from report
cross join generate_series(1, %(rows)s::integer) as n
cross join (select id from tickets order by id limit 1) as t
cross join lateral (
    select
        case
            when n %% 20000 = 4711 then 'rejected' when n %% 5000 = 1147 then 'conflict'
            when n %% 1000 = 470 then 'duplicate' when n %% 100 = 13 then 'updated' else 'unchanged'
        end as outcome
) as d
"""
_NOTICES = """
insert into whatsapp_notifications (
    recipient_type, recipient_phone, message_template, message_content, status, sent_at, delivered_at, read_at,
    failed_at, error_code, error_message, created_at, updated_at, not_before
)
select
    (array['technician', 'contractor', 'client'])[n %% 3 + 1], '+2782' || 1000000 + n %% 200, 'ticket_assigned',
    'FF1' || n || ' is yours', d.status, d.at, case when d.status in ('delivered', 'read') then d.at end,
    case when d.status = 'read' then d.at end, case when d.status = 'failed' then d.at end,
    case when d.status = 'failed' then 'NO_WHATSAPP' end, case when d.status = 'failed' then 'No such number' end,
    d.at, d.at, d.at
from generate_series(1, %(rows)s::integer) as n
cross join lateral (
    select
        now() - n * (interval '365 days' / %(rows)s::integer) as at,
        case when n %% 20000 = 4711 then 'failed' when n %% 10000 = 999 then 'sent'
            when n %% 2 = 0 then 'read' else 'delivered' end as status
) as d
"""
_SYNCED = """
insert into qcontact_sync_log (
    qcontact_ticket_id, sync_direction, sync_type, status, error_code, error_message, duration_ms, synced_at
)
select
    'QC' || n %% 50000, case when n %% 3 = 0 then 'outbound' else 'inbound' end,
    case when n %% 20000 = 99 then 'note_add' when n %% 5 = 1 then 'create' else 'status_update' end,
    d.status, case when d.status = 'failed' then 'TIMEOUT' end, case when d.status = 'failed' then 'No answer' end, 120,
    now() - n * (interval '90 days' / %(rows)s::integer)
from generate_series(1, %(rows)s::integer) as n
cross join lateral (
    select
        case when n %% 10000 = 4711 then 'failed' when n %% 10000 = 999 then 'partial'
            else 'success' end as status
) as d
"""
_INTERVENTIONS = """
insert into operator_audit (occurred_at, actor_kind, actor_name, action, target_type, target_id, reason)
select
    now() - n * interval '10 minutes', 'user', 'Person ' || n %% 9,
    (array['job.retry', 'job.cancel', 'queue.pause', 'queue.resume'])[n %% 4 + 1], 'job', n::text, 'The mast was down'
from generate_series(1, %(rows)s::integer) as n
"""


def write(connection: Connection) -> None:
    """Write an imported report of 100,000 rows, notices, a log of syncs and interventions; there must be a ticket."""
    for statement, rows in (
        (_REPORT, REPORT_ROWS),
        (_NOTICES, NOTICES),
        (_SYNCED, SYNCED),
        (_INTERVENTIONS, INTERVENTIONS),
    ):
        values: dict[str, Any] = {"rows": rows}
        connection.execute(statement.encode(), values)
