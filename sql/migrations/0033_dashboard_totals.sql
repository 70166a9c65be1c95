-- Running totals of tickets: the dashboard reads what has been added up, and it is right at any moment because whoever
-- changes tickets adds the change up in the same transaction.

-- What a ticket counts for, as far as that does not depend on what time it is. A day is a local one, of the report.
-- `breached` and `overdue` are what has been noted; what ran out since then is found by `late_tickets`. A due time that
-- was moved beyond the noted breach is not overdue any more; one that lies at the breach will never be in the future.
create function ticket_figures(
    status text,
    reported_at timestamptz,
    closed_at timestamptz,
    due_at timestamptz,
    next_check_at timestamptz,
    is_breached boolean,
    breached_at timestamptz,
    paused_at timestamptz
) returns table (
    day date,
    with_sla integer,
    met integer,
    breached integer,
    overdue integer,
    resolved integer,
    resolution_seconds bigint
)
language sql immutable parallel safe
as $$
    select
        (reported_at at time zone 'Africa/Johannesburg')::date,
        (due_at is not null and status <> 'cancelled')::integer,
        (
            due_at is not null and closed_at is not null
            and not (is_breached or (next_check_at is not null and due_at < closed_at))
        )::integer,
        (
            due_at is not null and status <> 'cancelled'
            and (is_breached or (next_check_at is not null and due_at < closed_at)) is true
        )::integer,
        (
            status not in ('closed', 'cancelled') and paused_at is null and (breached_at >= due_at) is true
        )::integer,
        (closed_at is not null)::integer,
        coalesce(greatest(date_part('epoch', closed_at - reported_at), 0), 0)::bigint
$$;

-- Two sets of totals, both with few keys: those with a day are of a day, a project and a status, those without are of a
-- person (null: nobody) and a status. One large set of all four would have nearly as many rows as there are tickets.
create table ticket_totals (
    day date,
    project_id uuid,
    assigned_to uuid,
    status text not null,
    tickets bigint not null,
    with_sla bigint not null,
    met bigint not null,
    breached bigint not null,
    overdue bigint not null,
    resolved bigint not null,
    resolution_seconds bigint not null,
    constraint ticket_totals_key unique nulls not distinct (day, project_id, assigned_to, status)
);

