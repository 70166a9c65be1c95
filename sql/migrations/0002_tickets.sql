-- Tickets, their 12 steps and their events.

-- Whether the status machine has the move. The same graph as TRANSITIONS in ticketing/vocabulary.py; set-based imports
-- ask it in SQL, the trigger below makes it hold for every writer.
create function ticket_status_allows(old_status text, new_status text) returns boolean
language sql immutable parallel safe
as $$
    select case old_status
        when 'open' then new_status in ('assigned', 'cancelled')
        when 'assigned' then new_status in ('in_progress', 'open', 'cancelled')
        when 'in_progress' then new_status in ('pending_qa', 'assigned', 'cancelled')
        when 'pending_qa' then new_status in ('qa_in_progress', 'in_progress', 'cancelled')
        when 'qa_in_progress' then new_status in ('qa_approved', 'qa_rejected', 'pending_qa')
        when 'qa_rejected' then new_status in ('in_progress', 'assigned', 'cancelled')
        when 'qa_approved' then new_status in ('pending_handover', 'closed')
        when 'pending_handover' then new_status in ('handed_to_maintenance', 'qa_approved')
        when 'handed_to_maintenance' then new_status = 'closed'
        else false
    end
$$;

-- Refuses what may not be done to a table at all. Argument: why, as the end of a sentence.
create function refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% on % refused: %', lower(tg_op), tg_table_name, tg_argv[0]
        using errcode = 'TK002', constraint = tg_name, table = tg_table_name;
end
$$;

create sequence ticket_uid_numbers as bigint start with 100001 minvalue 100001;

