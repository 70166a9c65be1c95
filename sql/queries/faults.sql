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

-- name: count_fault_totals(group_by, period, zone, project, fault_cause, reported_from, whole_from, whole_before, reported_before, most)
-- Counts the faults of everybody by cause, by contractor or by period alone, as count_faults does: the totals of whole
-- days, and the faults of what is left of the range at both ends. Every filter may be null; run it unprepared.
with faults as (
    select day, project_id, assigned_contractor_id, fault_cause, tickets
    from ticket_day_totals_now
    where
        priority is null
        and (:whole_from::timestamptz is null or day >= (:whole_from::timestamptz at time zone :zone::text)::date)
        and (:whole_before::timestamptz is null or day < (:whole_before::timestamptz at time zone :zone::text)::date)
    union all
    select (reported_at at time zone :zone::text)::date, project_id, assigned_contractor_id, fault_cause, 1
    from tickets
    where
        ticket_type in ('maintenance', 'incident')
        and status <> 'cancelled'
        and escalation_id is null
        and (
            (
                :reported_from::timestamptz < :whole_from::timestamptz
                and reported_at >= :reported_from::timestamptz
                and reported_at < :whole_from::timestamptz
            )
            or (
                :whole_before::timestamptz < :reported_before::timestamptz
                and reported_at >= :whole_before::timestamptz
                and reported_at < :reported_before::timestamptz
            )
        )
),

valued as (
    select
        case :group_by::text
            when 'fault_cause' then fault_cause
            when 'assigned_contractor_id' then assigned_contractor_id::text
            when 'period' then ''
        end as value,
        case when :period::text is not null then date_trunc(:period::text, day::timestamp)::date end as period,
        tickets
    from faults
    where
        (:project::uuid is null or project_id = :project::uuid)
        and (:fault_cause::text is null or fault_cause = :fault_cause::text)
),

most_frequent as (
    select
        value,
        period,
        sum(tickets)::bigint as count,
        (sum(sum(tickets)) over ())::bigint as total
    from valued
    where value is not null or :group_by::text = 'fault_cause'
    group by value, period
    having sum(tickets) <> 0
    order by period desc nulls last, count desc, value asc nulls last
    limit :most::bigint
)

select
    m.value,
    c.name as contractor_name,
    m.period,
    m.count,
    m.total
from most_frequent as m
left join contractors as c on :group_by::text = 'assigned_contractor_id' and m.value = c.id::text
order by m.period desc nulls last, m.count desc, m.value asc nulls last;
