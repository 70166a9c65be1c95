-- name: summarise(project, from_day, to_day, now, zone)
-- Adds the totals up by status, with the tickets whose time ran out since they were noted on each row. Every filter may
-- be null; run it unprepared (paging.fetch_planned). One statement, so all figures are of one moment.
with counted as (
    select
        status,
        sum(tickets)::bigint as tickets,
        sum(with_sla)::bigint as with_sla,
        sum(met)::bigint as met,
        sum(breached)::bigint as breached,
        sum(overdue)::bigint as overdue,
        sum(resolved)::bigint as resolved,
        sum(resolution_seconds)::bigint as resolution_seconds
    from ticket_totals_now
    where
        day is not null
        and (:project::uuid is null or project_id = :project::uuid)
        and (:from_day::date is null or day >= :from_day::date)
        and (:to_day::date is null or day <= :to_day::date)
    group by status
),

late as materialized (
    select
        count(*) as overdue,
        count(*) filter (where is_breached) as breached
    from late_tickets(:now::timestamptz)
    where
        (:project::uuid is null or project_id = :project::uuid)
        and (:from_day::date is null or (reported_at at time zone :zone::text)::date >= :from_day::date)
        and (:to_day::date is null or (reported_at at time zone :zone::text)::date <= :to_day::date)
)

select
    counted.*,
    late.overdue as late_overdue,
    late.breached as late_breached
from counted
cross join late
where counted.tickets <> 0
order by counted.status;

-- name: list_workload(active_only, now, most)
-- Adds the totals up by the person who has the tickets (null: nobody), busiest first.
with counted as (
    select
        assigned_to,
        sum(tickets)::bigint as tickets,
        sum(overdue)::bigint as overdue
    from ticket_totals_now
    where day is null and (not :active_only::boolean or status not in ('closed', 'cancelled'))
    group by assigned_to
),

late as (
    select
        assigned_to,
        count(*) as overdue
    from late_tickets(:now::timestamptz)
    group by assigned_to
)

select
    c.assigned_to,
    u.name,
    c.tickets as ticket_count,
    c.overdue + coalesce(l.overdue, 0) as overdue_count
from counted as c
left join late as l on c.assigned_to is not distinct from l.assigned_to
left join users as u on c.assigned_to = u.id
where c.tickets <> 0
order by c.tickets desc, u.name asc nulls last, c.assigned_to asc
limit :most::bigint;

-- name: list_recent(project, now, after_at, after_id, row_limit)
-- Reads the newest tickets. Run it unprepared (paging.fetch_planned).
select
    t.id,
    t.ticket_uid,
    t.title,
    t.ticket_type,
    t.status,
    t.priority,
    t.project_id,
    t.dr_number,
    t.assigned_to,
    u.name as assignee_name,
    t.sla_due_at,
    (
        t.sla_due_at <= :now::timestamptz and t.sla_paused_at is null and t.status not in ('closed', 'cancelled')
    ) is true as is_overdue,
    t.reported_at,
    t.created_at
from tickets as t
left join users as u on t.assigned_to = u.id
where
    (:project::uuid is null or t.project_id = :project::uuid)
    and (:after_at::timestamptz is null or (t.created_at, t.id) < (:after_at::timestamptz, :after_id::uuid))
order by t.created_at desc, t.id desc
limit :row_limit::bigint;

-- name: list_overdue(project, now, after_at, after_id, row_limit)
-- Reads the tickets whose time has run out, those that wait longest first. Run it unprepared (paging.fetch_planned).
select
    t.id,
    t.ticket_uid,
    t.title,
    t.ticket_type,
    t.status,
    t.priority,
    t.project_id,
    t.dr_number,
    t.assigned_to,
    u.name as assignee_name,
    t.sla_due_at,
    true as is_overdue,
    t.reported_at,
    t.created_at
from tickets as t
left join users as u on t.assigned_to = u.id
where
    t.sla_due_at <= :now::timestamptz
    and t.sla_paused_at is null
    and t.status not in ('closed', 'cancelled')
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (
        :after_at::timestamptz is null
        or (t.sla_due_at >= :after_at::timestamptz and (t.sla_due_at, t.id) > (:after_at::timestamptz, :after_id::uuid))
    )
order by t.sla_due_at asc, t.id asc
limit :row_limit::bigint;

-- name: count_unresolved(project)
-- Counts the escalations that nobody has resolved, by their scope.
select
    scope_type,
    count(*) filter (where status = 'open') as open,
    count(*) filter (where status = 'investigating') as investigating,
    sum(fault_count)::bigint as faults,
    min(created_at) as oldest_at
from repeat_fault_escalations
where status in ('open', 'investigating') and (:project::uuid is null or project_id = :project::uuid)
group by scope_type;

-- name: get_imports()^
-- Reads the weekly report that was uploaded last, and when one was last imported to its end.
select
    r.id,
    r.report_uid,
    r.status,
    r.original_filename,
    r.total_rows,
    r.created_count,
    r.updated_count,
    r.conflict_count,
    r.rejected_count,
    r.failure_code,
    r.failure_message,
    r.created_at,
    r.imported_at,
    (
        select done.imported_at
        from weekly_reports as done
        where done.status = 'completed'
        order by done.created_at desc
        limit 1
    ) as last_completed_at
