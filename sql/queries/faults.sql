-- name: count_faults(group_by, within_project, period, zone, project, fault_cause, reported_from, reported_before, see_all, see_user, see_contractor, see_teams, most)
-- Counts faults by a value, and by period where one is asked for; `total` is of all groups. Every filter may be null;
-- run it unprepared, so that only the wanted grouping is left of it.
with faults as (
    select
        case :group_by::text
            when 'fault_cause' then t.fault_cause
            when 'pole_number' then t.pole_number
            when 'pon_number' then t.pon_number
            when 'zone_id' then t.zone
            when 'dr_number' then t.dr_number
            when 'assigned_contractor_id' then t.assigned_contractor_id::text
            when 'period' then ''
        end as value,
        case when :within_project::boolean then t.project_id end as project_id,
        case
            when :period::text is not null
                then date_trunc(:period::text, t.reported_at at time zone :zone::text)::date
        end as period
    from tickets as t
    where
        t.ticket_type in ('maintenance', 'incident')
        and t.status <> 'cancelled'
        and t.escalation_id is null
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (:fault_cause::text is null or t.fault_cause = :fault_cause::text)
        and (:reported_from::timestamptz is null or t.reported_at >= :reported_from::timestamptz)
        and (:reported_before::timestamptz is null or t.reported_at < :reported_before::timestamptz)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
),

counted as (
    select
        faults.value,
        faults.project_id,
        faults.period,
        count(*) as count
    from faults
    where faults.value is not null or :group_by::text = 'fault_cause'
    group by faults.value, faults.project_id, faults.period
),

most_frequent as (
    select
        counted.*,
        sum(counted.count) over () as total
    from counted
    order by counted.period desc nulls last, counted.count desc, counted.value asc nulls last, counted.project_id asc
    limit :most::bigint
)

select
    m.value,
    m.project_id,
    p.code as project_code,
    c.name as contractor_name,
    m.period,
    m.count,
    m.total
from most_frequent as m
left join projects as p on m.project_id = p.id
left join contractors as c on :group_by::text = 'assigned_contractor_id' and m.value = c.id::text
order by m.period desc nulls last, m.count desc, m.value asc nulls last, m.project_id asc;
