-- name: list_tickets(ticket_ids, see_all, see_user, see_contractor, see_teams)
-- Reads tickets as the API shows them, in no order. Run it unprepared (paging.fetch_planned).
select
    t.id,
    t.ticket_uid,
    t.source,
    t.external_id,
    t.ticket_type,
    t.priority,
    t.status,
    t.title,
    t.description,
    t.client_name,
    t.client_contact,
    t.client_email,
    t.dr_number,
    t.pole_number,
    t.pon_number,
    t.zone as zone_id,
    t.project_id,
    t.address,
    case
        when t.latitude is not null then jsonb_build_object('latitude', t.latitude, 'longitude', t.longitude)
    end as gps_coordinates,
    t.ont_serial,
    t.ont_model,
    t.ont_rx_level::double precision as ont_rx_level,
    t.assigned_to,
    t.assigned_contractor_id,
    t.assigned_team_id,
    t.assigned_team,
    case
        when u.id is not null then jsonb_build_object('id', u.id, 'name', u.name, 'email', u.email)
    end as assigned_user,
    t.guarantee_status,
    t.guarantee_expires_at,
    t.is_billable,
    t.billing_classification,
    t.fault_cause,
    t.fault_cause_details,
    t.qa_ready,
    t.qa_readiness_check_at,
    t.qa_readiness_failed_reasons,
    t.rectification_count,
    t.sla_due_at,
    t.sla_first_response_at,
    t.sla_breached,
    t.created_at,
    t.updated_at,
    t.created_by,
    t.closed_at,
    t.closed_by
from tickets as t
left join users as u on t.assigned_to = u.id
where
    t.id = any(:ticket_ids::uuid [])
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    );