from weekly_reports as r
where r.failure_code is distinct from 'DISMISSED'
order by r.created_at desc, r.id desc
limit 1;

-- name: list_syncs(since)
-- Reads of each direction of the CRM's sync when it last ended in which way, and how often since a moment.
select
    way.direction,
    kind.status,
    (
        select s.synced_at
        from qcontact_sync_log as s
        where s.sync_direction = way.direction and s.status = kind.status
        order by s.synced_at desc
        limit 1
    ) as last_at,
    (
        select count(*)
        from qcontact_sync_log as s
        where s.sync_direction = way.direction and s.status = kind.status and s.synced_at >= :since::timestamptz
    ) as recent
from unnest(array['inbound', 'outbound']) as way (direction)
cross join unnest(array['success', 'partial', 'failed']) as kind (status);

-- name: get_last_failed_sync()^
-- Reads why a sync with the CRM failed last.
select
    s.sync_direction,
    s.sync_type,
    s.error_code,
    s.error_message,
    s.synced_at
from unnest(array['inbound', 'outbound']) as way (direction)
cross join lateral (
    select *
    from qcontact_sync_log as l
    where l.sync_direction = way.direction and l.status = 'failed'
    order by l.synced_at desc
    limit 1
) as s
order by s.synced_at desc
limit 1;

-- name: fold_changes()$
-- Brings what has been added up into the totals, and returns how many rows that were. Whoever reads meanwhile sees all
-- of it before, or all of it after.
with taken as (
    delete from ticket_total_changes
    returning
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
),

folded as (
    insert into ticket_totals as t (
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    )
    select
        day,
        project_id,
        assigned_to,
        status,
        sum(tickets),
        sum(with_sla),
        sum(met),
        sum(breached),
        sum(overdue),
        sum(resolved),
        sum(resolution_seconds)
    from taken
    group by day, project_id, assigned_to, status
    on conflict (day, project_id, assigned_to, status) do update
    set
        tickets = t.tickets + excluded.tickets,
        with_sla = t.with_sla + excluded.with_sla,
        met = t.met + excluded.met,
        breached = t.breached + excluded.breached,
        overdue = t.overdue + excluded.overdue,
        resolved = t.resolved + excluded.resolved,
        resolution_seconds = t.resolution_seconds + excluded.resolution_seconds
)

select count(*) from taken;

-- name: drop_empty_totals()!
-- Removes the totals of which nothing is left: the days on which nothing is open any more, and the like.
delete from ticket_totals
where
    tickets = 0
    and with_sla = 0
    and met = 0
    and breached = 0
    and overdue = 0
    and resolved = 0
    and resolution_seconds = 0;

-- name: list_drift(most)
-- Counts all tickets anew and tells where the totals say something else: by how much each figure is too high.
select
    d.day,
    d.project_id,
    d.assigned_to,
    d.status,
    sum(d.tickets)::bigint as tickets,
    sum(d.with_sla)::bigint as with_sla,
    sum(d.met)::bigint as met,
    sum(d.breached)::bigint as breached,
    sum(d.overdue)::bigint as overdue,
    sum(d.resolved)::bigint as resolved,
    sum(d.resolution_seconds)::bigint as resolution_seconds,
    count(*) over () as keys
from (
    select
        day, project_id, assigned_to, status, tickets, with_sla, met, breached, overdue, resolved, resolution_seconds
    from ticket_totals_now
    union all
    select
        day, project_id, assigned_to, status, -tickets, -with_sla, -met, -breached, -overdue, -resolved,
        -resolution_seconds
    from ticket_totals_recounted
) as d
group by d.day, d.project_id, d.assigned_to, d.status
having
    row(
        sum(d.tickets), sum(d.with_sla), sum(d.met), sum(d.breached), sum(d.overdue), sum(d.resolved),
        sum(d.resolution_seconds)
    ) <> row(0, 0, 0, 0, 0, 0, 0)
order by d.day nulls last, d.project_id, d.assigned_to, d.status
limit :most::bigint;

-- name: compare_present(now)^
-- Counts all tickets anew for what depends on the time, in plain words, beside what the dashboard says.
select
    plain.tickets as tickets,
    plain.overdue as overdue,
    plain.breached as breached,
    told.tickets as told_tickets,
    told.overdue + late.overdue as told_overdue,
    told.breached + late.breached as told_breached
from (
    select
        count(*) as tickets,
        count(*) filter (
            where sla_due_at <= :now::timestamptz
            and sla_paused_at is null
            and status not in ('closed', 'cancelled')
        ) as overdue,
        count(*) filter (
            where sla_due_at is not null
            and status <> 'cancelled'
            and (
                sla_breached or (sla_next_check_at is not null and sla_due_at < closed_at)
                or (sla_next_check_at is not null and closed_at is null and sla_due_at <= :now::timestamptz)
            )
        ) as breached
    from tickets
) as plain
cross join (
    select
        coalesce(sum(tickets), 0)::bigint as tickets,
        coalesce(sum(overdue), 0)::bigint as overdue,
        coalesce(sum(breached), 0)::bigint as breached
    from ticket_totals_now
    where day is not null
) as told
cross join (
    select
        count(*) as overdue,
        count(*) filter (where is_breached) as breached
    from late_tickets(:now::timestamptz)
) as late;

-- name: rebuild_totals()!
-- Counts everything anew, while nobody changes tickets.
select rebuild_ticket_totals();