create table tickets (
    id uuid not null default uuidv7(),
    ticket_uid text not null default 'FF' || nextval('ticket_uid_numbers'),
    source text not null,
    external_id text,
    ticket_type text not null,
    priority text not null default 'normal',
    status text not null default 'open',
    owner text not null default 'build',
    title text not null,
    description text,
    client_name text,
    client_contact text,
    client_email text,
    dr_number text,
    pole_number text,
    pon_number text,
    zone text,
    project_id uuid,
    address text,
    latitude numeric(9, 6),
    longitude numeric(9, 6),
    ont_serial text,
    ont_model text,
    ont_rx_level numeric(5, 2),
    assigned_to uuid,
    assigned_contractor_id uuid,
    assigned_team_id uuid,
    assigned_team text,
    installation_date date,
    guarantee_status text,
    guarantee_expires_at timestamptz,
    is_billable boolean,
    billing_classification text,
    fault_cause text,
    fault_cause_details text,
    qa_ready boolean not null default false,
    qa_readiness_check_at timestamptz,
    qa_readiness_failed_reasons text[],
    rectification_count integer not null default 0,
    sla_due_at timestamptz,
    sla_first_response_due_at timestamptz,
    sla_first_response_at timestamptz,
    sla_breached boolean not null default false,
    sla_breached_at timestamptz,
    sla_warned_75_at timestamptz,
    sla_warned_90_at timestamptz,
    -- The next moment at which the sweep has something to do for this ticket; null: nothing, or the clock is paused.
    sla_next_check_at timestamptz,
    sla_paused_at timestamptz,
    sla_pause_reason text,
    sla_paused_seconds bigint not null default 0,
    -- Set on the infrastructure ticket that an escalation made; such a ticket is not counted as a fault.
    escalation_id uuid,
    -- The fields as the sheet or the CRM gave them last: what differs from them was changed here and stays.
    sheet_fields jsonb,
    source_hash bytea,
    reported_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid,
    closed_at timestamptz,
    closed_by uuid,
    constraint tickets_pkey primary key (id),
    constraint tickets_ticket_uid_key unique (ticket_uid),
    constraint tickets_project_id_fkey foreign key (project_id) references projects (id),
    constraint tickets_assigned_to_fkey foreign key (assigned_to) references users (id),
    constraint tickets_assigned_contractor_id_fkey foreign key (assigned_contractor_id) references contractors (id),
    constraint tickets_assigned_team_id_fkey foreign key (assigned_team_id) references teams (id),
    constraint tickets_created_by_fkey foreign key (created_by) references users (id),
    constraint tickets_closed_by_fkey foreign key (closed_by) references users (id),
    constraint tickets_ticket_uid_format check (ticket_uid ~ '^FF[0-9]{6,18}$'),
    constraint tickets_source_known check (
        source in (
            'qcontact', 'weekly_report', 'construction', 'ad_hoc', 'incident', 'revenue', 'ont_swap', 'manual'
        )
    ),
    constraint tickets_ticket_type_known check (
        ticket_type in ('maintenance', 'new_installation', 'modification', 'ont_swap', 'incident')
    ),
    constraint tickets_priority_known check (priority in ('low', 'normal', 'high', 'urgent', 'critical')),
    constraint tickets_status_known check (
        status in (
            'open', 'assigned', 'in_progress', 'pending_qa', 'qa_in_progress', 'qa_rejected', 'qa_approved',
            'pending_handover', 'handed_to_maintenance', 'closed', 'cancelled'
        )
    ),
    constraint tickets_owner_known check (owner in ('build', 'qa', 'maintenance')),
    constraint tickets_fault_cause_known check (
        fault_cause in (
            'workmanship', 'material_failure', 'client_damage', 'third_party', 'environmental', 'vandalism', 'unknown'
        )
    ),
    constraint tickets_guarantee_status_known check (
        guarantee_status in ('under_guarantee', 'out_of_guarantee', 'pending_classification')
    ),
    constraint tickets_billing_classification_known check (
        billing_classification in (
            'contractor_under_guarantee', 'client_out_of_guarantee', 'client_damage', 'third_party_damage',
            'warranty_claim', 'free_of_charge', 'pending_classification'
        )
    ),
    constraint tickets_external_id_length check (length(external_id) <= 100 and external_id ~ '\S'),
    constraint tickets_title_not_blank check (title ~ '\S'),
    constraint tickets_title_length check (length(title) <= 255),
    constraint tickets_dr_number_format check (dr_number ~ '^DR[0-9]{6,8}$'),
    constraint tickets_pole_number_length check (length(pole_number) <= 50 and pole_number ~ '\S'),
    constraint tickets_pon_number_length check (length(pon_number) <= 50 and pon_number ~ '\S'),
    constraint tickets_zone_length check (length(zone) <= 50 and zone ~ '\S'),
    constraint tickets_latitude_range check (latitude between -90 and 90),
    constraint tickets_longitude_range check (longitude between -180 and 180),
    constraint tickets_position_complete check ((latitude is null) = (longitude is null)),
    constraint tickets_ont_serial_length check (length(ont_serial) <= 100),
    constraint tickets_ont_model_length check (length(ont_model) <= 100),
    -- What a meter can show at all, not what is good: a bad reading must be recordable to be seen as bad.
    constraint tickets_ont_rx_level_range check (ont_rx_level between -60 and 10),
    constraint tickets_assigned_team_length check (length(assigned_team) <= 100),
    constraint tickets_rectification_count_positive check (rectification_count >= 0),
    constraint tickets_closed_has_time check ((status = 'closed') = (closed_at is not null)),
    constraint tickets_closed_by_needs_closed check (closed_by is null or closed_at is not null),
    constraint tickets_closed_has_cause check (
        status <> 'closed' or ticket_type not in ('maintenance', 'incident') or fault_cause is not null
    ),
    constraint tickets_breach_marked check (sla_breached_at is null or sla_breached),
    constraint tickets_sla_pause_has_reason check (
        (sla_paused_at is null) = (sla_pause_reason is null) and sla_pause_reason ~ '\S'
    ),
    constraint tickets_sla_paused_seconds_positive check (sla_paused_seconds >= 0),
    constraint tickets_sheet_fields_object check (jsonb_typeof(sheet_fields) = 'object'),
    constraint tickets_source_hash_length check (octet_length(source_hash) between 16 and 32)
);
alter sequence ticket_uid_numbers owned by tickets.ticket_uid;