-- What has been added up and not yet brought into the totals: rows are only ever added, so that no two who change
-- tickets wait for each other, let alone in a circle; a job folds them into the totals, which nobody else writes.
create table ticket_total_changes (
    day date,
    project_id uuid,
    assigned_to uuid,
    status text not null,
    tickets bigint not null,
    with_sla bigint not null,
    met bigint not null,
    breached bigint not null,
    overdue bigint not null,
    resolved bigint not null,
    resolution_seconds bigint not null
) with (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- The totals as they are at this moment.
create view ticket_totals_now as
select day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
from ticket_totals
union all
select day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
from ticket_total_changes;

-- The same, counted from the tickets themselves: slow, and what the totals are proved against.
create view ticket_totals_recounted as
select
    f.day,
    t.project_id,
    t.assigned_to,
    t.status,
    count(*) as tickets,
    sum(f.with_sla) as with_sla,
    sum(f.met) as met,
    sum(f.breached) as breached,
    sum(f.overdue) as overdue,
    sum(f.resolved) as resolved,
    sum(f.resolution_seconds)::bigint as resolution_seconds
from tickets as t
cross join lateral ticket_figures(
    t.status, t.reported_at, t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_breached_at,
    t.sla_paused_at
) as f
group by grouping sets ((f.day, t.project_id, t.status), (t.assigned_to, t.status));

create function add_up_made_tickets() returns trigger
language plpgsql
as $$
begin
    insert into ticket_total_changes (
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    )
    select
        f.day,
        t.project_id,
        t.assigned_to,
        t.status,
        count(*),
        sum(f.with_sla),
        sum(f.met),
        sum(f.breached),
        sum(f.overdue),
        sum(f.resolved),
        sum(f.resolution_seconds)
    from made_tickets as t
    cross join lateral ticket_figures(
        t.status, t.reported_at, t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_breached_at,
        t.sla_paused_at
    ) as f
    group by grouping sets ((f.day, t.project_id, t.status), (t.assigned_to, t.status));
    return null;
end
$$;

-- What tickets were is taken off, what they are is added; where nothing is left of both, nothing is written. Without a
-- join of the two, so that a plan made for one ticket does for ten thousand.
create function add_up_changed_tickets() returns trigger
language plpgsql
as $$
begin
    insert into ticket_total_changes (
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    )
    select
        f.day,
        t.project_id,
        t.assigned_to,
        t.status,
        sum(t.times),
        sum(t.times * f.with_sla),
        sum(t.times * f.met),
        sum(t.times * f.breached),
        sum(t.times * f.overdue),
        sum(t.times * f.resolved),
        sum(t.times * f.resolution_seconds)
    from (
        select
            -1 as times, status, project_id, assigned_to, reported_at, closed_at, sla_due_at, sla_next_check_at,
            sla_breached, sla_breached_at, sla_paused_at
        from tickets_before
        union all
        select
            1, status, project_id, assigned_to, reported_at, closed_at, sla_due_at, sla_next_check_at,
            sla_breached, sla_breached_at, sla_paused_at
        from tickets_after
    ) as t
    cross join lateral ticket_figures(
        t.status, t.reported_at, t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_breached_at,
        t.sla_paused_at
    ) as f
    group by grouping sets ((f.day, t.project_id, t.status), (t.assigned_to, t.status))
    having
        row(
            sum(t.times), sum(t.times * f.with_sla), sum(t.times * f.met), sum(t.times * f.breached),
            sum(t.times * f.overdue), sum(t.times * f.resolved), sum(t.times * f.resolution_seconds)
        ) <> row(0, 0, 0, 0, 0, 0, 0);
    return null;
end
$$;

-- Tickets are never deleted, and the table is never emptied: the database refuses both.
create trigger tickets_made_added_up
after insert on tickets
referencing new table as made_tickets
for each statement
execute function add_up_made_tickets();

create trigger tickets_changed_added_up
after update on tickets
referencing old table as tickets_before new table as tickets_after
for each statement
execute function add_up_changed_tickets();

-- Those whose time ran out and nobody noted, and nobody will: somebody said by hand what they are. Few, so that this
-- index is all but empty, also after an import; the sweep's own index finds those that it has not come to yet.
create index tickets_late_unswept_idx on tickets (sla_due_at)
where
    sla_next_check_at is null
    and sla_due_at is not null
    and sla_paused_at is null
    and status not in ('closed', 'cancelled')
    and (sla_breached_at is null or sla_breached_at < sla_due_at);

-- Tickets that are overdue at a moment and not noted as such in the totals; `is_breached` if that moment breaches them.
-- A check never lies behind the due time, so those that the sweep has still to come to are among those it is due for.
create function late_tickets(at timestamptz) returns table (
    reported_at timestamptz,
    project_id uuid,
    assigned_to uuid,
    status text,
    is_breached boolean
)
language sql stable parallel safe
as $$
    -- By these indexes and no other: `offset 0` keeps a caller's filter from leading the planner elsewhere.
    select t.reported_at, t.project_id, t.assigned_to, t.status, not t.sla_breached
    from (select * from tickets where sla_next_check_at <= at offset 0) as t
    where
        t.sla_due_at <= at
        and t.sla_paused_at is null
        and t.status not in ('closed', 'cancelled')
        and (t.sla_breached_at is null or t.sla_breached_at < t.sla_due_at)
    union all
    select t.reported_at, t.project_id, t.assigned_to, t.status, false
    from (
        select *
        from tickets
        where
            sla_next_check_at is null
            and sla_due_at <= at
            and sla_paused_at is null
            and status not in ('closed', 'cancelled')
            and (sla_breached_at is null or sla_breached_at < sla_due_at)
        offset 0
    ) as t
$$;

-- Counts everything anew, for a table that was there before and for totals that somebody spoilt. Nobody changes tickets
-- meanwhile. Tables are taken in the order in which everybody writes them.
create function rebuild_ticket_totals() returns void
language plpgsql
as $$
begin
    lock table tickets, ticket_total_changes, ticket_totals in share row exclusive mode;
    delete from ticket_total_changes;
    delete from ticket_totals;
    insert into ticket_totals (
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    )
    select day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    from ticket_totals_recounted;
end
$$;
select rebuild_ticket_totals();

-- When the CRM last answered, in each direction, is asked for at every look at the dashboard.
create index qcontact_sync_log_outcome_idx on qcontact_sync_log (sync_direction, status, synced_at desc);
