-- What happens to a ticket: notes, attachments, readiness, risk, guarantee, handover, repeat faults, SLA.

create table ticket_notes (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    content text not null,
    note_type text not null default 'internal',
    visibility text not null default 'private',
    is_resolution boolean not null default false,
    is_pinned boolean not null default false,
    attachments text[],
    author_name text,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    deleted_by uuid,
    constraint ticket_notes_pkey primary key (id),
    constraint ticket_notes_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint ticket_notes_created_by_fkey foreign key (created_by) references users (id),
    constraint ticket_notes_deleted_by_fkey foreign key (deleted_by) references users (id),
    constraint ticket_notes_content_not_blank check (content ~ '\S'),
    constraint ticket_notes_note_type_known check (note_type in ('internal', 'client', 'system')),
    constraint ticket_notes_visibility_known check (visibility in ('private', 'public')),
    constraint ticket_notes_deleted_by_needs_time check (deleted_by is null or deleted_at is not null)
);
create index ticket_notes_ticket_id_idx on ticket_notes (ticket_id, created_at desc, id desc);
create trigger ticket_notes_never_deleted
before delete or truncate on ticket_notes
for each statement
execute function refuse_change('notes are marked as deleted, never removed');

create table ticket_attachments (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    -- The step that the file is evidence for; the pair points at the step's key.
    step_number smallint,
    filename text not null,
    file_type text not null,
    mime_type text not null,
    file_size bigint not null,
    file_sha256 text not null,
    storage_key text not null,
    thumbnail_key text,
    is_evidence boolean not null default false,
    uploaded_by uuid,
    uploaded_at timestamptz not null default now(),
    width integer,
    height integer,
    -- 64-bit perceptual hash of a photo.
    perceptual_hash bigint,
    captured_at timestamptz,
    captured_latitude numeric(9, 6),
    captured_longitude numeric(9, 6),
    inspection_status text not null default 'pending',
    inspection_reasons jsonb not null default '[]',
    inspected_at timestamptz,
    overruled_by uuid,
    overruled_at timestamptz,
    overrule_note text,
    deleted_at timestamptz,
    deleted_by uuid,
    constraint ticket_attachments_pkey primary key (id),
    constraint ticket_attachments_storage_key_key unique (storage_key),
    constraint ticket_attachments_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint ticket_attachments_step_fkey foreign key (ticket_id, step_number)
    references verification_steps (ticket_id, step_number),
    constraint ticket_attachments_uploaded_by_fkey foreign key (uploaded_by) references users (id),
    constraint ticket_attachments_overruled_by_fkey foreign key (overruled_by) references users (id),
    constraint ticket_attachments_deleted_by_fkey foreign key (deleted_by) references users (id),
    constraint ticket_attachments_filename_not_blank check (filename ~ '\S'),
    constraint ticket_attachments_storage_key_not_blank check (storage_key ~ '\S'),
    constraint ticket_attachments_file_type_known check (file_type in ('photo', 'document', 'excel', 'pdf')),
    -- 10 MB: the wire contract's limit.
    constraint ticket_attachments_file_size_range check (file_size between 1 and 10485760),
    constraint ticket_attachments_file_sha256_length check (file_sha256 ~ '^[0-9a-f]{64}$'),
    constraint ticket_attachments_dimensions_positive check (width > 0 and height > 0),
    constraint ticket_attachments_captured_latitude_range check (captured_latitude between -90 and 90),
    constraint ticket_attachments_captured_longitude_range check (captured_longitude between -180 and 180),
    constraint ticket_attachments_inspection_status_known check (
        inspection_status in ('pending', 'accepted', 'rejected', 'suspect')
    ),
    constraint ticket_attachments_inspection_reasons_array check (jsonb_typeof(inspection_reasons) = 'array'),
    constraint ticket_attachments_inspected_has_time check (
        inspection_status = 'pending' or inspected_at is not null or overruled_at is not null
    ),
    constraint ticket_attachments_overrule_complete check (
        num_nonnulls(overruled_by, overruled_at, overrule_note) in (0, 3) and overrule_note ~ '\S'
    ),
    constraint ticket_attachments_deleted_by_needs_time check (deleted_by is null or deleted_at is not null)
);
create index ticket_attachments_ticket_id_idx on ticket_attachments (ticket_id, step_number);
create index ticket_attachments_file_sha256_idx on ticket_attachments (file_sha256);
create trigger ticket_attachments_never_deleted
before delete or truncate on ticket_attachments
for each statement
execute function refuse_change('attachments are marked as deleted, never removed');