-- name: count_tickets(clock_runs, status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, most)$
-- Counts the tickets that match, but no further than `most`: a total must not cost a scan. Unprepared, as the others.
select count(*)
from (
    select 1
    from tickets as t
    where
        (:status::text is null or t.status = :status::text)
        and (:ticket_type::text is null or t.ticket_type = :ticket_type::text)
        and (:priority::text is null or t.priority = :priority::text)
        and (:source::text is null or t.source = :source::text)
        and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
        and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (:dr_number::text is null or t.dr_number = :dr_number::text)
        and (:qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
        and (:sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
        and (
            :clock_runs::boolean is null
            or (t.sla_due_at is not null and t.status not in ('closed', 'cancelled')) = :clock_runs::boolean
        )
    limit :most::bigint
) as counted;

-- name: find_few_tickets(sorted_by, newest_first, by_status, own, clock_runs, status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, after_part, after_at, after_id, most, row_limit, row_skip)
-- Counts the tickets that match, but no further than `most`, and finds a page of them where they are fewer than that:
-- all of them are read and sorted, for where few match an index of the order would be walked from end to end. With
-- `by_status` those of each status are counted and paged by themselves. No row where none matches. Every filter may be
-- null; run it unprepared (paging.fetch_planned).
-- What is somebody's `own`, or of one drop, is found by that and its other filters are asked of each: written so that
-- no index helps with them, or the planner would read a hundred thousand entries to spare it a thousand tickets.
with matching as materialized (
    select
        t.id,
        case when :by_status::boolean then t.status end as status,
        case :sorted_by::text
            when 'priority' then array_position(array['critical', 'urgent', 'high', 'normal', 'low'], t.priority)
            when 'due'
                then case when t.sla_due_at is not null and t.status not in ('closed', 'cancelled') then 1 else 2 end
            else 1
        end as part,
        case
            when :sorted_by::text = 'changed' then t.updated_at
            -- Where all have a due time, an index alone answers.
            when :sorted_by::text = 'due' and :clock_runs::boolean then t.sla_due_at
            when :sorted_by::text = 'due' and t.status not in ('closed', 'cancelled')
                then coalesce(t.sla_due_at, t.created_at)
            else t.created_at
        end as at
    from tickets as t
    where
        (:own::boolean or :status::text is null or t.status = :status::text)
        and (:own::boolean or :ticket_type::text is null or t.ticket_type = :ticket_type::text)
        and (:own::boolean or :priority::text is null or t.priority = :priority::text)
        and (:own::boolean or :source::text is null or t.source = :source::text)
        and (:own::boolean or :project::uuid is null or t.project_id = :project::uuid)
        and (:own::boolean or :qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
        and (:own::boolean or :sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
        and (
            not :own::boolean
            or (t.status, t.ticket_type, t.priority, t.source, t.project_id, t.qa_ready, t.sla_breached)
            is not distinct from (
                coalesce(:status::text, t.status), coalesce(:ticket_type::text, t.ticket_type),
                coalesce(:priority::text, t.priority), coalesce(:source::text, t.source),
                coalesce(:project::uuid, t.project_id), coalesce(:qa_ready::boolean, t.qa_ready),
                coalesce(:sla_breached::boolean, t.sla_breached)
            )
        )
        and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
        and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
        and (:dr_number::text is null or t.dr_number = :dr_number::text)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
        and (
            :clock_runs::boolean is null
            or (t.sla_due_at is not null and t.status not in ('closed', 'cancelled')) = :clock_runs::boolean
        )
    limit :most::bigint
),

sorted as (
    select
        id,
        status,
        part,
        at,
        row_number() over (
            partition by status
            order by
                part,
                case when :newest_first::boolean then at end desc,
                case when :newest_first::boolean then id end desc,
                at,
                id
        ) as place
    from matching
    where
        (select count(*) from matching) < :most::bigint
        and (
            :after_id::uuid is null
            or case
                when :newest_first::boolean then (at, id) < (:after_at::timestamptz, :after_id::uuid)
                else (part, at, id) > (:after_part::integer, :after_at::timestamptz, :after_id::uuid)
            end
        )
),

page as (
    select *
    from sorted
    where place > :row_skip::bigint and place <= :row_skip::bigint + :row_limit::bigint
)

select
    counted.status,
    counted.counted,
    page.id,
    page.part,
    page.at
from (select status, count(*) as counted from matching group by status) as counted
left join page on counted.status is not distinct from page.status
order by counted.status, page.place;

-- name: walk_tickets(sorted_by, newest_first, clock_runs, status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit, row_skip)
-- Finds a page of the tickets that match where many do, along an index of the order; `at` is what they are sorted by.
-- Every filter may be null; run it unprepared (paging.fetch_planned), which leaves one column of each `case`.
select
    t.id,
    t.at
from (
    select
        ticket.*,
        case :sorted_by::text
            when 'changed' then ticket.updated_at
            when 'due' then ticket.sla_due_at
            else ticket.created_at
        end as at
    from tickets as ticket
) as t
where
    (:status::text is null or t.status = :status::text)
    and (:ticket_type::text is null or t.ticket_type = :ticket_type::text)
    and (:priority::text is null or t.priority = :priority::text)
    and (:source::text is null or t.source = :source::text)
    and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
    and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (:dr_number::text is null or t.dr_number = :dr_number::text)
    and (:qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
    and (:sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (
        :clock_runs::boolean is null
        or (t.sla_due_at is not null and t.status not in ('closed', 'cancelled')) = :clock_runs::boolean
    )
    and (
        :after_id::uuid is null
        or case
            when :newest_first::boolean then (t.at, t.id) < (:after_at::timestamptz, :after_id::uuid)
            else (t.at, t.id) > (:after_at::timestamptz, :after_id::uuid)
        end
    )
order by
    case when :newest_first::boolean then t.at end desc,
    case when :newest_first::boolean then t.id end desc,
    t.at,
    t.id
limit :row_limit::bigint offset :row_skip::bigint;

-- name: lock_ticket(ticket_id, see_all, see_user, see_contractor, see_teams)^
-- Takes a ticket for changing: whoever else wants to change it, or to add to it, waits until this transaction ends. So
-- what the conditions of a move ask (an accepted risk, a readiness check) cannot change between the asking and the move.
select
    id,
    ticket_uid,
    ticket_type,
    title,
    description,
    status,
    priority,
    assigned_to,
    assigned_contractor_id,
    assigned_team_id,
    assigned_team,
    dr_number,
    project_id,
    zone as zone_id,
    pole_number,
    pon_number,
    address,
    latitude,
    longitude,
    ont_serial,
    ont_model,
    ont_rx_level,
    guarantee_status,
    guarantee_expires_at,
    is_billable,
    billing_classification,
    fault_cause,
    fault_cause_details,
    qa_ready,
    rectification_count,
    sla_due_at,
    sla_first_response_at,
    sla_breached,
    created_at,
    updated_at,
    closed_at,
    closed_by
from tickets
where
    id = :ticket_id
    and (
        :see_all::boolean
        or assigned_to = :see_user::uuid
        or assigned_contractor_id = :see_contractor::uuid
        or assigned_team_id = any(:see_teams::uuid [])
    )
for update;

-- name: insert_ticket(source, external_id, ticket_type, priority, status, title, description, client_name, client_contact, client_email, dr_number, pole_number, pon_number, zone_id, project_id, address, latitude, longitude, assigned_to, assigned_contractor_id, assigned_team_id, assigned_team, created_by, now)^
-- Makes a ticket and its verification steps; no row if the source's own reference has a ticket already.
with ticket as (
    insert into tickets (
        source, external_id, ticket_type, priority, status, title, description, client_name, client_contact,
        client_email, dr_number, pole_number, pon_number, zone, project_id, address, latitude, longitude, assigned_to,
        assigned_contractor_id, assigned_team_id, assigned_team, created_by, reported_at, created_at, updated_at
    )
    values (
        :source, :external_id::text, :ticket_type, :priority, :status, :title, :description::text,
        :client_name::text, :client_contact::text, :client_email::text, :dr_number::text, :pole_number::text,
        :pon_number::text, :zone_id::text, :project_id::uuid, :address::text, :latitude::numeric, :longitude::numeric,
        :assigned_to::uuid, :assigned_contractor_id::uuid, :assigned_team_id::uuid, :assigned_team::text,
        :created_by::uuid,
        :now::timestamptz, :now::timestamptz, :now::timestamptz
    )
    on conflict (source, external_id) where external_id is not null do nothing
    returning id, ticket_uid
),

steps as (
    insert into verification_steps (ticket_id, step_number, created_at)
    select
        ticket.id,
        step.step_number,
        :now::timestamptz
    from ticket
    cross join verification_step_types as step
)

select
    id,
    ticket_uid
from ticket;

-- name: find_ticket_by_external_id(source, external_id)^
-- Finds the ticket that a source's own reference has.
select
    id,
    ticket_uid
from tickets
where source = :source and external_id = :external_id;

-- name: update_ticket(id, title, description, status, priority, assigned_to, assigned_contractor_id, assigned_team_id, assigned_team, dr_number, project_id, zone_id, pole_number, pon_number, address, latitude, longitude, ont_serial, ont_model, ont_rx_level, guarantee_status, guarantee_expires_at, is_billable, billing_classification, fault_cause, fault_cause_details, qa_ready, rectification_count, sla_due_at, sla_first_response_at, sla_breached, updated_at, closed_at, closed_by)!
-- Writes a locked ticket back.
update tickets
set
    title = :title,
    description = :description::text,
    status = :status,
    priority = :priority,
    assigned_to = :assigned_to::uuid,
    assigned_contractor_id = :assigned_contractor_id::uuid,
    assigned_team_id = :assigned_team_id::uuid,
    assigned_team = :assigned_team::text,
    dr_number = :dr_number::text,
    project_id = :project_id::uuid,
    zone = :zone_id::text,
    pole_number = :pole_number::text,
    pon_number = :pon_number::text,
    address = :address::text,
    latitude = :latitude::numeric,
    longitude = :longitude::numeric,
    ont_serial = :ont_serial::text,
    ont_model = :ont_model::text,
    ont_rx_level = :ont_rx_level::numeric,
    guarantee_status = :guarantee_status::text,
    guarantee_expires_at = :guarantee_expires_at::timestamptz,
    is_billable = :is_billable::boolean,
    billing_classification = :billing_classification::text,
    fault_cause = :fault_cause::text,
    fault_cause_details = :fault_cause_details::text,
    qa_ready = :qa_ready,
    rectification_count = :rectification_count,
    sla_due_at = :sla_due_at::timestamptz,
    sla_first_response_at = :sla_first_response_at::timestamptz,
    sla_breached = :sla_breached::boolean,
    sla_breached_at = case when :sla_breached::boolean then sla_breached_at end,
    updated_at = :updated_at,
    closed_at = :closed_at::timestamptz,
    closed_by = :closed_by::uuid
where id = :id;

-- name: get_move_facts(ticket_id)^
-- Reads what the status machine's conditions ask: open steps, accepted risks, and whether a passed readiness check
-- stands (the database takes it back when a checked field or an evidence photo changes).
select
    array(
        select type.step_number
        from verification_step_types as type
        left join verification_steps as step
            on type.step_number = step.step_number and step.ticket_id = :ticket_id
        where step.is_complete is not true
        order by type.step_number
    ) as open_steps,
    risks.active_risks,
    risks.accepted_steps,
    exists (
        select 1 from tickets as t where t.id = :ticket_id and t.qa_passed_check_id is not null
    ) as readiness_current
from (
    select
        count(distinct risk.id) as active_risks,
        coalesce(array_agg(distinct step.step_number) filter (where step.step_number is not null), '{}')
            as accepted_steps
    from qa_risk_acceptances as risk
    left join lateral unnest(risk.outstanding_steps) as step (step_number) on true
    where risk.ticket_id = :ticket_id and risk.status = 'active'
) as risks;

-- name: enrich_ticket(ticket_id)^
-- Reads what the SOW register and the project say of a ticket's drop. We hold no OneMap register: those stay null.
select
    case
        when d.latitude is not null
            then jsonb_build_object('latitude', d.latitude, 'longitude', d.longitude, 'address', d.address)
    end as fibreflow_gps,
    d.pole_number as fibreflow_pole_number,
    d.pon_number as fibreflow_pon,
    d.zone_number as fibreflow_zone,
    c.name as fibreflow_contractor,
    d.municipality as fibreflow_municipality,
    null::text as onemap_customer_name,
    null::text as onemap_contact_number,
    null::text as onemap_address,
    null::jsonb as onemap_gps,
    case
        when p.id is not null
            then jsonb_build_object('project_id', p.id, 'project_name', p.name, 'project_code', p.code)
    end as project,
    d.id is not null as sow_match_found,
    false as onemap_match_found,
    p.id is not null as project_match_found
from tickets as t
left join drops as d on t.dr_number = d.dr_number
left join projects as p on coalesce(t.project_id, d.project_id) = p.id
left join contractors as c on t.assigned_contractor_id = c.id
where t.id = :ticket_id;
