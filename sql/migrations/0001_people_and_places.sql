-- How migrations are written.
--   * Forward only: a mistake is mended by the next number, and a file that has been applied is never edited
--     (its checksum is kept, and a difference stops every process).
--   * `sql/migrate.py` runs each file in one transaction of its own under lock_timeout and statement_timeout, so a
--     migration that would hold up a live table gives up instead. Nothing here may need to run outside a transaction.
--   * Safe on a live table: add columns as nullable or with a constant default; add a constraint `not valid` and validate
--     it in a later file; rename and drop only after no running release uses the name.
--   * Every vocabulary is text plus a CHECK named <table>_<column>_known; the tests hold it equal to
--     `ticketing/vocabulary.py`. Every constraint has a name, for errors are told apart by it.
--   * Keys are version 7 UUIDs, times are timestamptz, SHA-256 values are 64 hex digits, row hashes are bytea.
--   * `updated_at` is written by the services with their clock, never by a trigger: it is also the version that
--     optimistic locking compares. Times that two machines' clocks may have read are not compared by CHECKs.
--   * Rows are deactivated, cancelled or marked, not deleted.

create table contractors (
    id uuid not null default uuidv7(),
    name text not null,
    code text,
    contact_name text,
    email text,
    phone text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint contractors_pkey primary key (id),
    constraint contractors_name_not_blank check (name ~ '\S'),
    constraint contractors_phone_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$')
);
create unique index contractors_name_key on contractors (lower(name));
create unique index contractors_code_key on contractors (lower(code)) where code is not null;

create table users (
    id uuid not null default uuidv7(),
    clerk_id text,
    name text not null,
    email text,
    phone text,
    roles text[] not null default '{viewer}',
    department text,
    contractor_id uuid,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pkey primary key (id),
    constraint users_clerk_id_key unique (clerk_id),
    constraint users_contractor_id_fkey foreign key (contractor_id) references contractors (id),
    constraint users_name_not_blank check (name ~ '\S'),
    constraint users_phone_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint users_roles_known check (
        roles <@ array['admin', 'manager', 'operator', 'qa', 'technician', 'contractor', 'viewer']
    ),
    -- A contractor sees the company's tickets only: without a company the role would mean nothing, or everything.
    constraint users_contractor_has_company check (not 'contractor' = any(roles) or contractor_id is not null)
);
create unique index users_email_key on users (lower(email)) where email is not null;
create index users_contractor_id_idx on users (contractor_id) where contractor_id is not null;

create table teams (
    id uuid not null default uuidv7(),
    name text not null,
    description text,
    team_type text not null default 'internal',
    lead_user_id uuid,
    contractor_id uuid,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint teams_pkey primary key (id),
    constraint teams_lead_user_id_fkey foreign key (lead_user_id) references users (id),
    constraint teams_contractor_id_fkey foreign key (contractor_id) references contractors (id),
    constraint teams_name_not_blank check (name ~ '\S'),
    constraint teams_team_type_not_blank check (team_type ~ '\S')
);
create unique index teams_name_key on teams (lower(name));
create index teams_lead_user_id_idx on teams (lead_user_id) where lead_user_id is not null;
create index teams_contractor_id_idx on teams (contractor_id) where contractor_id is not null;

create table team_members (
    id uuid not null default uuidv7(),
    team_id uuid not null,
    user_id uuid,
    contractor_id uuid,
    first_name text not null,
    last_name text not null,
    email text,
    phone text,
    role text,
    skill_level text,
    is_active boolean not null default true,
    is_team_lead boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint team_members_pkey primary key (id),
    constraint team_members_team_id_fkey foreign key (team_id) references teams (id),
    constraint team_members_user_id_fkey foreign key (user_id) references users (id),
    constraint team_members_contractor_id_fkey foreign key (contractor_id) references contractors (id),
    constraint team_members_first_name_not_blank check (first_name ~ '\S'),
    constraint team_members_last_name_not_blank check (last_name ~ '\S'),
    constraint team_members_phone_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$')
);
-- The order in which the first active member is found for a notice.
create index team_members_team_id_idx on team_members (team_id, created_at, id);
create index team_members_contractor_id_idx on team_members (contractor_id) where contractor_id is not null;
create unique index team_members_user_once_per_team on team_members (user_id, team_id)
where user_id is not null and is_active;
create unique index team_members_one_lead on team_members (team_id) where is_team_lead and is_active;