create table qa_readiness_checks (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    passed boolean not null,
    checked_at timestamptz not null default now(),
    checked_by uuid,
    photos_exist boolean not null,
    photos_count integer not null,
    photos_required_count integer not null,
    dr_populated boolean not null,
    pole_populated boolean not null,
    pon_populated boolean not null,
    zone_populated boolean not null,
    ont_serial_recorded boolean not null,
    ont_rx_recorded boolean not null,
    platforms_aligned boolean not null,
    failed_checks jsonb not null default '[]',
    created_at timestamptz not null default now(),
    constraint qa_readiness_checks_pkey primary key (id),
    constraint qa_readiness_checks_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qa_readiness_checks_checked_by_fkey foreign key (checked_by) references users (id),
    constraint qa_readiness_checks_photos_count_positive check (photos_count >= 0),
    constraint qa_readiness_checks_photos_required_count_positive check (photos_required_count >= 0),
    constraint qa_readiness_checks_failed_checks_array check (jsonb_typeof(failed_checks) = 'array'),
    -- The first seven block; whether the platforms' alignment does is a setting.
    constraint qa_readiness_checks_passed_means_passed check (
        not passed
        or (
            photos_exist and dr_populated and pole_populated and pon_populated and zone_populated
            and ont_serial_recorded and ont_rx_recorded
        )
    )
);
create index qa_readiness_checks_ticket_id_idx on qa_readiness_checks (ticket_id, checked_at desc, id desc);
create trigger qa_readiness_checks_append_only
before update or delete or truncate on qa_readiness_checks
for each statement
execute function refuse_change('every run of the readiness check is kept as it was');

create table qa_risk_acceptances (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    risk_type text not null,
    risk_description text not null,
    conditions text,
    -- The steps that the approval lets stand open.
    outstanding_steps smallint[] not null default '{}',
    covers_handover boolean not null default false,
    risk_expiry_date timestamptz,
    requires_followup boolean not null default true,
    followup_date timestamptz,
    status text not null default 'active',
    accepted_by uuid not null,
    accepted_at timestamptz not null default now(),
    warned_7_days_at timestamptz,
    warned_1_day_at timestamptz,
    expired_at timestamptz,
    escalated_at timestamptz,
    resolved_at timestamptz,
    resolved_by uuid,
    resolution_notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint qa_risk_acceptances_pkey primary key (id),
    constraint qa_risk_acceptances_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qa_risk_acceptances_accepted_by_fkey foreign key (accepted_by) references users (id),
    constraint qa_risk_acceptances_resolved_by_fkey foreign key (resolved_by) references users (id),
    constraint qa_risk_acceptances_risk_type_known check (
        risk_type in (
            'minor_defect', 'documentation_gap', 'pending_material', 'temporary_fix', 'cosmetic_issue',
            'client_requested', 'weather_dependent', 'pending_third_party', 'other'
        )
    ),
    constraint qa_risk_acceptances_status_known check (status in ('active', 'resolved', 'expired', 'escalated')),
    constraint qa_risk_acceptances_risk_description_not_blank check (risk_description ~ '\S'),
    constraint qa_risk_acceptances_outstanding_steps_range check (
        outstanding_steps <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]::smallint[]
    ),
    constraint qa_risk_acceptances_expiry_after_acceptance check (risk_expiry_date >= accepted_at),
    constraint qa_risk_acceptances_followup_after_acceptance check (followup_date >= accepted_at),
    constraint qa_risk_acceptances_resolved_has_time check ((status = 'resolved') = (resolved_at is not null)),
    constraint qa_risk_acceptances_resolved_has_person check (status <> 'resolved' or resolved_by is not null),
    constraint qa_risk_acceptances_resolved_has_notes check (
        status <> 'resolved' or coalesce(resolution_notes, '') ~ '\S'
    ),
    constraint qa_risk_acceptances_resolved_after_acceptance check (resolved_at >= accepted_at)
);
create index qa_risk_acceptances_ticket_id_idx on qa_risk_acceptances (ticket_id, status);
create index qa_risk_acceptances_status_idx on qa_risk_acceptances (status, risk_expiry_date, id);
create trigger qa_risk_acceptances_never_deleted
before delete or truncate on qa_risk_acceptances
for each statement
execute function refuse_change('risk acceptances are resolved, never removed');

-- A ticket with an accepted risk that is still active cannot be closed.
create function refuse_close_with_active_risk() returns trigger
language plpgsql
as $$
begin
    if exists (select 1 from qa_risk_acceptances where ticket_id = new.id and status = 'active') then
        raise exception 'ticket % has an active risk acceptance', new.ticket_uid
            using errcode = 'TK003', constraint = 'tickets_closed_without_active_risk', table = 'tickets';
    end if;
    return new;
end
$$;
create trigger tickets_closed_without_active_risk
before update of status on tickets
for each row
when (old.status is distinct from new.status and new.status = 'closed')
execute function refuse_close_with_active_risk();

