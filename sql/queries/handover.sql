-- name: list_gate_facts(ticket_ids)
-- Reads what the gates of a handover ask of tickets, in the order of the ids.
select
    t.id,
    t.ticket_uid,
    t.status,
    t.owner,
    t.dr_number,
    t.pole_number,
    t.pon_number,
    t.zone as zone_id,
    t.ont_serial,
    t.ont_rx_level,
    t.assigned_contractor_id,
    steps.completed as steps_completed,
    steps.total as steps_total,
    photos.accepted as photos_accepted,
    risks.active as risks_active,
    risks.covering as risks_covering
from unnest(:ticket_ids::uuid []) with ordinality as wanted (id, place)
inner join tickets as t on wanted.id = t.id
cross join lateral (
    select
        count(*) as total,
        count(*) filter (where step.is_complete) as completed
    from verification_steps as step
    where step.ticket_id = t.id
) as steps
cross join lateral (
    select count(*) as accepted
    from ticket_attachments as photo
    where
        photo.ticket_id = t.id
        and photo.file_type = 'photo'
        and photo.is_evidence
        and photo.inspection_status = 'accepted'
        and photo.deleted_at is null
) as photos
cross join lateral (
    select
        count(*) as active,
        count(*) filter (where risk.covers_handover) as covering
    from qa_risk_acceptances as risk
    where risk.ticket_id = t.id and risk.status = 'active'
) as risks
order by wanted.place;

-- name: list_handover_files(ticket_id)
-- Reads the files of a ticket as a snapshot lists them, by step and then in the order they came.
select
    file.id,
    file.file_type,
    file.step_number,
    file.filename,
    file.mime_type,
    file.file_size,
    file.file_sha256,
    file.storage_key,
    file.is_evidence,
    file.inspection_status,
    file.inspection_reasons,
    file.uploaded_at,
    file.uploaded_by,
    file.captured_at,
    file.overruled_by,
    overruler.name as overruled_by_name,
    file.overruled_at,
    file.overrule_note
from ticket_attachments as file
left join users as overruler on file.overruled_by = overruler.id
where file.ticket_id = :ticket_id and file.deleted_at is null
order by file.step_number nulls last, file.uploaded_at, file.id;

-- name: list_qa_decisions(ticket_id)
-- Reads the approvals and rejections of a ticket from its timeline, oldest first.
select
    event.id,
    event.occurred_at,
    event.actor_id,
    event.actor_name,
    event.after ->> 'status' as status,
    event.details ->> 'reason' as reason
from ticket_events as event
where
    event.ticket_id = :ticket_id
    and event.event_type = 'ticket_status_changed'
    and event.after ->> 'status' in ('qa_approved', 'qa_rejected')
order by event.occurred_at, event.id;

-- name: list_risk_decisions(ticket_id)
-- Reads the risk acceptances of a ticket as decisions, oldest first.
select
    risk.id,
    risk.risk_type,
    risk.risk_description,
    risk.conditions,
    risk.outstanding_steps,
    risk.covers_handover,
    risk.risk_expiry_date,
    risk.status,
    risk.accepted_by,
    person.name as accepted_by_name,
    risk.accepted_at,
    risk.escalated_at,
    risk.resolved_at,
    risk.resolved_by,
    risk.resolution_notes
from qa_risk_acceptances as risk
inner join users as person on risk.accepted_by = person.id
where risk.ticket_id = :ticket_id
order by risk.accepted_at, risk.id;

-- name: list_escalation_decisions(ticket_id)
-- Reads the repeat-fault escalations that a ticket was counted in, or was made for, oldest first.
select
    escalation.id,
    escalation.scope_type,
    escalation.scope_value,
    escalation.escalation_type,
    escalation.status,
    escalation.fault_count,
    escalation.fault_threshold,
    escalation.resolution_notes,
    escalation.resolved_at,
    escalation.resolved_by,
    escalation.created_at
from repeat_fault_escalations as escalation
where
    escalation.id in (select joined.escalation_id from escalation_tickets as joined where joined.ticket_id = :ticket_id)
    or escalation.escalation_ticket_id = :ticket_id
order by escalation.created_at, escalation.id;

-- name: get_ownership(ticket_id)^
-- Reads to whom a ticket belongs, when it was installed, its project, and to whom it was handed last.
select
    t.owner,
    t.installation_date,
    p.code as project_code,
    p.name as project_name,
    last.to_owner_type,
    last.to_owner_id
from tickets as t
left join projects as p on t.project_id = p.id
left join lateral (
    select
        snapshot.to_owner_type,
        snapshot.to_owner_id
    from handover_snapshots as snapshot
    where snapshot.ticket_id = t.id
    order by snapshot.chain_number desc
    limit 1
) as last on true
where t.id = :ticket_id;

-- name: set_ticket_owner(ticket_id, owner)!
-- Gives a locked ticket to another owner.
update tickets
set owner = :owner
where id = :ticket_id and owner <> :owner;

-- name: lock_handover_chain()^
-- Takes the end of the chain: whoever else hands over waits until this transaction ends.
select
    length,
    head_sha256
from handover_chain
for update;

-- name: insert_handover_snapshot(id, chain_number, ticket_id, handover_type, snapshot_data, evidence_links, decisions, guarantee_status, from_owner_type, from_owner_id, to_owner_type, to_owner_id, handover_at, handover_by, previous_sha256, snapshot_sha256, created_at)!
-- Writes a snapshot; it is never written again.
insert into handover_snapshots (
    id, chain_number, ticket_id, handover_type, snapshot_data, evidence_links, decisions, guarantee_status,
    from_owner_type, from_owner_id, to_owner_type, to_owner_id, handover_at, handover_by, previous_sha256,
    snapshot_sha256, created_at
)
values (
    :id::uuid, :chain_number, :ticket_id, :handover_type, :snapshot_data::jsonb, :evidence_links::jsonb,
    :decisions::jsonb, :guarantee_status::text, :from_owner_type::text, :from_owner_id::uuid, :to_owner_type::text,
    :to_owner_id::uuid, :handover_at::timestamptz, :handover_by::uuid, :previous_sha256::text, :snapshot_sha256,
    :created_at::timestamptz
);