create table projects (
    id uuid not null default uuidv7(),
    code text not null,
    name text not null,
    -- Other spellings that the sheets use for the project, in lower case.
    aliases text[] not null default '{}',
    region text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint projects_pkey primary key (id),
    constraint projects_code_not_blank check (code ~ '\S'),
    constraint projects_name_not_blank check (name ~ '\S')
);
create unique index projects_code_key on projects (lower(code));
create unique index projects_name_key on projects (lower(name));

-- The SOW register: what the design says about each home's connection point.
create table drops (
    id uuid not null default uuidv7(),
    dr_number text not null,
    project_id uuid not null,
    pole_number text,
    pon_number integer,
    zone_number integer,
    ont_label text,
    address text,
    latitude numeric(9, 6),
    longitude numeric(9, 6),
    municipality text,
    cable_type text,
    -- As the register writes it ("40m"): the wire contract has it as text.
    cable_length text,
    is_spare boolean not null default false,
    status text,
    installed_on date,
    -- The whole row of the register, columns that we do not know included.
    source_row jsonb not null default '{}',
    row_hash bytea,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint drops_pkey primary key (id),
    constraint drops_dr_number_key unique (dr_number),
    constraint drops_project_id_fkey foreign key (project_id) references projects (id),
    constraint drops_dr_number_format check (dr_number ~ '^DR[0-9]{6,8}$'),
    constraint drops_pon_number_positive check (pon_number > 0),
    constraint drops_zone_number_positive check (zone_number > 0),
    constraint drops_latitude_range check (latitude between -90 and 90),
    constraint drops_longitude_range check (longitude between -180 and 180),
    constraint drops_position_complete check ((latitude is null) = (longitude is null)),
    constraint drops_source_row_object check (jsonb_typeof(source_row) = 'object'),
    constraint drops_row_hash_length check (octet_length(row_hash) between 16 and 32)
);
create index drops_project_id_idx on drops (project_id);

create table api_keys (
    id uuid not null default uuidv7(),
    prefix text not null,
    key_sha256 text not null,
    name text not null,
    roles text[] not null,
    -- The person or company that the key acts as.
    user_id uuid,
    contractor_id uuid,
    created_by text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_prefix_key unique (prefix),
    constraint api_keys_key_sha256_key unique (key_sha256),
    constraint api_keys_user_id_fkey foreign key (user_id) references users (id),
    constraint api_keys_contractor_id_fkey foreign key (contractor_id) references contractors (id),
    constraint api_keys_name_not_blank check (name ~ '\S'),
    constraint api_keys_prefix_not_blank check (prefix ~ '\S'),
    constraint api_keys_key_sha256_length check (key_sha256 ~ '^[0-9a-f]{64}$'),
    constraint api_keys_roles_known check (
        roles <@ array['admin', 'manager', 'operator', 'qa', 'technician', 'contractor', 'viewer']
    ),
    constraint api_keys_roles_not_empty check (cardinality(roles) > 0),
    constraint api_keys_contractor_has_company check (not 'contractor' = any(roles) or contractor_id is not null),
    constraint api_keys_expires_after_creation check (expires_at > created_at),
    constraint api_keys_revoked_after_creation check (revoked_at >= created_at)
);
create index api_keys_user_id_idx on api_keys (user_id) where user_id is not null;
create index api_keys_contractor_id_idx on api_keys (contractor_id) where contractor_id is not null;

-- The answer that was given to a request with an Idempotency-Key. No answer yet: the first request is still under way.
create table idempotency_keys (
    actor_key text not null,
    key text not null,
    request_fingerprint text not null,
    response_status integer,
    response_body jsonb,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (actor_key, key),
    constraint idempotency_keys_key_length check (length(key) between 1 and 255),
    constraint idempotency_keys_response_status_http check (response_status between 100 and 599)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