-- An import of 100,000 rows pays for each index here: partial wherever the query allows it.
create unique index tickets_external_id_key on tickets (source, external_id) where external_id is not null;
create index tickets_created_at_idx on tickets (created_at desc, id desc);
create index tickets_status_idx on tickets (status, created_at desc, id desc);
create index tickets_dr_number_idx on tickets (dr_number, created_at desc, id desc) where dr_number is not null;
create index tickets_project_id_idx on tickets (project_id, created_at desc, id desc) where project_id is not null;
create index tickets_assigned_to_idx on tickets (assigned_to, created_at desc, id desc) where assigned_to is not null;
create index tickets_assigned_team_id_idx on tickets (assigned_team_id, created_at desc, id desc)
where assigned_team_id is not null;
create index tickets_assigned_contractor_id_idx on tickets (assigned_contractor_id, created_at desc, id desc)
where assigned_contractor_id is not null;
create index tickets_sla_due_at_idx on tickets (sla_due_at)
where sla_due_at is not null and status not in ('closed', 'cancelled');
create index tickets_sla_next_check_at_idx on tickets (sla_next_check_at) where sla_next_check_at is not null;
create index tickets_faults_reported_at_idx on tickets (reported_at)
where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null;
create unique index tickets_escalation_id_key on tickets (escalation_id) where escalation_id is not null;

create function refuse_status_move() returns trigger
language plpgsql
as $$
begin
    raise exception 'a ticket that is % cannot become %', old.status, new.status
        using errcode = 'TK001', constraint = 'tickets_status_machine', table = 'tickets';
end
$$;
-- The condition is in the trigger's WHEN, so an allowed update does not even call the function.
create trigger tickets_status_machine
before update of status on tickets
for each row
when (old.status is distinct from new.status and not ticket_status_allows(old.status, new.status))
execute function refuse_status_move();

create trigger tickets_identity_fixed
before update of id, ticket_uid, created_at on tickets
for each row
when (old.id <> new.id or old.ticket_uid <> new.ticket_uid or old.created_at <> new.created_at)
execute function refuse_change('the id, number and creation time of a ticket never change');

create trigger tickets_never_deleted
before delete or truncate on tickets
for each statement
execute function refuse_change('tickets are cancelled, never deleted');

-- What the 12 steps are; mirrored by STEPS in ticketing/vocabulary.py.
create table verification_step_types (
    step_number smallint not null,
    step_name text not null,
    step_description text not null,
    photo_required boolean not null,
    needs_ont_serial boolean not null default false,
    needs_ont_rx boolean not null default false,
    needs_notes boolean not null default false,
    constraint verification_step_types_pkey primary key (step_number),
    constraint verification_step_types_step_name_key unique (step_name),
    constraint verification_step_types_step_number_range check (step_number between 1 and 12)
);
insert into verification_step_types (
    step_number, step_name, step_description, photo_required, needs_ont_serial, needs_ont_rx, needs_notes
) values
(1, 'Site Assessment', 'The site as it was found: access, pole, route and risks', true, false, false, false),
(2, 'Material Verification', 'Drop cable, connectors, ONT and Gizzu on site and of the right kind', true, false, false, false),
(3, 'Fiber Installation', 'Drop cable hung or trenched from the pole to the home', true, false, false, false),
(4, 'Fiber Splicing', 'Splices made, protected and laid in the tray', true, false, false, false),
(5, 'ONT Installation', 'ONT mounted and powered, its serial number readable', true, true, false, false),
(6, 'Fiber Termination', 'Fibre terminated and cleaned at the ONT and the pole', true, false, false, false),
(7, 'ONT Activation & Testing', 'ONT registered on its PON, received power measured', true, true, true, false),
(8, 'Signal Quality Test', 'Received power within the window, with the reading and the instrument noted', true, false, true, true),
(9, 'End-to-End Connectivity', 'The client''s service works through to the internet', false, false, false, false),
(10, 'Cable Management & Labeling', 'Cables fixed and labelled at the pole and in the home', true, false, false, false),
(11, 'Site Cleanup', 'Site left clean, offcuts and packaging removed', true, false, false, false),
(12, 'Documentation & Handover', 'Documents complete and signed by the client', true, false, false, false);

