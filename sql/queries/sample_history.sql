-- name: lock_sample_history()^
-- Lets one history at a time be written; whoever comes second waits for the end of this transaction.
select pg_advisory_xact_lock(hashtext('sample_history'));

-- name: add_sample_projects(codes, names, regions, now)!
-- Adds the made-up projects that are not there yet.
insert into projects (code, name, region, created_at, updated_at)
select given.code, given.name, given.region, :now::timestamptz, :now::timestamptz
from unnest(:codes::text[], :names::text[], :regions::text[]) as given (code, name, region)
on conflict do nothing;

-- name: list_sample_projects(codes)
-- Reads the made-up projects with what they promise for each priority and how long their guarantee lasts.
select
    p.id,
    p.code,
    s.priority,
    s.first_response_minutes,
    s.resolve_minutes,
    s.round_the_clock,
    g.installation_days,
    g.material_days,
    g.contractor_liable_during_guarantee,
    g.auto_classify_out_of_guarantee
from projects as p
cross join lateral (
    select distinct on (own.priority) own.*
    from sla_settings as own
    where own.project_id = p.id or own.project_id is null
    order by own.priority, own.project_id nulls last
) as s
cross join lateral (
    select period.*
    from guarantee_periods as period
    where period.project_id = p.id or period.project_id is null
    order by period.project_id nulls last
    limit 1
) as g
where lower(p.code) = any(:codes::text[]);

-- name: list_sample_crew(emails)
-- Reads the sample people with their company and team, by the addresses that nobody else has.
select
    u.id,
    u.name,
    u.roles,
    u.contractor_id,
    m.team_id
from users as u
left join team_members as m on u.id = m.user_id and m.is_active
where lower(u.email) = any(:emails::text[])
order by u.name;

-- name: add_sample_homes(dr_numbers, project_ids, poles, pons, zones, addresses, latitudes, longitudes, installed_ons, lengths, now)!
-- Adds the homes of an area that are not there yet to the register.
insert into drops (
    dr_number, project_id, pole_number, pon_number, zone_number, ont_label, address, latitude, longitude, cable_type,
    cable_length, installed_on, created_at, updated_at
)
select
    given.dr_number, given.project_id, given.pole, given.pon, given.zone, 'ONT.' || given.dr_number, given.address,
    given.latitude, given.longitude, 'Drop', given.length, given.installed_on, :now::timestamptz, :now::timestamptz
from unnest(
    :dr_numbers::text[], :project_ids::uuid[], :poles::text[], :pons::integer[], :zones::integer[], :addresses::text[],
    :latitudes::numeric[], :longitudes::numeric[], :installed_ons::date[], :lengths::text[]
) as given (dr_number, project_id, pole, pon, zone, address, latitude, longitude, installed_on, length)
on conflict do nothing;

-- name: list_sample_installations(dr_numbers)
-- Reads when homes were installed: what was written first counts.
select
    dr_number,
    installed_on
from drops
where dr_number = any(:dr_numbers::text[]);

-- name: find_sample_tickets(sources, external_ids)
-- Finds which tickets of the history are there already, whatever source each came from.
select external_id
from tickets
where source = any(:sources::text[]) and external_id = any(:external_ids::text[]);

-- name: copy_sample_tickets#
-- Takes tickets in the order of rows.TICKET.
copy tickets (
    id, source, external_id, ticket_type, priority, status, owner, title, description, dr_number, pole_number,
    pon_number, zone, project_id, address, latitude, longitude, ont_serial, ont_rx_level, assigned_to,
    assigned_contractor_id, assigned_team_id, guarantee_status, guarantee_expires_at, is_billable,
    billing_classification, fault_cause, rectification_count, sla_target_minutes, sla_round_the_clock, sla_due_at,
    sla_first_response_due_at, sla_first_response_at, sla_warned_75_at, sla_warned_90_at, sla_breached,
    sla_breached_at, sla_next_check_at, reported_at, created_at, updated_at, created_by, closed_at, closed_by
) from stdin;

