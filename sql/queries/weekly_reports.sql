-- name: insert_report(id, year, week_number, report_date, original_filename, storage_key, file_sha256, file_size, total_rows, created_by, now)^
-- Notes an upload under the next free number of its week; no row if another upload took that number meanwhile.
insert into weekly_reports (
    id, year, week_number, sequence, report_date, original_filename, storage_key, file_sha256, file_size, total_rows,
    created_by, created_at, updated_at
)
select
    :id::uuid,
    :year::integer,
    :week_number::integer,
    coalesce(max(taken.sequence), 0) + 1,
    :report_date::date,
    :original_filename::text,
    :storage_key::text,
    :file_sha256::text,
    :file_size::bigint,
    :total_rows::integer,
    :created_by::uuid,
    :now::timestamptz,
    :now::timestamptz
from weekly_reports as taken
where taken.year = :year::integer and taken.week_number = :week_number::integer
on conflict (year, week_number, sequence) do nothing
returning id, report_uid;

-- name: set_jobs(report_id, preview_job_id, import_job_id)!
-- Notes which jobs check and import a report; null leaves what is there.
update weekly_reports
set
    preview_job_id = coalesce(:preview_job_id::uuid, preview_job_id),
    import_job_id = coalesce(:import_job_id::uuid, import_job_id)
where id = :report_id;

-- name: find_report(report_id)^
-- Reads a report as it stands in the database, for the jobs that work on it.
select
    id,
    report_uid,
    original_filename,
    storage_key,
    file_sha256,
    sheet_name,
    header_mapping,
    status,
    phase,
    total_rows,
    processed_rows,
    created_count,
    updated_count,
    unchanged_count,
    duplicate_count,
    conflict_count,
    rejected_count,
    failure_code,
    failure_message,
    created_by,
    created_at
from weekly_reports
where id = :report_id;

-- name: lock_report(report_id)^
-- Takes a report for a change of its state.
select
    id,
    report_uid,
    status,
    phase,
    import_job_id,
    failure_code
from weekly_reports
where id = :report_id
for no key update;

-- name: show_report(report_id)^
-- Reads a report as the API shows it. A report whose job ended without it shows as failed.
select
    r.id,
    r.report_uid,
    r.week_number,
    r.year,
    r.report_date,
    r.original_filename,
    r.storage_key as file_path,
    r.sheet_name,
    r.header_mapping,
    r.phase,
    r.preview,
    r.total_rows,
    r.processed_rows,
    r.created_count,
    r.updated_count,
    r.unchanged_count,
    r.duplicate_count,
    r.conflict_count,
    r.rejected_count,
    case when ended.code is null then r.status else 'failed' end as status,
    coalesce(r.failure_code, ended.code) as failure_code,
    coalesce(r.failure_message, ended.message) as failure_message,
    r.preview_job_id,
    r.import_job_id,
    r.created_by,
    uploader.name as created_by_name,
    r.created_at,
    r.import_started_at,
    r.imported_at,
    r.imported_by,
    job.state as job_state,
    job.progress_done as job_done,
    job.progress_total as job_total
from weekly_reports as r
left join users as uploader on r.created_by = uploader.id
left join jobs as job on job.id = coalesce(r.import_job_id, r.preview_job_id)
left join weekly_report_ends as ended on ended.report_id = r.id
where r.id = :report_id;

-- name: list_reports(statuses, week_number, year, imported_by, imported_after, imported_before, after_at, after_id, row_limit)
-- Reads reports, newest first. Every filter may be null; the status is the one that show_report shows.
select *
from (
    select
        r.id,
        r.report_uid,
        r.week_number,
        r.year,
        r.report_date,
        r.original_filename,
        r.storage_key as file_path,
        r.phase,
        r.total_rows,
        r.processed_rows,
        r.created_count,
        r.updated_count,
        r.unchanged_count,
        r.duplicate_count,
        r.conflict_count,
        r.rejected_count,
        case when ended.code is null then r.status else 'failed' end as status,
        coalesce(r.failure_code, ended.code) as failure_code,
        coalesce(r.failure_message, ended.message) as failure_message,
        r.preview_job_id,
        r.import_job_id,
        r.created_by,
        uploader.name as created_by_name,
        r.created_at,
        r.import_started_at,
        r.imported_at,
        r.imported_by
    from weekly_reports as r
    left join users as uploader on r.created_by = uploader.id
    left join weekly_report_ends as ended on ended.report_id = r.id
    where
        (:week_number::integer is null or r.week_number = :week_number::integer)
        and (:year::integer is null or r.year = :year::integer)
        and (:imported_by::uuid is null or r.created_by = :imported_by::uuid)
        and (:imported_after::timestamptz is null or r.created_at >= :imported_after::timestamptz)
        and (:imported_before::timestamptz is null or r.created_at < :imported_before::timestamptz)
        and (:after_at::timestamptz is null or (r.created_at, r.id) < (:after_at::timestamptz, :after_id::uuid))
) as shown
where :statuses::text [] is null or shown.status = any(:statuses::text [])
order by shown.created_at desc, shown.id desc
limit :row_limit::bigint;

