-- The job platform: the ledger of jobs, what they are about, who runs them, when they are due, and who intervened.
-- depends: previous

create table queues (
    name text primary key check (name ~ '^[a-z][a-z0-9_]{0,40}$'),
    concurrency_limit integer check (concurrency_limit > 0),
    paused_at timestamptz,
    paused_by text,
    pause_reason text check (pause_reason <> ''),
    created_at timestamptz not null default now(),
    constraint queues_pause_has_a_reason check ((paused_at is null) = (pause_reason is null))
);

create table jobs (
    id uuid primary key default uuidv7(),
    kind text not null check (kind ~ '^[a-z][a-z0-9_]{0,80}$'),
    queue text not null references queues (name),
    state text not null check (
        state in ('scheduled', 'available', 'running', 'retryable', 'completed', 'discarded', 'cancelled')
    ),
    priority smallint not null default 5 check (priority between 0 and 9),
    arguments jsonb not null default '{}' check (jsonb_typeof(arguments) = 'object'),
    unique_key text,
    tags text[] not null default '{}',
    attempt integer not null default 0 check (attempt >= 0),
    max_attempts integer not null check (max_attempts >= 1),
    fence integer not null default 0 check (fence >= 0),
    snoozes integer not null default 0 check (snoozes >= 0),
    scheduled_at timestamptz not null default now(),
    rate_slot_at timestamptz,
    worker_id uuid,
    claimed_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    prune_after timestamptz,
    retain_for interval not null default '30 days',
    cancel_requested_at timestamptz,
    cancel_reason text,
    progress_done bigint check (progress_done >= 0),
    progress_total bigint check (progress_total >= 0),
    progress_phase text,
    progress_at timestamptz,
    saved jsonb,
    result jsonb,
    error_class text,
    error_message text,
    actor_kind text not null check (actor_kind in ('user', 'api_key', 'job', 'schedule', 'system')),
    actor_id uuid,
    actor_name text not null,
    request_id text,
    parent_id uuid references jobs (id) on delete set null,
    schedule_name text,
    fire_at timestamptz,
    created_at timestamptz not null default now(),
    constraint jobs_running_has_a_worker check ((state = 'running') = (worker_id is not null)),
    constraint jobs_finished_has_a_time check (
        (state in ('completed', 'discarded', 'cancelled')) = (finished_at is not null)
    ),
    constraint jobs_tick_is_whole check ((schedule_name is null) = (fire_at is null))
) with (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);

create unique index jobs_one_unfinished_per_key on jobs (kind, unique_key)
where unique_key is not null and state in ('scheduled', 'available', 'running', 'retryable');
create unique index jobs_one_per_tick on jobs (schedule_name, fire_at) where schedule_name is not null;
create index jobs_available on jobs (queue, priority, id) where state = 'available';
create index jobs_due on jobs (scheduled_at) where state in ('scheduled', 'retryable');
create index jobs_running on jobs (worker_id) where state = 'running';
create index jobs_by_state on jobs (state, id desc);
create index jobs_by_kind on jobs (kind, id desc);
create index jobs_by_queue on jobs (queue, id desc);
create index jobs_by_tag on jobs using gin (tags) where tags <> '{}';
create index jobs_by_parent on jobs (parent_id) where parent_id is not null;
create index jobs_failing on jobs (finished_at desc, id desc) where state = 'discarded';
create index jobs_to_prune on jobs (prune_after) where prune_after is not null;

create table job_attempts (
    job_id uuid not null references jobs (id) on delete cascade,
    fence integer not null,
    attempt integer not null,
    outcome text not null check (
        outcome in ('done', 'snoozed', 'cancelled', 'failed', 'discarded', 'lost', 'handed_back')
    ),
    worker_id uuid,
    scheduled_at timestamptz not null,
    claimed_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz not null,
    reason text,
    error_class text,
    error_message text,
    error_trace text,
    primary key (job_id, fence)
);

create index job_attempts_recent on job_attempts (finished_at);

create table job_log_lines (
    job_id uuid not null references jobs (id) on delete cascade,
    fence integer not null,
    line integer not null,
    logged_at timestamptz not null,
    message text not null,
    fields jsonb not null default '{}',
    primary key (job_id, fence, line)
);

create table job_subjects (
    subject_type text not null,
    subject_id text not null,
    job_id uuid not null references jobs (id) on delete cascade,
    primary key (subject_type, subject_id, job_id)
);

create index job_subjects_by_job on job_subjects (job_id);

create table rate_limits (
    kind text primary key,
    next_slot_at timestamptz not null
);

create table schedules (
    name text primary key,
    kind text not null,
    cron text not null,
    missed text not null check (missed in ('skip', 'run_once')),
    declared boolean not null default true,
    next_fire_at timestamptz not null,
    last_fire_at timestamptz,
    last_job_id uuid references jobs (id) on delete set null,
    missed_count integer not null default 0 check (missed_count >= 0),
    paused_until timestamptz,
    paused_by text,
    pause_reason text,
    updated_at timestamptz not null default now(),
    constraint schedules_pause_has_a_reason check ((paused_until is null) = (pause_reason is null))
);

create index schedules_due on schedules (next_fire_at) where declared;

create table leases (
    name text primary key,
    holder_id uuid not null,
    holder_name text not null,
    token bigint not null,
    acquired_at timestamptz not null,
    expires_at timestamptz not null
);

create table workers (
    id uuid primary key default uuidv7(),
    role text not null check (role in ('worker', 'scheduler')),
    host text not null,
    pid integer not null,
    version text not null,
    queues text[] not null default '{}',
    threads integer not null check (threads > 0),
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    heartbeat_interval real not null check (heartbeat_interval > 0),
    memory_bytes bigint,
    running integer not null default 0,
    quiet boolean not null default false,
    stopping_at timestamptz,
    stopped_at timestamptz,
    lost_at timestamptz
);

create index workers_alive on workers (heartbeat_at) where stopped_at is null;

create table operator_audit (
    id uuid primary key default uuidv7(),
    occurred_at timestamptz not null,
    actor_kind text not null,
    actor_id uuid,
    actor_name text not null,
    action text not null,
    target_type text not null,
    target_id text not null,
    reason text,
    details jsonb not null default '{}',
    request_id text
);

create index operator_audit_by_target on operator_audit (target_type, target_id, id desc);

create function operator_audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'operator_audit is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger operator_audit_append_only before update or delete or truncate on operator_audit
for each statement execute function operator_audit_is_append_only();

-- A completion that finds its attempt superseded must undo the job's own writes. Raising here does that inside the
-- same round trip as the commit, with nothing for the client to forget.
create function refuse_superseded(job_id uuid) returns boolean language plpgsql as $$
begin
    raise exception 'job % is no longer held by this attempt', job_id using errcode = 'FF001';
end
$$;
