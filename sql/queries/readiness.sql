-- name: lock_tickets_to_check(ticket_ids, see_all, see_user, see_contractor, see_teams)
-- Takes tickets for a readiness check, in one order for everybody: their fields and photos cannot change between the
-- check and its commit.
select
    id,
    ticket_uid,
    status,
    qa_ready,
    qa_readiness_check_at,
    qa_readiness_failed_reasons
from tickets
where
    id = any(:ticket_ids::uuid [])
    and (
        :see_all::boolean
        or assigned_to = :see_user::uuid
        or assigned_contractor_id = :see_contractor::uuid
        or assigned_team_id = any(:see_teams::uuid [])
    )
order by id
for update;

-- name: list_readiness_facts(ticket_ids)
-- Reads what the readiness check looks at: a ticket's own values, the steps that have an accepted evidence photo, and
-- what the SOW register and the sheet or the CRM say of the same drop.
select
    t.id,
    t.source,
    t.dr_number,
    t.pole_number,
    t.pon_number,
    t.zone,
    t.ont_serial,
    t.ont_rx_level,
    t.sheet_fields,
    d.dr_number as register_dr_number,
    d.pole_number as register_pole_number,
    d.pon_number as register_pon_number,
    d.zone_number as register_zone,
    array(
        select distinct photo.step_number
        from ticket_attachments as photo
        where
            photo.ticket_id = t.id
            and photo.step_number is not null
            and photo.file_type = 'photo'
            and photo.is_evidence
            and photo.deleted_at is null
            and photo.inspection_status = 'accepted'
    ) as photo_steps
from tickets as t
left join drops as d on t.dr_number = d.dr_number
where t.id = any(:ticket_ids::uuid [])
order by t.id;

-- name: insert_readiness_checks(checks, now)!
-- Keeps runs of the check, given as a JSON array of objects. The tickets follow them by the database's own doing; here
-- those that come out otherwise than before get a new version.
with made as (
    select c.*
    from jsonb_to_recordset(:checks::jsonb) as c (
        id uuid,
        ticket_id uuid,
        passed boolean,
        checked_at timestamptz,
        checked_by uuid,
        photos_exist boolean,
        photos_count integer,
        photos_required_count integer,
        dr_populated boolean,
        pole_populated boolean,
        pon_populated boolean,
        zone_populated boolean,
        ont_serial_recorded boolean,
        ont_rx_recorded boolean,
        platforms_aligned boolean,
        failed_checks jsonb,
        changed boolean
    )
),

versions as (
    update tickets as t
    set updated_at = greatest(
        :now::timestamptz, date_trunc('milliseconds', t.updated_at) + interval '1 millisecond'
    )
    from made
    where t.id = made.ticket_id and made.changed
)

insert into qa_readiness_checks (
    id, ticket_id, passed, checked_at, checked_by, photos_exist, photos_count, photos_required_count, dr_populated,
    pole_populated, pon_populated, zone_populated, ont_serial_recorded, ont_rx_recorded, platforms_aligned,
    failed_checks, created_at
)
select
    made.id,
    made.ticket_id,
    made.passed,
    made.checked_at,
    made.checked_by,
    made.photos_exist,
    made.photos_count,
    made.photos_required_count,
    made.dr_populated,
    made.pole_populated,
    made.pon_populated,
    made.zone_populated,
    made.ont_serial_recorded,
    made.ont_rx_recorded,
    made.platforms_aligned,
    made.failed_checks,
    :now::timestamptz
from made;

-- name: list_readiness_checks(ticket_id, after_at, after_id, row_limit)
-- Reads the runs of the check on a ticket, newest first; `stands`: one of them passed, and the ticket is as it was then.
select
    id,
    ticket_id,
    passed,
    checked_at,
    checked_by,
    photos_exist,
    photos_count,
    photos_required_count,
    dr_populated,
    pole_populated,
    pon_populated,
    zone_populated,
    ont_serial_recorded,
    ont_rx_recorded,
    platforms_aligned,
    failed_checks,
    created_at,
    (select t.qa_passed_check_id is not null from tickets as t where t.id = :ticket_id) as stands
from qa_readiness_checks
where
    ticket_id = :ticket_id
    and (:after_at::timestamptz is null or (checked_at, id) < (:after_at::timestamptz, :after_id::uuid))
order by checked_at desc, id desc
limit :row_limit::bigint;

-- name: list_tickets_that_wait_for_qa(status, after_at, after_id, row_limit)
-- Reads the next tickets that wait for QA, newest first; takes no lock.
select
    id,
    created_at
from tickets
where
    status = :status
    and (:after_at::timestamptz is null or (created_at, id) < (:after_at::timestamptz, :after_id::uuid))
order by created_at desc, id desc
limit :row_limit::bigint;

-- name: list_qa_board(status, is_ready, project, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads the tickets of one status that QA works through, oldest first. Run it unprepared: how common the status is
-- decides by which index.
select
    t.id,
    t.ticket_uid,
    t.title,
    t.status,
    t.priority,
    t.dr_number,
    t.created_at,
    t.updated_at,
    t.qa_passed_check_id is not null as is_ready,
    t.qa_readiness_check_at as checked_at,
    p.name as project_name,
    u.name as assigned_to_name,
    (
        select count(*)
        from verification_steps as step
        where step.ticket_id = t.id and step.is_complete
    ) as steps_completed,
    (
        select count(*)
        from qa_risk_acceptances as risk
        where risk.ticket_id = t.id and risk.status = 'active'
    ) as active_risks
from tickets as t
left join projects as p on t.project_id = p.id
left join users as u on t.assigned_to = u.id
where
    t.status = :status::text
    and (:is_ready::boolean is null or (t.qa_passed_check_id is not null) = :is_ready::boolean)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:after_at::timestamptz is null or (t.created_at, t.id) > (:after_at::timestamptz, :after_id::uuid))
order by t.created_at asc, t.id asc
limit :row_limit::bigint;

-- name: count_qa_board(status, is_ready, project, see_all, see_user, see_contractor, see_teams, most)$
-- Counts the tickets of one status that QA works through, no further than `most`.
select count(*) as count
from (
    select 1
    from tickets as t
    where
        t.status = :status::text
        and (:is_ready::boolean is null or (t.qa_passed_check_id is not null) = :is_ready::boolean)
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
    limit :most::bigint
) as waiting;