-- name: insert_sample_steps(ticket_ids, made_ats, done, began_ats, ended_ats, last_ats, hands, hand_names, readings, addresses, event_type)!
-- Makes the 12 steps of each ticket, the first `done` of them completed at even intervals of the work (the last one at
-- another time, where given), and tells the timelines of those. `addresses` are where photos are said to be that nobody
-- drew; null: the ticket has its own. In one statement: a second one would look for the steps among all that there are.
with steps as (
    select
        given.ticket_id,
        given.made_at,
        given.hand,
        given.hand_name,
        given.reading,
        given.address,
        step.step_number,
        step.step_name,
        step.photo_required,
        step.needs_notes,
        case
            when step.step_number = 12 and given.last_at is not null
                then given.last_at
            when step.step_number <= given.done
                then given.began_at + (given.ended_at - given.began_at) * step.step_number / 13
        end as completed_at
    from unnest(
        :ticket_ids::uuid[], :made_ats::timestamptz[], :done::integer[], :began_ats::timestamptz[],
        :ended_ats::timestamptz[], :last_ats::timestamptz[], :hands::uuid[], :hand_names::text[], :readings::text[],
        :addresses::text[]
    ) as given (ticket_id, made_at, done, began_at, ended_at, last_at, hand, hand_name, reading, address)
    cross join verification_step_types as step
),

made as (
    insert into verification_steps (
        ticket_id, step_number, is_complete, created_at, updated_at, completed_at, completed_by, photo_url, notes
    )
    select
        ticket_id,
        step_number,
        completed_at is not null,
        made_at,
        completed_at,
        completed_at,
        case when completed_at is not null then hand end,
        case when completed_at is not null and photo_required then address || step_number || '.jpg' end,
        case when completed_at is not null and needs_notes then 'RX ' || reading || ' dBm, power meter EXFO PPM-350' end
    from steps
    order by ticket_id, step_number
)

insert into ticket_events (
    id, ticket_id, event_type, occurred_at, actor_kind, actor_id, actor_name, before, after, details
)
select
    (
        lpad(to_hex(mark.at / 1000), 12, '0') || '7' || lpad(to_hex(mod(mark.at, 1000) * 4096 / 1000), 3, '0')
        || '8' || left(mark.digits, 15)
    )::uuid,
    steps.ticket_id,
    :event_type::text,
    steps.completed_at,
    'user',
    steps.hand,
    steps.hand_name,
    '{"is_complete": false, "completed_by": null, "completed_at": null}',
    jsonb_build_object(
        'is_complete', true,
        'completed_by', steps.hand,
        'completed_at', to_char(steps.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    ),
    jsonb_build_object(
        'step_number', steps.step_number, 'step_name', steps.step_name, 'progress', steps.step_number || '/12'
    )
from steps
cross join lateral (
    select
        md5(steps.ticket_id::text || steps.step_number) as digits,
        (extract(epoch from steps.completed_at) * 1000000)::bigint as at
) as mark
where steps.completed_at is not null;

-- name: copy_sample_photos#
-- Takes photos whose files are stored, in the order of rows.PHOTO.
copy ticket_attachments (
    id, ticket_id, step_number, filename, file_type, mime_type, file_size, file_sha256, storage_key, is_evidence,
    uploaded_by, uploaded_at, width, height, perceptual_hash, captured_at, captured_latitude, captured_longitude,
    inspection_status, inspected_at
) from stdin;

-- name: copy_sample_checks#
-- Takes runs of the readiness check in the order of rows.CHECK; their tickets follow them by the database's own doing.
copy qa_readiness_checks (
    id, ticket_id, passed, checked_at, checked_by, photos_exist, photos_count, photos_required_count, dr_populated,
    pole_populated, pon_populated, zone_populated, ont_serial_recorded, ont_rx_recorded, platforms_aligned,
    failed_checks, created_at
) from stdin;

-- name: copy_sample_risks#
-- Takes risk acceptances in the order of rows.RISK.
copy qa_risk_acceptances (
    id, ticket_id, risk_type, risk_description, conditions, outstanding_steps, risk_expiry_date, followup_date, status,
    accepted_by, accepted_at, warned_7_days_at, warned_1_day_at, expired_at, escalated_at, resolved_at, resolved_by,
    resolution_notes, created_at, updated_at
) from stdin;

-- name: copy_sample_events#
-- Takes lines of timelines in the order of rows.EVENT.
copy ticket_events (
    id, ticket_id, event_type, occurred_at, actor_kind, actor_id, actor_name, before, after, details
) from stdin;
