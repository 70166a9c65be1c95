-- What 0025 declared for new rows holds for all: validated apart, for it reads the tables without keeping writers out.
alter table tickets validate constraint tickets_installation_date_range;
alter table drops validate constraint drops_installed_on_range;

-- Exports that a job writes to the file store. The row is the whole truth about one: a file that no finished row names
-- is no export, so a job that was killed half-way leaves nothing that looks whole.
create table exports (
    id uuid not null default uuidv7(),
    report text not null,
    file_format text not null,
    filters jsonb not null default '{}',
    -- Who asked, as they were then: the job shows them what they were allowed to see.
    actor_kind text not null,
    actor_name text not null,
    actor_user_id uuid,
    actor_contractor_id uuid,
    actor_roles text[] not null,
    job_id uuid,
    created_at timestamptz not null,
    finished_at timestamptz,
    expires_at timestamptz,
    storage_key text,
    file_sha256 text,
    file_size bigint,
    row_count bigint,
    constraint exports_pkey primary key (id),
    constraint exports_file_format_known check (file_format in ('xlsx', 'csv')),
    constraint exports_report_not_blank check (report ~ '\S'),
    constraint exports_filters_object check (jsonb_typeof(filters) = 'object'),
    constraint exports_finished_whole check (
        (finished_at is null) = (storage_key is null)
        and (finished_at is null) = (file_sha256 is null)
        and (finished_at is null) = (file_size is null)
        and (finished_at is null) = (row_count is null)
        and (finished_at is null) = (expires_at is null)
    ),
    constraint exports_file_sha256_length check (file_sha256 ~ '^[0-9a-f]{64}$')
);
create index exports_actor_idx on exports (actor_name, id desc);
create index exports_expires_at_idx on exports (expires_at) where expires_at is not null;