-- name: summarise_reports(statuses, week_number, year, imported_by, imported_after, imported_before)^
-- Counts the reports that list_reports would list, by status, with what all imports brought so far.
select
    count(*) as total,
    count(*) filter (where shown.status = 'pending') as pending,
    count(*) filter (where shown.status = 'processing') as processing,
    count(*) filter (where shown.status = 'completed') as completed,
    count(*) filter (where shown.status = 'failed') as failed,
    coalesce(sum(shown.imported), 0) as total_imported_tickets,
    avg(extract(epoch from shown.imported_at - shown.import_started_at)) filter (where shown.status = 'completed')
        as average_seconds,
    max(shown.imported_at) as last_import_date
from (
    select
        case when ended.code is null then r.status else 'failed' end as status,
        r.created_count + r.updated_count as imported,
        r.import_started_at,
        r.imported_at
    from weekly_reports as r
    left join weekly_report_ends as ended on ended.report_id = r.id
    where
        (:week_number::integer is null or r.week_number = :week_number::integer)
        and (:year::integer is null or r.year = :year::integer)
        and (:imported_by::uuid is null or r.created_by = :imported_by::uuid)
        and (:imported_after::timestamptz is null or r.created_at >= :imported_after::timestamptz)
        and (:imported_before::timestamptz is null or r.created_at < :imported_before::timestamptz)
) as shown
where :statuses::text [] is null or shown.status = any(:statuses::text []);

-- name: begin_checking(report_id, dismissed, now)$
-- Notes that the file is being read for its preview; no row once somebody confirmed or dismissed the report. One that
-- was refused may be checked again.
update weekly_reports
set
    phase = 'checking',
    status = 'pending',
    failure_code = null,
    failure_message = null,
    updated_at = :now::timestamptz
where
    id = :report_id
    and import_job_id is null
    and status <> 'completed'
    and failure_code is distinct from :dismissed::text
returning id;

-- name: last_staged_row(report_id)$
-- Finds where staging goes on after an attempt that was killed.
select max(row_number) as last_row from weekly_report_rows where report_id = :report_id;

-- name: find_known_tickets(external_ids)
-- Finds the tickets that rows are about, with what each heard last.
select
    external_id,
    id,
    source_hash
from tickets
where source = 'weekly_report' and external_id = any(:external_ids::text []);

-- name: copy_rows#
-- Takes staged rows: the report, what PreparedRow.fields has, the outcome and the ticket.
copy weekly_report_rows (
    report_id, row_number, cells, external_id, title, description, ticket_type, priority, status, dr_number,
    pole_number, pon_number, zone, address, project, project_id, assigned_text, assigned_to, contractor_text,
    assigned_contractor_id, fault_cause, fault_cause_details, ont_serial, ont_rx_level, reported_at, row_hash,
    begin_status, verdict, errors, warnings, conflicts, outcome, ticket_id
) from stdin;

-- name: finish_staging(report_id, sheet_name, header_mapping, now)$
-- Notes that every row is staged and counts them anew; gives how many there are. Rows that cannot become tickets are
-- settled from here on. A report that is checked waits for nobody's word before its preview is kept.
with counted as (
    select
        count(*)::integer as total,
        count(outcome)::integer as settled,
        count(*) filter (where outcome = 'created')::integer as created,
        count(*) filter (where outcome = 'updated')::integer as updated,
        count(*) filter (where outcome = 'unchanged')::integer as unchanged,
        count(*) filter (where outcome = 'conflict')::integer as conflict,
        count(*) filter (where outcome = 'duplicate')::integer as duplicate,
        count(*) filter (where outcome = 'rejected')::integer as rejected
    from weekly_report_rows
    where report_id = :report_id
)

