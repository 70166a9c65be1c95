-- The CRM's cases as they were last read, what differs for a person to decide, and the runs that read them.

-- A case without a ticket was finished before we ever heard of it: it is remembered so as not to be read again and again.
create table qcontact_cases (
    case_id text not null,
    ticket_id uuid,
    ft_reference text,
    -- As the CRM said it last, unmapped.
    their_status text,
    their_assigned_to text,
    their_updated_at timestamptz,
    -- When the list showed the case last, and when its details were read last.
    seen_at timestamptz,
    read_at timestamptz,
    -- What the row of the list and the details said: the same again is no news.
    row_hash bytea,
    details_hash bytea,
    -- Since when the list does not show the case any more.
    missing_since timestamptz,
    -- Our status when both sides last said the same, and when that was: a ticket that has another one was moved here.
    agreed_status text,
    agreed_at timestamptz,
    -- What was written back last, and why nothing more is (closed there).
    pushed_status text,
    pushed_at timestamptz,
    push_blocked_reason text,
    updated_at timestamptz not null default now(),
    constraint qcontact_cases_pkey primary key (case_id),
    constraint qcontact_cases_ticket_id_key unique (ticket_id),
    constraint qcontact_cases_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qcontact_cases_case_id_format check (case_id ~ '^[0-9]{1,19}$'),
    constraint qcontact_cases_agreed_status_known check (
        agreed_status in (
            'open', 'assigned', 'in_progress', 'pending_qa', 'qa_in_progress', 'qa_rejected', 'qa_approved',
            'pending_handover', 'handed_to_maintenance', 'closed', 'cancelled'
        )
    ),
    constraint qcontact_cases_row_hash_length check (octet_length(row_hash) = 16),
    constraint qcontact_cases_details_hash_length check (octet_length(details_hash) = 16)
);
create index qcontact_cases_seen_at_idx on qcontact_cases (seen_at) where missing_since is null;

create table qcontact_conflicts (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    case_id text not null,
    field text not null,
    ours jsonb,
    theirs jsonb,
    reason text not null,
    status text not null default 'open',
    noticed_at timestamptz not null default now(),
    resolved_at timestamptz,
    resolved_by uuid,
    resolved_by_name text,
    note text,
    constraint qcontact_conflicts_pkey primary key (id),
    constraint qcontact_conflicts_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qcontact_conflicts_resolved_by_fkey foreign key (resolved_by) references users (id),
    constraint qcontact_conflicts_field_not_blank check (field ~ '\S'),
    constraint qcontact_conflicts_reason_not_blank check (reason ~ '\S'),
    constraint qcontact_conflicts_status_known check (status in ('open', 'ours', 'theirs', 'obsolete')),
    constraint qcontact_conflicts_resolved_has_time check ((status = 'open') = (resolved_at is null))
);
create unique index qcontact_conflicts_one_open on qcontact_conflicts (ticket_id, field) where status = 'open';
create index qcontact_conflicts_noticed_at_idx on qcontact_conflicts (noticed_at desc, id desc);
create index qcontact_conflicts_open_idx on qcontact_conflicts (noticed_at desc, id desc) where status = 'open';
create index qcontact_conflicts_ticket_id_idx on qcontact_conflicts (ticket_id, noticed_at desc);
create index qcontact_conflicts_resolved_by_idx on qcontact_conflicts (resolved_by) where resolved_by is not null;

create table qcontact_sync_runs (
    id uuid not null default uuidv7(),
    job_id uuid,
    direction text not null,
    scope text not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    processed integer not null default 0,
    created integer not null default 0,
    updated integer not null default 0,
    unchanged integer not null default 0,
    skipped integer not null default 0,
    conflicts integer not null default 0,
    failed integer not null default 0,
    constraint qcontact_sync_runs_pkey primary key (id),
    constraint qcontact_sync_runs_direction_known check (direction in ('inbound', 'outbound')),
    constraint qcontact_sync_runs_scope_known check (scope in ('full', 'recent', 'one')),
    constraint qcontact_sync_runs_counters_positive check (
        least(processed, created, updated, unchanged, skipped, conflicts, failed) >= 0
    )
);
create unique index qcontact_sync_runs_job_id_key on qcontact_sync_runs (job_id) where job_id is not null;
create index qcontact_sync_runs_started_at_idx on qcontact_sync_runs (started_at desc, id desc);
