-- Running totals of each day for SLA and faults, kept as the dashboard's are: whoever changes tickets adds the change up
-- in the same transaction.

-- How a ticket that has a due time and is not cancelled stands with it, as far as that does not depend on what time it
-- is. `breached` is what has been noted or was closed too late. `response_breached` has whoever waits for an answer among
-- them; those whose time for it still runs are few, and taken off by whoever reads.
create function ticket_clock_figures(
    closed_at timestamptz,
    due_at timestamptz,
    next_check_at timestamptz,
    is_breached boolean,
    response_due_at timestamptz,
    response_at timestamptz
) returns table (
    met integer,
    breached integer,
    response_met integer,
    response_breached integer
)
language sql immutable parallel safe
as $$
    select
        (closed_at is not null and not (is_breached or (next_check_at is not null and due_at < closed_at)))::integer,
        ((is_breached or (next_check_at is not null and due_at < closed_at)) is true)::integer,
        ((response_at <= response_due_at) is true)::integer,
        (
            response_due_at is not null and (coalesce(response_at, closed_at) > response_due_at) is not false
        )::integer
$$;

-- Two sets of totals: those with a priority are of clocks, those without are of faults (see ticketing/faults). A day is a
-- local one, of the report.
create table ticket_day_totals (
    day date not null,
    project_id uuid,
    assigned_contractor_id uuid,
    priority text,
    fault_cause text,
    tickets bigint not null,
    met bigint not null,
    breached bigint not null,
    response_met bigint not null,
    response_breached bigint not null,
    constraint ticket_day_totals_key unique nulls not distinct (
        day, project_id, assigned_contractor_id, priority, fault_cause
    )
);