-- The row of which project is null holds for every project that has none of its own (so in the three tables below).
create table guarantee_periods (
    id uuid not null default uuidv7(),
    project_id uuid,
    installation_days integer not null default 90,
    material_days integer not null default 365,
    contractor_liable_during_guarantee boolean not null default true,
    auto_classify_out_of_guarantee boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by uuid,
    constraint guarantee_periods_pkey primary key (id),
    constraint guarantee_periods_project_id_key unique nulls not distinct (project_id),
    constraint guarantee_periods_project_id_fkey foreign key (project_id) references projects (id),
    constraint guarantee_periods_updated_by_fkey foreign key (updated_by) references users (id),
    constraint guarantee_periods_installation_days_range check (installation_days between 0 and 36500),
    constraint guarantee_periods_material_days_range check (material_days between 0 and 36500)
);
insert into guarantee_periods (project_id) values (null);

create table sla_settings (
    id uuid not null default uuidv7(),
    project_id uuid,
    priority text not null,
    first_response_minutes integer not null,
    resolve_minutes integer not null,
    -- False: the clock runs in business hours only.
    round_the_clock boolean not null default false,
    updated_at timestamptz not null default now(),
    updated_by uuid,
    constraint sla_settings_pkey primary key (id),
    constraint sla_settings_project_priority_key unique nulls not distinct (project_id, priority),
    constraint sla_settings_project_id_fkey foreign key (project_id) references projects (id),
    constraint sla_settings_updated_by_fkey foreign key (updated_by) references users (id),
    constraint sla_settings_priority_known check (priority in ('low', 'normal', 'high', 'urgent', 'critical')),
    constraint sla_settings_first_response_minutes_positive check (first_response_minutes > 0),
    constraint sla_settings_response_before_resolution check (first_response_minutes <= resolve_minutes)
);
insert into sla_settings (priority, first_response_minutes, resolve_minutes, round_the_clock) values
('critical', 60, 240, true),
('urgent', 120, 480, true),
('high', 240, 1440, false),
('normal', 480, 2880, false),
('low', 1440, 7200, false);

create table repeat_fault_settings (
    id uuid not null default uuidv7(),
    project_id uuid,
    window_days integer not null default 30,
    pole_threshold integer not null default 3,
    pon_threshold integer not null default 5,
    zone_threshold integer not null default 10,
    dr_threshold integer not null default 2,
    updated_at timestamptz not null default now(),
    updated_by uuid,
    constraint repeat_fault_settings_pkey primary key (id),
    constraint repeat_fault_settings_project_id_key unique nulls not distinct (project_id),
    constraint repeat_fault_settings_project_id_fkey foreign key (project_id) references projects (id),
    constraint repeat_fault_settings_updated_by_fkey foreign key (updated_by) references users (id),
    constraint repeat_fault_settings_window_days_range check (window_days between 1 and 3650),
    constraint repeat_fault_settings_thresholds_positive check (
        pole_threshold > 0 and pon_threshold > 0 and zone_threshold > 0 and dr_threshold > 0
    )
);
insert into repeat_fault_settings (project_id) values (null);

-- What was handed over, as it was. Each row carries the hash of the one before: a chain that nobody can mend unseen.
create table handover_snapshots (
    id uuid not null default uuidv7(),
    chain_number bigint not null,
    ticket_id uuid not null,
    handover_type text not null,
    snapshot_data jsonb not null,
    evidence_links jsonb not null default '[]',
    decisions jsonb not null default '[]',
    guarantee_status text,
    from_owner_type text,
    from_owner_id uuid,
    to_owner_type text,
    to_owner_id uuid,
    handover_at timestamptz not null default now(),
    handover_by uuid not null,
    is_locked boolean not null default true,
    previous_sha256 text,
    snapshot_sha256 text not null,
    created_at timestamptz not null default now(),
    constraint handover_snapshots_pkey primary key (id),
    constraint handover_snapshots_chain_number_key unique (chain_number),
    constraint handover_snapshots_snapshot_sha256_key unique (snapshot_sha256),
    -- One follower for each link: two handovers at once cannot both continue the same one.
    constraint handover_snapshots_previous_sha256_key unique nulls not distinct (previous_sha256),
    constraint handover_snapshots_previous_sha256_fkey foreign key (previous_sha256)
    references handover_snapshots (snapshot_sha256),
    constraint handover_snapshots_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint handover_snapshots_handover_by_fkey foreign key (handover_by) references users (id),
    constraint handover_snapshots_handover_type_known check (
        handover_type in ('build_to_qa', 'qa_to_maintenance', 'maintenance_complete')
    ),
    constraint handover_snapshots_from_owner_type_known check (from_owner_type in ('build', 'qa', 'maintenance')),
    constraint handover_snapshots_to_owner_type_known check (to_owner_type in ('build', 'qa', 'maintenance')),
    constraint handover_snapshots_guarantee_status_known check (
        guarantee_status in ('under_guarantee', 'out_of_guarantee', 'pending_classification')
    ),
    constraint handover_snapshots_snapshot_data_object check (jsonb_typeof(snapshot_data) = 'object'),
    constraint handover_snapshots_evidence_links_array check (jsonb_typeof(evidence_links) = 'array'),
    constraint handover_snapshots_decisions_array check (jsonb_typeof(decisions) = 'array'),
    constraint handover_snapshots_always_locked check (is_locked),
    constraint handover_snapshots_chain_number_positive check (chain_number > 0),
    constraint handover_snapshots_first_has_no_previous check ((chain_number = 1) = (previous_sha256 is null)),
    constraint handover_snapshots_previous_sha256_length check (previous_sha256 ~ '^[0-9a-f]{64}$'),
    constraint handover_snapshots_snapshot_sha256_length check (snapshot_sha256 ~ '^[0-9a-f]{64}$')
);
create index handover_snapshots_ticket_id_idx on handover_snapshots (ticket_id, handover_at, id);
create trigger handover_snapshots_immutable
before update or delete or truncate on handover_snapshots
for each statement
execute function refuse_change('a handover snapshot never changes');
-- Always: a session that plays a replica skips ordinary triggers.
alter table handover_snapshots enable always trigger handover_snapshots_immutable;
revoke update, delete, truncate on handover_snapshots from public;