update weekly_reports as r
set
    phase = case when r.status = 'processing' then 'importing' else 'checking' end,
    sheet_name = :sheet_name::text,
    header_mapping = :header_mapping::jsonb,
    total_rows = counted.total,
    processed_rows = counted.settled,
    created_count = counted.created,
    updated_count = counted.updated,
    unchanged_count = counted.unchanged,
    conflict_count = counted.conflict,
    duplicate_count = counted.duplicate,
    rejected_count = counted.rejected,
    updated_at = :now::timestamptz
from counted
where r.id = :report_id
returning r.total_rows;

-- name: list_names()
-- Reads everything that a sheet may call a person, a company or a project by.
select
    'user' as kind,
    id,
    name
from users
where is_active
union all
select
    'user' as kind,
    id,
    email
from users
where is_active and email is not null
union all
select
    'contractor' as kind,
    id,
    name
from contractors
where is_active
union all
select
    'contractor' as kind,
    id,
    code
from contractors
where is_active and code is not null
union all
select
    'project' as kind,
    p.id,
    spelling.name
from projects as p
cross join lateral unnest(array[p.code, p.name] || p.aliases) as spelling (name)
where p.is_active;

-- name: has_drops()$
-- Whether a SOW register was ever imported.
select exists(select 1 from drops) as has_drops;

-- name: find_drops(numbers)
-- Reads what the SOW register says of the given drops.
select
    d.dr_number,
    d.project_id,
    p.name as project_name,
    d.pole_number,
    d.pon_number::text as pon_number,
    d.zone_number::text as zone,
    d.address,
    d.is_spare
from drops as d
inner join projects as p on d.project_id = p.id
where d.dr_number = any(:numbers::text []);

-- name: find_same_file(report_id, file_sha256, reading)^
-- Finds the newest completed report of the very same bytes, read by the same rules: its rows need no second reading.
-- A row rejected for its date does: a day that lay ahead then may be past now. A report whose sheet somebody named does
-- not count: another sheet might be chosen.
select
    earlier.id,
    earlier.sheet_name,
    earlier.header_mapping,
    earlier.total_rows,
    (select max(r.row_number) from weekly_report_rows as r where r.report_id = earlier.id) as last_row
from weekly_reports as earlier
where
    earlier.file_sha256 = :file_sha256
    and earlier.id <> :report_id
    and earlier.status = 'completed'
    and earlier.header_mapping ->> 'reading' = :reading::text
    and earlier.header_mapping @> '{"chosen": true}'
    and not exists (
        select 1
        from weekly_report_rows as r
        where r.report_id = earlier.id and r.verdict = 'rejected' and r.errors @> '[{"field": "reported_at"}]'
    )
order by earlier.created_at desc, earlier.id desc
limit 1;

-- name: copy_rows_of_report(report_id, from_report_id, settle, after_row, up_to_row)!
-- Stages rows of an earlier report of the same file. With `settle`, rows that say what their ticket heard last are done
-- by that: a file that was imported before is compared and recorded in one statement.
insert into weekly_report_rows (
    report_id, row_number, cells, external_id, title, description, ticket_type, priority, status, dr_number,
    pole_number, pon_number, zone, address, project, project_id, assigned_text, assigned_to, contractor_text,
    assigned_contractor_id, fault_cause, fault_cause_details, ont_serial, ont_rx_level, reported_at, row_hash,
    begin_status, verdict, errors, warnings, outcome, ticket_id
)
select
    :report_id::uuid,
    r.row_number,
    r.cells,
    r.external_id,
    r.title,
    r.description,
    r.ticket_type,
    r.priority,
    r.status,
    r.dr_number,
    r.pole_number,
    r.pon_number,
    r.zone,
    r.address,
    r.project,
    r.project_id,
    r.assigned_text,
    r.assigned_to,
    r.contractor_text,
    r.assigned_contractor_id,
    r.fault_cause,
    r.fault_cause_details,
    r.ont_serial,
    r.ont_rx_level,
    r.reported_at,
    r.row_hash,
    r.begin_status,
    r.verdict,
    r.errors,
    r.warnings,
    case when r.verdict <> 'ok' then r.verdict when t.id is not null then 'unchanged' end,
    t.id
from weekly_report_rows as r
left join tickets as t
    on t.source = 'weekly_report' and r.external_id = t.external_id and r.row_hash = t.source_hash and :settle::boolean
    and r.verdict = 'ok'
