-- name: fold_day_changes()$
-- Brings what has been added up into the totals of days, and returns how many rows that were. Whoever reads meanwhile
-- sees all of it before, or all of it after.
with taken as (
    delete from ticket_day_changes
    returning
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
),

folded as (
    insert into ticket_day_totals as t (
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    )
    select
        day,
        project_id,
        assigned_contractor_id,
        priority,
        fault_cause,
        sum(tickets),
        sum(met),
        sum(breached),
        sum(response_met),
        sum(response_breached)
    from taken
    group by day, project_id, assigned_contractor_id, priority, fault_cause
    on conflict (day, project_id, assigned_contractor_id, priority, fault_cause) do update
    set
        tickets = t.tickets + excluded.tickets,
        met = t.met + excluded.met,
        breached = t.breached + excluded.breached,
        response_met = t.response_met + excluded.response_met,
        response_breached = t.response_breached + excluded.response_breached
)

select count(*) from taken;

-- name: drop_empty_day_totals()!
-- Removes the totals of days of which nothing is left.
delete from ticket_day_totals
where tickets = 0 and met = 0 and breached = 0 and response_met = 0 and response_breached = 0;

-- name: list_day_drift(most)
-- Counts all tickets anew and tells where the totals of days say something else: by how much each figure is too high.
select
    d.day,
    d.project_id,
    d.assigned_contractor_id,
    d.priority,
    d.fault_cause,
    sum(d.tickets)::bigint as tickets,
    sum(d.met)::bigint as met,
    sum(d.breached)::bigint as breached,
    sum(d.response_met)::bigint as response_met,
    sum(d.response_breached)::bigint as response_breached,
    count(*) over () as keys
from (
    select
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    from ticket_day_totals_now
    union all
    select
        day, project_id, assigned_contractor_id, priority, fault_cause, -tickets, -met, -breached, -response_met,
        -response_breached
    from ticket_day_totals_recounted
) as d
group by d.day, d.project_id, d.assigned_contractor_id, d.priority, d.fault_cause
having
    row(
        sum(d.tickets), sum(d.met), sum(d.breached), sum(d.response_met), sum(d.response_breached)
    ) <> row(0, 0, 0, 0, 0)
order by d.day, d.project_id, d.assigned_contractor_id, d.priority, d.fault_cause
limit :most::bigint;