-- What has been added up and not yet brought into the totals: rows are only ever added, and a job folds them.
create table ticket_day_changes (
    day date not null,
    project_id uuid,
    assigned_contractor_id uuid,
    priority text,
    fault_cause text,
    tickets bigint not null,
    met bigint not null,
    breached bigint not null,
    response_met bigint not null,
    response_breached bigint not null
) with (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- The totals as they are at this moment.
create view ticket_day_totals_now as
select
    day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
    response_breached
from ticket_day_totals
union all
select
    day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
    response_breached
from ticket_day_changes;

-- The same, counted from the tickets themselves: slow, and what the totals are proved against.
create view ticket_day_totals_recounted as
select
    (t.reported_at at time zone 'Africa/Johannesburg')::date as day,
    t.project_id,
    t.assigned_contractor_id,
    t.priority,
    null::text as fault_cause,
    count(*) as tickets,
    sum(f.met) as met,
    sum(f.breached) as breached,
    sum(f.response_met) as response_met,
    sum(f.response_breached) as response_breached
from tickets as t
cross join lateral ticket_clock_figures(
    t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_first_response_due_at,
    t.sla_first_response_at
) as f
where t.sla_due_at is not null and t.status <> 'cancelled'
group by 1, t.project_id, t.assigned_contractor_id, t.priority
union all
select
    (reported_at at time zone 'Africa/Johannesburg')::date,
    project_id,
    assigned_contractor_id,
    null,
    fault_cause,
    count(*),
    0,
    0,
    0,
    0
from tickets
where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null
group by 1, project_id, assigned_contractor_id, fault_cause;

create function add_up_days_of_made_tickets() returns trigger
language plpgsql
as $$
begin
    insert into ticket_day_changes (
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    )
    select
        (t.reported_at at time zone 'Africa/Johannesburg')::date,
        t.project_id,
        t.assigned_contractor_id,
        t.priority,
        null,
        count(*),
        sum(f.met),
        sum(f.breached),
        sum(f.response_met),
        sum(f.response_breached)
    from made_tickets as t
    cross join lateral ticket_clock_figures(
        t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_first_response_due_at,
        t.sla_first_response_at
    ) as f
    where t.sla_due_at is not null and t.status <> 'cancelled'
    group by 1, t.project_id, t.assigned_contractor_id, t.priority
    union all
    select
        (reported_at at time zone 'Africa/Johannesburg')::date,
        project_id,
        assigned_contractor_id,
        null,
        fault_cause,
        count(*),
        0,
        0,
        0,
        0
    from made_tickets
    where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null
    group by 1, project_id, assigned_contractor_id, fault_cause;
    return null;
end
$$;

-- What tickets were is taken off, what they are is added; where nothing is left of both, nothing is written.
create function add_up_days_of_changed_tickets() returns trigger
language plpgsql
as $$
begin
    insert into ticket_day_changes (
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    )
    select
        (t.reported_at at time zone 'Africa/Johannesburg')::date,
        t.project_id,
        t.assigned_contractor_id,
        t.priority,
        null,
        sum(t.times),
        sum(t.times * f.met),
        sum(t.times * f.breached),
        sum(t.times * f.response_met),
        sum(t.times * f.response_breached)
    from (
        select
            -1 as times, reported_at, project_id, assigned_contractor_id, priority, closed_at, sla_due_at,
            sla_next_check_at, sla_breached, sla_first_response_due_at, sla_first_response_at
        from tickets_before
        where sla_due_at is not null and status <> 'cancelled'
        union all
        select
            1, reported_at, project_id, assigned_contractor_id, priority, closed_at, sla_due_at,
            sla_next_check_at, sla_breached, sla_first_response_due_at, sla_first_response_at
        from tickets_after
        where sla_due_at is not null and status <> 'cancelled'
    ) as t
    cross join lateral ticket_clock_figures(
        t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_first_response_due_at,
        t.sla_first_response_at
    ) as f
    group by 1, t.project_id, t.assigned_contractor_id, t.priority
    having
        row(
            sum(t.times), sum(t.times * f.met), sum(t.times * f.breached), sum(t.times * f.response_met),
            sum(t.times * f.response_breached)
        ) <> row(0, 0, 0, 0, 0)
    union all
    select
        (t.reported_at at time zone 'Africa/Johannesburg')::date,
        t.project_id,
        t.assigned_contractor_id,
        null,
        t.fault_cause,
        sum(t.times),
        0,
        0,
        0,
        0
    from (
        select -1 as times, reported_at, project_id, assigned_contractor_id, fault_cause
        from tickets_before
        where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null
        union all
        select 1, reported_at, project_id, assigned_contractor_id, fault_cause
        from tickets_after
        where ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null
    ) as t
    group by 1, t.project_id, t.assigned_contractor_id, t.fault_cause
    having sum(t.times) <> 0;
    return null;
end
$$;

create trigger tickets_made_added_up_by_day
after insert on tickets
referencing new table as made_tickets
for each statement
execute function add_up_days_of_made_tickets();

create trigger tickets_changed_added_up_by_day
after update on tickets
referencing old table as tickets_before new table as tickets_after
for each statement
execute function add_up_days_of_changed_tickets();

-- Nobody changes tickets until this is done: the triggers took the table.
insert into ticket_day_totals (
    day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
    response_breached
)
select
    day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
    response_breached
from ticket_day_totals_recounted;

-- Those who wait for a first answer, by when it is due: whose time still runs is read here.
create index tickets_sla_unanswered_idx on tickets (sla_first_response_due_at)
where
    sla_first_response_due_at is not null
    and sla_first_response_at is null
    and status not in ('closed', 'cancelled');

-- Counts both kinds of totals anew. Nobody changes tickets meanwhile; tables are taken in the order in which everybody
-- writes them.
create or replace function rebuild_ticket_totals() returns void
language plpgsql
as $$
begin
    lock table tickets, ticket_total_changes, ticket_totals, ticket_day_changes, ticket_day_totals
    in share row exclusive mode;
    delete from ticket_total_changes;
    delete from ticket_totals;
    delete from ticket_day_changes;
    delete from ticket_day_totals;
    insert into ticket_totals (
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    )
    select day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    from ticket_totals_recounted;
    insert into ticket_day_totals (
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    )
    select
        day, project_id, assigned_contractor_id, priority, fault_cause, tickets, met, breached, response_met,
        response_breached
    from ticket_day_totals_recounted;
end
$$;
