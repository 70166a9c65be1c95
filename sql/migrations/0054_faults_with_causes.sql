-- Faults of a cause are counted by place out of the index, as faults of all causes are.
create index tickets_faults_with_cause_idx on tickets (reported_at)
include (id, project_id, pole_number, pon_number, zone, dr_number, fault_cause)
where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null;
drop index tickets_faults_idx;
alter index tickets_faults_with_cause_idx rename to tickets_faults_idx;