where r.report_id = :from_report_id and r.row_number > :after_row::integer and r.row_number <= :up_to_row::integer;

-- name: count_verdicts(report_id)^
-- Counts what an import would do, against the tickets as they are, touching none.
select
    count(*)::integer as total,
    count(*) filter (where r.verdict = 'rejected')::integer as rejected,
    count(*) filter (where r.verdict = 'duplicate')::integer as duplicate,
    count(*) filter (where r.verdict = 'ok' and t.id is null)::integer as new,
    count(*) filter (where t.source_hash = r.row_hash)::integer as unchanged,
    count(*) filter (where t.source_hash is distinct from r.row_hash and t.id is not null)::integer as changed,
    count(*) filter (where r.warnings is not null)::integer as with_warnings
from weekly_report_rows as r
left join tickets as t on r.verdict = 'ok' and t.source = 'weekly_report' and r.external_id = t.external_id
where r.report_id = :report_id;

-- name: count_difference(report_id, ended)^
-- Counts what a report's week lists against the week before that was imported: the report with the others of its week
-- on the one side, all of the earlier week's on the other. A rejected row is known by the digits of its reference. No row
-- where no earlier week was imported.
with this as (
    select
        w.year,
        w.week_number
    from weekly_reports as w
    where w.id = :report_id
),

earlier as (
    select
        w.year,
        w.week_number
    from weekly_reports as w, this
    where w.status = 'completed' and (w.year, w.week_number) < (this.year, this.week_number)
    order by w.year desc, w.week_number desc
    limit 1
),

