-- Repeat faults: what the scan reads, and one open escalation on a pole or a drop whatever project its faults name.

-- The scan reads a month of faults and nothing else of their tickets: out of the index, never out of the table. It takes
-- the place of the index that held the time only, so an import writes as many indexes as before.
create index tickets_faults_idx on tickets (reported_at)
include (id, project_id, pole_number, pon_number, zone, dr_number)
where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null;
drop index tickets_faults_reported_at_idx;

-- PONs and zones are numbered within their project. A pole and a drop are one thing each, also where some of their
-- faults name no project, or another one.
create unique index repeat_fault_escalations_one_open_place on repeat_fault_escalations (scope_type, scope_value)
where status in ('open', 'investigating') and scope_type in ('pole', 'dr');

-- What still needs attention is asked for most and is little among what was resolved in years.
create index repeat_fault_escalations_unresolved_idx on repeat_fault_escalations (created_at desc, id desc)
where status in ('open', 'investigating');

-- The project of what has none: in keys that must not be null.
create function no_project() returns uuid
language sql immutable parallel safe
return '00000000-0000-0000-0000-000000000000'::uuid;