-- Twelve rows for each ticket, 1.2 million for an import of 100,000: what costs a microsecond here costs a second there.
--   * What a step is stands in its type, not in each row.
--   * `id` is computed when read: the ticket's id with the step's number as its last byte. A stored one of its own would
--     take half of the time of the insert for its randomness alone. A step is found by ticket and number.
--   * A foreign key looks up the ticket once a row; the trigger below looks them up once a statement, in less than half
--     the time, and proves the same because tickets are never deleted. The key is declared for readers and tools.
create table verification_steps (
    ticket_id uuid not null,
    step_number smallint not null,
    id uuid generated always as (
        overlay(ticket_id::text placing lpad(to_hex(step_number::integer), 2, '0') from 35 for 2)::uuid
    ) virtual,
    is_complete boolean not null default false,
    photo_verified boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz,
    completed_at timestamptz,
    completed_by uuid,
    photo_url text,
    notes text,
    constraint verification_steps_pkey primary key (ticket_id, step_number),
    constraint verification_steps_ticket_id_fkey foreign key (ticket_id) references tickets (id) not enforced,
    constraint verification_steps_completed_by_fkey foreign key (completed_by) references users (id),
    constraint verification_steps_step_number_range check (step_number between 1 and 12),
    constraint verification_steps_complete_has_time check (is_complete = (completed_at is not null)),
    constraint verification_steps_completed_by_needs_complete check (completed_by is null or is_complete)
);

create function require_tickets_of_steps() returns trigger
language plpgsql
as $$
begin
    if exists (
        select 1 from inserted_steps as step where not exists (select 1 from tickets where tickets.id = step.ticket_id)
    ) then
        raise exception 'verification steps for a ticket that does not exist'
            using errcode = 'foreign_key_violation', constraint = 'verification_steps_ticket_id_fkey',
            table = 'verification_steps';
    end if;
    return null;
end
$$;
create trigger verification_steps_have_tickets
after insert on verification_steps
referencing new table as inserted_steps
for each statement
execute function require_tickets_of_steps();

create trigger verification_steps_identity_fixed
before update of ticket_id, step_number on verification_steps
for each row
when (old.ticket_id <> new.ticket_id or old.step_number <> new.step_number)
execute function refuse_change('a step stays with its ticket and its number');

create trigger verification_steps_never_deleted
before delete or truncate on verification_steps
for each statement
execute function refuse_change('the steps of a ticket are never removed');

-- The timeline of a ticket and its audit. `before` and `after` hold the changed fields only.
create table ticket_events (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    event_type text not null,
    occurred_at timestamptz not null default now(),
    actor_kind text not null,
    actor_id uuid,
    actor_name text not null,
    job_id uuid,
    request_id text,
    before jsonb not null default '{}',
    after jsonb not null default '{}',
    details jsonb not null default '{}',
    -- Read by ticket only; one index serves as key and as timeline, for version 7 ids sort by time.
    constraint ticket_events_pkey primary key (ticket_id, id),
    constraint ticket_events_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint ticket_events_actor_id_fkey foreign key (actor_id) references users (id),
    constraint ticket_events_event_type_not_blank check (event_type ~ '\S'),
    constraint ticket_events_actor_name_not_blank check (actor_name ~ '\S'),
    constraint ticket_events_actor_kind_known check (actor_kind in ('user', 'api_key', 'job', 'schedule', 'system')),
    constraint ticket_events_before_object check (jsonb_typeof(before) = 'object'),
    constraint ticket_events_after_object check (jsonb_typeof(after) = 'object'),
    constraint ticket_events_details_object check (jsonb_typeof(details) = 'object')
);
create trigger ticket_events_append_only
before update or delete or truncate on ticket_events
for each statement
execute function refuse_change('events are the audit: they are only added');
alter table ticket_events enable always trigger ticket_events_append_only;