-- name: list_snapshots(snapshot_id, ticket_id, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads snapshots as the API shows them, oldest first. Every filter may be null; run it unprepared.
select
    s.id,
    s.chain_number,
    s.ticket_id,
    t.ticket_uid,
    s.handover_type,
    s.snapshot_data,
    s.evidence_links,
    s.decisions,
    s.guarantee_status,
    s.from_owner_type,
    s.from_owner_id,
    s.to_owner_type,
    s.to_owner_id,
    s.handover_at,
    s.handover_by,
    person.name as handover_by_name,
    s.is_locked,
    s.previous_sha256,
    s.snapshot_sha256,
    s.created_at
from handover_snapshots as s
inner join tickets as t on s.ticket_id = t.id
inner join users as person on s.handover_by = person.id
where
    (:snapshot_id::uuid is null or s.id = :snapshot_id::uuid)
    and (:ticket_id::uuid is null or s.ticket_id = :ticket_id::uuid)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:after_at::timestamptz is null or (s.handover_at, s.id) > (:after_at::timestamptz, :after_id::uuid))
order by s.handover_at, s.id
limit :row_limit::bigint;

-- name: list_handovers(handover_type, before_number, row_limit)
-- Reads the handovers of all tickets in few words, the latest first. Every filter may be null; run it unprepared.
select
    s.id,
    s.chain_number,
    s.ticket_id,
    t.ticket_uid,
    s.handover_type,
    s.guarantee_status,
    s.from_owner_type,
    s.to_owner_type,
    s.handover_at,
    person.name as handover_by_name,
    s.snapshot_sha256
from (
    select *
    from handover_snapshots
    where
        (:handover_type::text is null or handover_type = :handover_type::text)
        and (:before_number::bigint is null or chain_number < :before_number::bigint)
    order by chain_number desc
    limit :row_limit::bigint
) as s
inner join tickets as t on s.ticket_id = t.id
inner join users as person on s.handover_by = person.id
order by s.chain_number desc;

-- name: summarise_history(ticket_id)^
-- Counts the handovers of a ticket and tells to whom the latest one gave it.
select
    t.ticket_uid,
    count(s.id) as total_handovers,
    (array_agg(s.to_owner_type order by s.chain_number desc))[1] as current_owner_type,
    (array_agg(s.to_owner_id order by s.chain_number desc))[1] as current_owner_id
from tickets as t
left join handover_snapshots as s on t.id = s.ticket_id
where t.id = :ticket_id
group by t.id;

-- name: list_pending_handovers(status, project, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads the tickets of one status that a handover is due for, newest first. Run it unprepared: how common the status is
-- decides by which index.
select
    t.id,
    t.ticket_uid,
    t.title,
    t.status,
    t.owner,
    t.created_at,
    p.name as project_name
from tickets as t
left join projects as p on t.project_id = p.id
where
    t.status = :status::text
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:after_at::timestamptz is null or (t.created_at, t.id) < (:after_at::timestamptz, :after_id::uuid))
order by t.created_at desc, t.id desc
limit :row_limit::bigint;

-- name: count_pending_handovers(status, project, see_all, see_user, see_contractor, see_teams, most)$
-- Counts the tickets of one status that a handover is due for, no further than `most`.
select count(*) as count
from (
    select 1
    from tickets as t
    where
        t.status = :status::text
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
    limit :most::bigint
) as waiting;

-- name: list_chain(after_number, after_id, up_to, row_limit)
-- Reads the next links of the chain with all that their hashes cover, and what the timeline says of each.
select
    s.id,
    s.chain_number,
    s.ticket_id,
    s.handover_type,
    s.snapshot_data,
    s.evidence_links,
    s.decisions,
    s.guarantee_status,
    s.from_owner_type,
    s.from_owner_id,
    s.to_owner_type,
    s.to_owner_id,
    s.handover_at,
    s.handover_by,
    s.previous_sha256,
    s.snapshot_sha256,
    s.created_at,
    told.sha256 as told_sha256
from handover_snapshots as s
left join lateral (
    select event.details ->> 'snapshot_sha256' as sha256
    from ticket_events as event
    where
        event.event_type = 'handover_completed'
        and (event.details ->> 'chain_number')::bigint = s.chain_number
        and event.ticket_id = s.ticket_id
    limit 1
) as told on true
where
    (s.chain_number, s.id) > (:after_number::bigint, :after_id::uuid)
    and s.chain_number <= :up_to::bigint
order by s.chain_number, s.id
limit :row_limit::bigint;

-- name: get_chain_end()^
-- Reads, at one moment, where the chain says that it ends, where it does end, and the last handover of the timeline.
select
    chain.length,
    chain.head_sha256,
    (select max(s.chain_number) from handover_snapshots as s) as last_number,
    (
        select max((event.details ->> 'chain_number')::bigint)
        from ticket_events as event
        where event.event_type = 'handover_completed'
    ) as told_number
from (select true) as always
left join handover_chain as chain on true;

-- name: list_chain_guards()
-- Reads the triggers that keep the chain from being changed, as far as they stand and are always in force.
select trigger.tgname::text as name
from pg_trigger as trigger
where
    trigger.tgrelid in ('handover_snapshots'::regclass, 'handover_chain'::regclass, 'ticket_events'::regclass)
    and not trigger.tgisinternal
    and trigger.tgenabled = 'A';
