-- How things stand with the services outside: whether they are left alone for a while, and how we are signed in there.
-- depends: previous

-- One row for each service, read before every job that calls it. closed: calls go out. open: nobody calls until
-- `retry_at`. half_open: one job, the holder of `probe`, tries; should its process die, another may from `retry_at` on.
create table integration_states (
    integration text not null,
    state text not null default 'closed',
    -- Failures in a row while closed, and how often in a row it opened: the wait is doubled each time.
    failures integer not null default 0,
    waits integer not null default 0,
    opened_at timestamptz,
    retry_at timestamptz,
    probe uuid,
    last_error_code text,
    last_error_message text,
    last_failure_at timestamptz,
    last_success_at timestamptz,
    changed_at timestamptz not null default now(),
    -- An operator's hold: nothing is called until somebody lets it go.
    held_at timestamptz,
    held_by text,
    hold_reason text,
    constraint integration_states_pkey primary key (integration),
    constraint integration_states_integration_known check (integration in ('qcontact', 'waha')),
    constraint integration_states_state_known check (state in ('closed', 'open', 'half_open')),
    constraint integration_states_counts check (failures >= 0 and waits >= 0),
    constraint integration_states_open_whole check ((state = 'closed') = (retry_at is null)),
    constraint integration_states_probe_whole check ((state = 'half_open') = (probe is not null)),
    constraint integration_states_error_whole check ((last_error_code is null) = (last_failure_at is null)),
    constraint integration_states_hold_whole check (
        (held_at is null and held_by is null and hold_reason is null)
        or (held_at is not null and held_by is not null and hold_reason is not null and hold_reason ~ '\S')
    )
);

insert into integration_states (integration) values ('qcontact'), ('waha');

-- One sign-in shared by all processes. The tokens are sealed with a key of the installation: the table alone opens no
-- door. `generation` grows with each change of the tokens, so that who was refused sees whether newer ones exist.
create table integration_sessions (
    integration text not null,
    sealed_tokens bytea,
    generation bigint not null default 0,
    signed_in_at timestamptz,
    sign_in_attempted_at timestamptz,
    -- Null while a sign-in is under way.
    sign_in_outcome text,
    constraint integration_sessions_pkey primary key (integration),
    constraint integration_sessions_integration_known check (integration in ('qcontact', 'waha')),
    constraint integration_sessions_outcome_known check (sign_in_outcome in ('signed_in', 'failed')),
    constraint integration_sessions_generation check (generation >= 0)
);

insert into integration_sessions (integration) values ('qcontact'), ('waha');