create table repeat_fault_escalations (
    id uuid not null default uuidv7(),
    scope_type text not null,
    scope_value text not null,
    project_id uuid,
    fault_count integer not null,
    fault_threshold integer not null,
    window_days integer not null default 30,
    escalation_ticket_id uuid,
    escalation_type text,
    status text not null default 'open',
    resolution_notes text,
    resolved_at timestamptz,
    resolved_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint repeat_fault_escalations_pkey primary key (id),
    constraint repeat_fault_escalations_escalation_ticket_id_key unique (escalation_ticket_id),
    constraint repeat_fault_escalations_project_id_fkey foreign key (project_id) references projects (id),
    constraint repeat_fault_escalations_escalation_ticket_id_fkey foreign key (escalation_ticket_id)
    references tickets (id),
    constraint repeat_fault_escalations_resolved_by_fkey foreign key (resolved_by) references users (id),
    constraint repeat_fault_escalations_scope_type_known check (scope_type in ('pole', 'pon', 'zone', 'dr')),
    constraint repeat_fault_escalations_scope_value_not_blank check (scope_value ~ '\S'),
    constraint repeat_fault_escalations_escalation_type_known check (
        escalation_type in ('investigation', 'inspection', 'replacement')
    ),
    constraint repeat_fault_escalations_status_known check (
        status in ('open', 'investigating', 'resolved', 'no_action')
    ),
    constraint repeat_fault_escalations_fault_threshold_positive check (fault_threshold > 0),
    constraint repeat_fault_escalations_window_days_positive check (window_days > 0),
    constraint repeat_fault_escalations_threshold_reached check (fault_count >= fault_threshold),
    constraint repeat_fault_escalations_resolved_has_time check (
        (status in ('resolved', 'no_action')) = (resolved_at is not null)
    ),
    constraint repeat_fault_escalations_resolved_has_notes check (
        status not in ('resolved', 'no_action') or coalesce(resolution_notes, '') ~ '\S'
    ),
    constraint repeat_fault_escalations_resolved_after_creation check (resolved_at >= created_at)
);
-- Two scans at once make one escalation.
create unique index repeat_fault_escalations_one_open on repeat_fault_escalations (project_id, scope_type, scope_value)
nulls not distinct where status in ('open', 'investigating');
create index repeat_fault_escalations_project_id_idx on repeat_fault_escalations (project_id);
create index repeat_fault_escalations_created_at_idx on repeat_fault_escalations (created_at desc, id desc);
create index repeat_fault_escalations_scope_idx on repeat_fault_escalations (scope_type, scope_value, created_at desc);
create trigger repeat_fault_escalations_never_deleted
before delete or truncate on repeat_fault_escalations
for each statement
execute function refuse_change('escalations are resolved, never removed');

alter table tickets
add constraint tickets_escalation_id_fkey foreign key (escalation_id) references repeat_fault_escalations (id);

-- The faults that an escalation was raised for, and those that joined it later.
create table escalation_tickets (
    escalation_id uuid not null,
    ticket_id uuid not null,
    joined_at timestamptz not null default now(),
    constraint escalation_tickets_pkey primary key (escalation_id, ticket_id),
    constraint escalation_tickets_escalation_id_fkey foreign key (escalation_id)
    references repeat_fault_escalations (id),
    constraint escalation_tickets_ticket_id_fkey foreign key (ticket_id) references tickets (id)
);
create index escalation_tickets_ticket_id_idx on escalation_tickets (ticket_id);