listed as (
    select distinct on (known.external_id)
        known.external_id,
        r.verdict,
        r.row_hash
    from this
    inner join weekly_reports as w
        on this.year = w.year and this.week_number = w.week_number and (w.status = 'completed' or w.id = :report_id)
    inner join weekly_report_rows as r on w.id = r.report_id and r.verdict <> 'duplicate'
    cross join lateral (
        select coalesce(
            r.external_id,
            'FT' || regexp_replace(r.cells ->> (w.header_mapping #>> '{fields,ft_ref}'), '[^0-9]', '', 'g')
        ) as external_id
    ) as known
    where known.external_id is not null
    order by known.external_id, w.sequence desc
),

listed_before as (
    select distinct on (r.external_id)
        r.external_id,
        r.row_hash
    from earlier
    inner join weekly_reports as w
        on earlier.year = w.year and earlier.week_number = w.week_number and w.status = 'completed'
    inner join weekly_report_rows as r on w.id = r.report_id and r.verdict = 'ok'
    order by r.external_id, w.sequence desc
)

select
    earlier.year,
    earlier.week_number,
    count(listed_before.external_id)::integer as before,
    count(listed.external_id)::integer as now,
    count(*) filter (where listed_before.external_id is null and listed.verdict = 'ok')::integer as added,
    count(*) filter (where listed.external_id is null and listed_before.external_id is not null)::integer as gone,
    count(*) filter (
        where listed.external_id is null and t.id is not null and t.status <> all(:ended::text [])
    )::integer as gone_unfinished,
    count(*) filter (where listed.row_hash = listed_before.row_hash)::integer as same,
    count(*) filter (where listed.verdict = 'ok' and listed.row_hash <> listed_before.row_hash)::integer as changed
from earlier
cross join (listed full join listed_before on listed.external_id = listed_before.external_id)
left join tickets as t
    on t.source = 'weekly_report' and listed_before.external_id = t.external_id and listed.external_id is null
group by earlier.year, earlier.week_number;

-- name: list_gone(report_id, year, week_number, ended, row_limit)
-- Reads what the earlier week listed and the report's week does not, with the tickets; those not finished come first.
with listed as (
    select known.external_id
    from weekly_reports as this
    inner join weekly_reports as beside
        on
            this.year = beside.year
            and this.week_number = beside.week_number
            and (beside.status = 'completed' or beside.id = this.id)
    inner join weekly_report_rows as here on beside.id = here.report_id
    cross join lateral (
        select coalesce(
            here.external_id,
            'FT' || regexp_replace(here.cells ->> (beside.header_mapping #>> '{fields,ft_ref}'), '[^0-9]', '', 'g')
        ) as external_id
    ) as known
    where this.id = :report_id
)

select
    g.external_id,
    g.title,
    g.dr_number,
    t.id as ticket_id,
    t.ticket_uid,
    t.status
from (
    select distinct on (r.external_id)
        r.external_id,
        r.title,
        r.dr_number
    from weekly_reports as w
    inner join weekly_report_rows as r on w.id = r.report_id and r.verdict = 'ok'
    where
        w.year = :year::integer
        and w.week_number = :week_number::integer
        and w.status = 'completed'
        and not exists (
            select 1
            from listed
            where listed.external_id = r.external_id
        )
    order by r.external_id, w.sequence desc
) as g
left join tickets as t on t.source = 'weekly_report' and g.external_id = t.external_id
order by coalesce(t.status = any(:ended::text []), false), t.ticket_uid, g.external_id
limit :row_limit::integer;

-- name: list_new(report_id, row_limit)
-- Reads the first rows of a staged report for which there is no ticket yet.
select
    r.row_number,
    r.external_id,
    r.title,
    r.dr_number,
    r.begin_status as status,
    coalesce(r.priority, 'normal') as priority
from weekly_report_rows as r
where
    r.report_id = :report_id
    and r.verdict = 'ok'
    and not exists (
        select 1
        from tickets as t
        where t.source = 'weekly_report' and t.external_id = r.external_id
    )
order by r.row_number
limit :row_limit::integer;

-- name: count_errors(report_id)
-- Counts the errors of a report by kind and column, most frequent first.
select
    error.value ->> 'error_type' as error_type,
    error.value ->> 'column' as column_name,
    count(*)::integer as count
from weekly_report_rows as r
cross join lateral jsonb_array_elements(r.errors) as error (value)
where r.report_id = :report_id
group by 1, 2
order by 3 desc, 1, 2;

-- name: list_changed(report_id, after_row, up_to_row)
-- Reads rows that say something else than their ticket heard last, with the ticket as it is now.
select
    r.row_number,
    t.id as ticket_id,
    to_jsonb(t) as ticket,
    to_jsonb(r) - 'cells' as offer,
    encode(r.row_hash, 'hex') as row_hash,
    array(
        select s.step_number
        from verification_steps as s
        where s.ticket_id = t.id and not s.is_complete and t.status = 'qa_in_progress'
    ) as open_steps,
    (
        select count(*)
        from qa_risk_acceptances as risk
        where risk.ticket_id = t.id and risk.status = 'active' and r.status is distinct from t.status
    ) as active_risks
from weekly_report_rows as r
inner join tickets as t on t.source = 'weekly_report' and r.external_id = t.external_id
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.row_number <= :up_to_row::integer
    and r.verdict = 'ok'
    and r.outcome is null
    and t.source_hash is distinct from r.row_hash
order by r.row_number;

-- name: save_preview(report_id, preview, now)!
-- Keeps what the check found for whoever decides: from here on somebody can.
update weekly_reports
set preview = :preview::jsonb, phase = 'previewed', updated_at = :now::timestamptz
where id = :report_id and phase = 'checking';

-- name: begin_importing(report_id, now)!
-- Notes that tickets are being written. A later attempt of the job goes on and keeps the time of the first.
update weekly_reports
set
    status = 'processing',
    phase = 'importing',
    failure_code = null,
    failure_message = null,
    import_started_at = coalesce(import_started_at, :now::timestamptz),
    updated_at = :now::timestamptz
where id = :report_id;

-- name: next_batch(report_id, after_row, batch_rows)^
-- Finds the bounds of the next batch that is still to be imported, and how many rows it has; nulls at the end.
select
    min(pending.row_number) as first_row,
    max(pending.row_number) as last_row,
    count(*)::integer as row_count
from (
    select r.row_number
    from weekly_report_rows as r
    where
        r.report_id = :report_id
        and r.row_number > :after_row::integer
        and r.verdict = 'ok'
        and r.outcome is null
    order by r.row_number
    limit :batch_rows::integer
) as pending;

-- name: plan_new_tickets(report_id, after_row, up_to_row)$
-- Gives an id to the ticket of each row that has none yet, and counts them.
with planned as (
    update weekly_report_rows as r
    set outcome = 'created', ticket_id = uuidv7()
    where
        r.report_id = :report_id
        and r.row_number > :after_row::integer
        and r.row_number <= :up_to_row::integer
        and r.verdict = 'ok'
        and r.outcome is null
        and not exists (
            select 1
            from tickets as t
            where t.source = 'weekly_report' and t.external_id = r.external_id
        )
    returning 1
)

select count(*)::integer as planned from planned;

-- name: insert_planned_tickets(report_id, after_row, up_to_row, clock_rows, clock_dues, clock_responses, clock_targets, clock_plain, clock_next_checks, created_by, now)!
-- Makes the planned tickets with their SLA clocks running (see ticketing/sla/clocks.py; moments in microseconds since
-- 1970): what is due already begins breached, what was given to somebody was answered when nobody told us. Where another
-- import was quicker the whole batch fails and is compared anew: guarding each row with "on conflict" would cost every
-- import a fifth of this statement for what hardly ever happens.
insert into tickets (
    id, source, external_id, ticket_type, priority, status, title, description, dr_number, pole_number, pon_number,
    zone, project_id, address, ont_serial, ont_rx_level, assigned_to, assigned_contractor_id, fault_cause,
    fault_cause_details, reported_at, sla_due_at, sla_first_response_due_at, sla_target_minutes, sla_round_the_clock,
    sla_next_check_at, sla_breached, sla_breached_at, sheet_fields, source_hash, created_by, created_at, updated_at
)
select
    r.ticket_id,
    'weekly_report',
    r.external_id,
    coalesce(r.ticket_type, 'maintenance'),
    coalesce(r.priority, 'normal'),
    r.begin_status,
    r.title,
    r.description,
    r.dr_number,
    r.pole_number,
    r.pon_number,
    r.zone,
    r.project_id,
    r.address,
    r.ont_serial,
    r.ont_rx_level,
    r.assigned_to,
    r.assigned_contractor_id,
    r.fault_cause,
    r.fault_cause_details,
    coalesce(r.reported_at, :now::timestamptz),
    clock.due_at,
    case when r.begin_status = 'open' then clock.response_due_at end,
    clock.target_minutes,
    coalesce(clock.is_plain, false),
    case when clock.due_at > :now::timestamptz then clock.next_check_at end,
    coalesce(clock.due_at <= :now::timestamptz, false),
    case when clock.due_at <= :now::timestamptz then clock.due_at end,
    json_object(
        'title': r.title,
        'description': r.description,
        'ticket_type': coalesce(r.ticket_type, 'maintenance'),
        'priority': coalesce(r.priority, 'normal'),
        'status': r.status,
        'applied_status': r.begin_status,
        'dr_number': r.dr_number,
        'pole_number': r.pole_number,
        'pon_number': r.pon_number,
        'zone': r.zone,
        'project': r.project,
        'project_id': r.project_id,
        'address': r.address,
        'ont_serial': r.ont_serial,
        'ont_rx_level': r.ont_rx_level,
        'assigned_text': r.assigned_text,
        'assigned_to': r.assigned_to,
        'contractor_text': r.contractor_text,
        'assigned_contractor_id': r.assigned_contractor_id,
        'fault_cause': r.fault_cause,
        'fault_cause_details': r.fault_cause_details,
        'reported_at': coalesce(r.reported_at, :now::timestamptz)
        absent on null returning jsonb
    ),
    r.row_hash,
    :created_by::uuid,
    :now::timestamptz,
    :now::timestamptz
from weekly_report_rows as r
left join (
    select
        c.row_number,
        to_timestamp(c.due::double precision / 1000000) as due_at,
        to_timestamp(c.response::double precision / 1000000) as response_due_at,
        c.target_minutes,
        c.is_plain,
        to_timestamp(c.next_check::double precision / 1000000) as next_check_at
    from unnest(
        :clock_rows::integer [],
        :clock_dues::bigint [],
        :clock_responses::bigint [],
        :clock_targets::integer [],
        :clock_plain::boolean [],
        :clock_next_checks::bigint []
    ) as c (row_number, due, response, target_minutes, is_plain, next_check)
) as clock on r.row_number = clock.row_number
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.row_number <= :up_to_row::integer
    and r.outcome = 'created'
order by r.row_number;

-- name: insert_steps_of_planned(report_id, after_row, up_to_row, now)!
-- Makes the 12 verification steps of the new tickets, in the order of their key: the index only grows at its end.
-- The tickets alone are sorted: twelve times as many rows would be sorted on disk.
insert into verification_steps (ticket_id, step_number, created_at)
select
    made.ticket_id,
    step.step_number,
    :now::timestamptz
from (
    select r.ticket_id
    from weekly_report_rows as r
    where
        r.report_id = :report_id
        and r.row_number > :after_row::integer
        and r.row_number <= :up_to_row::integer
        and r.outcome = 'created'
    order by r.ticket_id
) as made
cross join verification_step_types as step;

-- name: insert_events_of_planned(report_id, after_row, up_to_row, event_type, report_uid, actor_kind, actor_id, actor_name, job_id, request_id, now)!
-- Writes the first line of the timeline of each new ticket. It takes the ticket's id for its own: a second random one for
-- each would cost as much as the rest of the row.
insert into ticket_events (
    id, ticket_id, event_type, occurred_at, actor_kind, actor_id, actor_name, job_id, request_id, after, details
)
select
    r.ticket_id,
    r.ticket_id,
    :event_type::text,
    :now::timestamptz,
    :actor_kind::text,
    :actor_id::uuid,
    :actor_name::text,
    :job_id::uuid,
    :request_id::text,
    json_object(
        'source': 'weekly_report',
        'external_id': r.external_id,
        'title': r.title,
        'ticket_type': coalesce(r.ticket_type, 'maintenance'),
        'priority': coalesce(r.priority, 'normal'),
        'status': r.begin_status,
        'dr_number': r.dr_number,
        'assigned_to': r.assigned_to,
        'assigned_contractor_id': r.assigned_contractor_id
        absent on null returning jsonb
    ),
    jsonb_build_object('report_uid', :report_uid::text, 'row_number', r.row_number)
from weekly_report_rows as r
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.row_number <= :up_to_row::integer
    and r.outcome = 'created'
order by r.ticket_id;

-- name: settle_unchanged(report_id, after_row, up_to_row)$
-- Marks the rows that say what their ticket heard last, and counts them.
with settled as (
    update weekly_report_rows as r
    set outcome = 'unchanged', ticket_id = t.id
    from tickets as t
    where
        r.report_id = :report_id
        and r.row_number > :after_row::integer
        and r.row_number <= :up_to_row::integer
        and r.verdict = 'ok'
        and r.outcome is null
        and t.source = 'weekly_report'
        and r.external_id = t.external_id
        and r.row_hash = t.source_hash
    returning 1
)

select count(*)::integer as settled from settled;

-- name: lock_tickets_of_batch(report_id, after_row, up_to_row)
-- Takes the tickets that rows of a batch want to change, in one order for everybody, so that imports never deadlock.
select t.id
from tickets as t
inner join weekly_report_rows as r on t.external_id = r.external_id
where
    t.source = 'weekly_report'
    and r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.row_number <= :up_to_row::integer
    and r.verdict = 'ok'
    and r.outcome is null
    and t.source_hash is distinct from r.row_hash
order by t.id
for no key update of t;

-- name: update_tickets(changes, now)!
-- Writes what the sheet may change; a column that is null in a change stays. Takes a JSON array of objects.
update tickets as t
set
    title = coalesce(c.title, t.title),
    description = coalesce(c.description, t.description),
    ticket_type = coalesce(c.ticket_type, t.ticket_type),
    priority = coalesce(c.priority, t.priority),
    status = coalesce(c.status, t.status),
    dr_number = coalesce(c.dr_number, t.dr_number),
    pole_number = coalesce(c.pole_number, t.pole_number),
    pon_number = coalesce(c.pon_number, t.pon_number),
    zone = coalesce(c.zone, t.zone),
    project_id = coalesce(c.project_id, t.project_id),
    address = coalesce(c.address, t.address),
    ont_serial = coalesce(c.ont_serial, t.ont_serial),
    ont_rx_level = coalesce(c.ont_rx_level, t.ont_rx_level),
    assigned_to = coalesce(c.assigned_to, t.assigned_to),
    assigned_contractor_id = coalesce(c.assigned_contractor_id, t.assigned_contractor_id),
    fault_cause = coalesce(c.fault_cause, t.fault_cause),
    fault_cause_details = coalesce(c.fault_cause_details, t.fault_cause_details),
    reported_at = coalesce(c.reported_at, t.reported_at),
    qa_ready = t.qa_ready and not c.checked,
    sla_first_response_at = case
        when t.status = 'open' and c.status not in ('open', 'cancelled')
            then coalesce(t.sla_first_response_at, :now::timestamptz)
        else t.sla_first_response_at
    end,
    -- Another process's clock may have been ahead when the ticket was made.
    closed_at = case when c.status = 'closed' then greatest(:now::timestamptz, t.created_at) else t.closed_at end,
    sheet_fields = c.sheet_fields,
    source_hash = decode(c.row_hash, 'hex'),
    updated_at = case
        when c.changed
            then greatest(:now::timestamptz, date_trunc('milliseconds', t.updated_at) + interval '1 millisecond')
        else t.updated_at
    end
from jsonb_to_recordset(:changes::jsonb) as c (
    ticket_id uuid,
    title text,
    description text,
    ticket_type text,
    priority text,
    status text,
    dr_number text,
    pole_number text,
    pon_number text,
    zone text,
    project_id uuid,
    address text,
    ont_serial text,
    ont_rx_level numeric,
    assigned_to uuid,
    assigned_contractor_id uuid,
    fault_cause text,
    fault_cause_details text,
    reported_at timestamptz,
    sheet_fields jsonb,
    row_hash text,
    checked boolean,
    changed boolean
)
where t.id = c.ticket_id;

-- name: settle_changed(report_id, row_numbers, ticket_ids, outcomes, conflicts)!
-- Records what became of the changed rows of a batch.
update weekly_report_rows as r
set outcome = done.outcome, ticket_id = done.ticket_id, conflicts = done.conflicts::jsonb
from unnest(:row_numbers::integer [], :ticket_ids::uuid [], :outcomes::text [], :conflicts::text [])
    as done (row_number, ticket_id, outcome, conflicts)
where r.report_id = :report_id and r.row_number = done.row_number;

-- name: add_counts(report_id, created, updated, unchanged, conflict, duplicate, rejected, now)$
-- Adds what a batch did to the report's counts; gives how many rows are settled now.
update weekly_reports
set
    processed_rows
    = processed_rows + :created::integer + :updated::integer + :unchanged::integer + :conflict::integer
    + :duplicate::integer + :rejected::integer,
    created_count = created_count + :created::integer,
    updated_count = updated_count + :updated::integer,
    unchanged_count = unchanged_count + :unchanged::integer,
    conflict_count = conflict_count + :conflict::integer,
    duplicate_count = duplicate_count + :duplicate::integer,
    rejected_count = rejected_count + :rejected::integer,
    updated_at = :now::timestamptz
where id = :report_id
returning processed_rows;

-- name: reject_row(report_id, row_number, errors)!
-- Rejects a row that the database itself refused.
update weekly_report_rows
set verdict = 'rejected', outcome = 'rejected', ticket_id = null, errors = :errors::jsonb
where report_id = :report_id and row_number = :row_number;

-- name: finish_report(report_id, imported_by, now)^
-- Closes a report whose rows are all done.
update weekly_reports
set
    status = 'completed',
    phase = 'finished',
    imported_at = :now::timestamptz,
    imported_by = :imported_by::uuid,
    updated_at = :now::timestamptz
where id = :report_id
returning
    report_uid, total_rows, created_count, updated_count, unchanged_count, duplicate_count, conflict_count,
    rejected_count;

-- name: fail_report(report_id, failure_code, failure_message, now)!
-- Closes a report that cannot be imported, with the reason for the person who made the file.
update weekly_reports
set
    status = 'failed',
    phase = 'finished',
    failure_code = :failure_code::text,
    failure_message = :failure_message::text,
    updated_at = :now::timestamptz
where id = :report_id;

-- name: list_rows(report_id, outcome, after_row, row_limit)
-- Reads rows of a report with what became of each. `warning` and `conflict` as outcome mean every row that has some. Run
-- it unprepared.
select
    r.row_number,
    r.verdict,
    r.outcome,
    r.external_id,
    r.ticket_id,
    t.ticket_uid,
    r.errors,
    r.warnings,
    r.conflicts,
    r.cells
from weekly_report_rows as r
left join tickets as t on r.ticket_id = t.id
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and (
        :outcome::text is null
        or r.outcome = :outcome::text
        or (:outcome::text = 'warning' and r.warnings is not null)
        or (:outcome::text = 'conflict' and r.conflicts is not null)
    )
order by r.row_number
limit :row_limit::integer;

-- name: list_errors(report_ids, row_limit)
-- Reads the first errors of each of some reports, each with the row that it is about.
select
    picked.report_id,
    first.row_number,
    first.error,
    first.cells
from unnest(:report_ids::uuid []) as picked (report_id)
cross join lateral (
    select
        r.row_number,
        error.value as error,
        r.cells
    from weekly_report_rows as r
    cross join lateral jsonb_array_elements(r.errors) as error (value)
    where r.report_id = picked.report_id and r.errors is not null
    order by r.row_number
    limit :row_limit::integer
) as first
order by picked.report_id, first.row_number;
