-- The weekly import: the report, and its rows with what became of each.

create table weekly_reports (
    id uuid not null default uuidv7(),
    year integer not null,
    week_number integer not null,
    sequence integer not null,
    report_uid text not null generated always as (
        'WR' || lpad(year::text, 4, '0') || '-W' || lpad(week_number::text, 2, '0') || '-'
        || lpad(sequence::text, 3, '0')
    ) stored,
    report_date date not null,
    original_filename text not null,
    storage_key text not null,
    file_sha256 text not null,
    file_size bigint not null,
    sheet_name text,
    -- Which column of the sheet feeds which field.
    header_mapping jsonb not null default '{}',
    status text not null default 'pending',
    -- Where between upload and end: `previewed` waits for a person's word.
    phase text not null default 'uploaded',
    -- What the preview found: counts by verdict, and samples.
    preview jsonb not null default '{}',
    total_rows integer not null default 0,
    processed_rows integer not null default 0,
    created_count integer not null default 0,
    updated_count integer not null default 0,
    unchanged_count integer not null default 0,
    duplicate_count integer not null default 0,
    conflict_count integer not null default 0,
    rejected_count integer not null default 0,
    failure_code text,
    failure_message text,
    -- Jobs are pruned; the report outlives them. Hence no foreign keys.
    preview_job_id uuid,
    import_job_id uuid,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    import_started_at timestamptz,
    imported_at timestamptz,
    imported_by uuid,
    constraint weekly_reports_pkey primary key (id),
    -- The one unique index: `report_uid` is made of the same three, and a second index would break `on conflict`.
    constraint weekly_reports_week_sequence_key unique (year, week_number, sequence),
    constraint weekly_reports_created_by_fkey foreign key (created_by) references users (id),
    constraint weekly_reports_imported_by_fkey foreign key (imported_by) references users (id),
    constraint weekly_reports_year_range check (year between 2000 and 2100),
    constraint weekly_reports_week_number_range check (week_number between 1 and 53),
    constraint weekly_reports_sequence_range check (sequence between 1 and 999),
    constraint weekly_reports_report_uid_format check (report_uid ~ '^WR[0-9]{4}-W[0-9]{2}-[0-9]{3}$'),
    constraint weekly_reports_original_filename_not_blank check (original_filename ~ '\S'),
    constraint weekly_reports_storage_key_not_blank check (storage_key ~ '\S'),
    constraint weekly_reports_file_sha256_length check (file_sha256 ~ '^[0-9a-f]{64}$'),
    constraint weekly_reports_file_size_positive check (file_size > 0),
    constraint weekly_reports_header_mapping_object check (jsonb_typeof(header_mapping) = 'object'),
    constraint weekly_reports_preview_object check (jsonb_typeof(preview) = 'object'),
    constraint weekly_reports_status_known check (status in ('pending', 'processing', 'completed', 'failed')),
    constraint weekly_reports_phase_known check (
        phase in ('uploaded', 'checking', 'previewed', 'importing', 'finished')
    ),
    constraint weekly_reports_counts_positive check (
        least(
            total_rows, processed_rows, created_count, updated_count, unchanged_count, duplicate_count,
            conflict_count, rejected_count
        ) >= 0
    ),
    constraint weekly_reports_processed_within_total check (processed_rows <= total_rows),
    constraint weekly_reports_outcomes_within_total check (
        created_count + updated_count + unchanged_count + duplicate_count + conflict_count + rejected_count
        <= total_rows
    ),
    constraint weekly_reports_completed_has_time check (status <> 'completed' or imported_at is not null),
    constraint weekly_reports_finished_agrees check ((phase = 'finished') = (status in ('completed', 'failed'))),
    constraint weekly_reports_failed_has_reason check (
        status <> 'failed' or (failure_code is not null and failure_message is not null)
    )
);
create index weekly_reports_created_at_idx on weekly_reports (created_at desc, id desc);

-- Staging and result in one. 100,000 rows at a time: no index but the key, and no foreign key to the tickets (which are
-- never deleted), for each would cost an import a look-up a row.
create table weekly_report_rows (
    report_id uuid not null,
    -- As the spreadsheet counts: the header is usually row 1.
    row_number integer not null,
    -- The whole row by header, columns that we do not know included.
    cells jsonb not null,
    external_id text,
    title text,
    description text,
    ticket_type text,
    priority text,
    status text,
    dr_number text,
    pole_number text,
    pon_number text,
    zone text,
    address text,
    project text,
    project_id uuid,
    assigned_text text,
    assigned_to uuid,
    contractor_text text,
    assigned_contractor_id uuid,
    fault_cause text,
    fault_cause_details text,
    ont_serial text,
    ont_rx_level numeric,
    reported_at timestamptz,
    row_hash bytea,
    -- The status that a new ticket begins with: as far towards the sheet's as the machine allows.
    begin_status text,
    verdict text not null,
    errors jsonb,
    warnings jsonb,
    outcome text,
    conflicts jsonb,
    ticket_id uuid,
    constraint weekly_report_rows_pkey primary key (report_id, row_number),
    constraint weekly_report_rows_report_id_fkey foreign key (report_id) references weekly_reports (id),
    constraint weekly_report_rows_row_number_positive check (row_number > 0),
    constraint weekly_report_rows_verdict_known check (verdict in ('ok', 'duplicate', 'rejected')),
    constraint weekly_report_rows_outcome_known check (
        outcome in ('created', 'updated', 'unchanged', 'duplicate', 'conflict', 'rejected')
    ),
    constraint weekly_report_rows_rejected_has_errors check (
        verdict <> 'rejected' or coalesce(jsonb_array_length(errors), 0) > 0
    ),
    constraint weekly_report_rows_ticket_of_written check (
        outcome is null or outcome not in ('created', 'updated', 'unchanged') or ticket_id is not null
    )
);
