-- name: scan_repeat_faults(now, since, until, everywhere, ticket_ids, report_id, scope_types, scope_values, scope_projects, project, threshold, window_days, quiet_too, listed)
-- Counts the faults of each place and tells the places that need an escalation, or whose open one has faults to join it;
-- with `quiet_too` every place asked about, with `listed` their faults too. The places are those of tickets, those of a
-- report's tickets, those named, or `everywhere`. Run it unprepared (paging.fetch_planned): what is not asked for is then
-- left out of the plan. `since` must not be later than any project's window begins.
--
-- A place is a value within a project. A fault counts in the window of its own project. Poles and drops are known without
-- a project (`no_project()`), and need no more faults than the most careful of their faults' projects asks for.
with wanted as materialized (
    select
        place.scope_type,
        place.scope_value,
        place.within
    from (
        select asked.id
        from unnest(:ticket_ids::uuid []) as asked (id)
        union all
        select r.ticket_id
        from weekly_report_rows as r
        where r.report_id = :report_id::uuid and r.outcome in ('created', 'updated', 'conflict')
    ) as told
    inner join tickets as t on told.id = t.id
    cross join lateral (
        values
        ('pole', t.pole_number, no_project()),
        ('pon', t.pon_number, coalesce(t.project_id, no_project())),
        ('zone', t.zone, coalesce(t.project_id, no_project())),
        ('dr', t.dr_number, no_project())
    ) as place (scope_type, scope_value, within)
    where
        t.ticket_type in ('maintenance', 'incident')
        and t.status <> 'cancelled'
        and t.escalation_id is null
        and place.scope_value is not null
    union all
    select
        named.scope_type,
        named.scope_value,
        known.id
    from unnest(:scope_types::text [], :scope_values::text [], :scope_projects::uuid []) as named (
        scope_type, scope_value, within
    )
    inner join (
        select id from projects
        union all
        select no_project()
    ) as known on named.within is null or named.within = known.id
),

figures as not materialized (
    select
        known.within,
        coalesce(:window_days::integer, s.window_days) as window_days,
        coalesce(:threshold::integer, s.pole_threshold) as pole_threshold,
        coalesce(:threshold::integer, s.pon_threshold) as pon_threshold,
        coalesce(:threshold::integer, s.zone_threshold) as zone_threshold,
        coalesce(:threshold::integer, s.dr_threshold) as dr_threshold
    from (
        select id as within from projects
        union all
        select no_project()
    ) as known
    left join repeat_fault_settings as own on known.within = own.project_id
    inner join repeat_fault_settings as s on own.id = s.id or (own.id is null and s.project_id is null)
),

faults as not materialized (
    select
        t.id,
        t.pole_number,
        t.pon_number,
        t.zone,
        t.dr_number,
        t.reported_at,
        figures.*
    from tickets as t
    inner join figures on coalesce(t.project_id, no_project()) = figures.within
    where
        t.ticket_type in ('maintenance', 'incident')
        and t.status <> 'cancelled'
        and t.escalation_id is null
        and t.reported_at > :since::timestamptz
        and t.reported_at > :now::timestamptz - figures.window_days * interval '1 day'
        and t.reported_at <= :until::timestamptz
        and (:project::uuid is null or t.project_id = :project::uuid)
),

-- The places that have an open escalation, or had one: after a resolution only faults that were reported later count.
known as materialized (
    select
        e.scope_type,
        e.scope_value,
        place.within,
        max(e.resolved_at) as resolved_at,
        (array_agg(e.id) filter (where e.resolved_at is null))[1] as escalation_id
    from repeat_fault_escalations as e
    cross join lateral (
        select case when e.scope_type in ('pon', 'zone') then coalesce(e.project_id, no_project()) else no_project() end
    ) as place (within)
    where
        (e.status in ('open', 'investigating') or e.resolved_at > :since::timestamptz)
        and (
            :everywhere::boolean
            or (e.scope_type, e.scope_value, place.within) in (select scope_type, scope_value, within from wanted)
        )
    group by e.scope_type, e.scope_value, place.within
),

-- Every other place: one count says it all. Where places are named, kinds of places that none is of are left out of the
-- plan, and drops are found by their number.
counted as (
    select
        'pole' as scope_type,
        f.pole_number as scope_value,
        no_project() as within,
        min(f.pole_threshold) as threshold,
        max(f.window_days) as window_days,
        count(*) as fault_count,
        case when :listed::boolean then array_agg(f.id) end as ticket_ids
    from faults as f
    where
        f.pole_number is not null
        and (:scope_types::text [] is null or 'pole' = any(:scope_types::text []))
        and (:scope_types::text [] is null or f.pole_number = any(:scope_values::text []))
        and (
            :everywhere::boolean
            or f.pole_number in (select scope_value from wanted where scope_type = 'pole')
        )
    group by f.pole_number
    having :quiet_too::boolean or count(*) >= min(f.pole_threshold)
    union all
    select
        'pon',
        f.pon_number,
        f.within,
        min(f.pon_threshold),
        max(f.window_days),
        count(*),
        case when :listed::boolean then array_agg(f.id) end
    from faults as f
    where
        f.pon_number is not null
        and (:scope_types::text [] is null or 'pon' = any(:scope_types::text []))
        and (:scope_types::text [] is null or f.pon_number = any(:scope_values::text []))
        and (
            :everywhere::boolean
            or (f.pon_number, f.within) in (select scope_value, within from wanted where scope_type = 'pon')
        )
    group by f.pon_number, f.within
    having :quiet_too::boolean or count(*) >= min(f.pon_threshold)
    union all
    select
        'zone',
        f.zone,
        f.within,
        min(f.zone_threshold),
        max(f.window_days),
        count(*),
        case when :listed::boolean then array_agg(f.id) end
    from faults as f
    where
        f.zone is not null
        and (:scope_types::text [] is null or 'zone' = any(:scope_types::text []))
        and (:scope_types::text [] is null or f.zone = any(:scope_values::text []))
        and (
            :everywhere::boolean
            or (f.zone, f.within) in (select scope_value, within from wanted where scope_type = 'zone')
        )
    group by f.zone, f.within
    having :quiet_too::boolean or count(*) >= min(f.zone_threshold)
    union all
    select
        'dr',
        f.dr_number,
        no_project(),
        min(f.dr_threshold),
        max(f.window_days),
        count(*),
        case when :listed::boolean then array_agg(f.id) end
    from faults as f
    where
        f.dr_number is not null
        and (:scope_types::text [] is null or 'dr' = any(:scope_types::text []))
        and (:scope_types::text [] is null or f.dr_number = any(:scope_values::text []))
        and (
            :everywhere::boolean
            or f.dr_number in (select scope_value from wanted where scope_type = 'dr')
        )
    group by f.dr_number
    having :quiet_too::boolean or count(*) >= min(f.dr_threshold)
),

recounted as (
    select
        known.scope_type,
        known.scope_value,
        known.within,
        known.escalation_id,
        min(place.threshold) as threshold,
        max(f.window_days) as window_days,
        count(*) as fault_count,
        count(*) - count(joined.ticket_id) as fresh_count,
        case when :listed::boolean then array_agg(f.id) end as ticket_ids
    from faults as f
    cross join lateral (
        values
        ('pole', f.pole_number, no_project(), f.pole_threshold),
        ('pon', f.pon_number, f.within, f.pon_threshold),
        ('zone', f.zone, f.within, f.zone_threshold),
        ('dr', f.dr_number, no_project(), f.dr_threshold)
    ) as place (scope_type, scope_value, within, threshold)
    inner join known
        on place.scope_type = known.scope_type
        and place.scope_value = known.scope_value
        and place.within = known.within
    left join escalation_tickets as joined on known.escalation_id = joined.escalation_id and f.id = joined.ticket_id
    where known.resolved_at is null or f.reported_at > known.resolved_at
    group by known.scope_type, known.scope_value, known.within, known.escalation_id
)

select
    scope_type,
    scope_value,
    nullif(within, no_project()) as project_id,
    threshold,
    window_days,
    null::uuid as escalation_id,
    fault_count,
    ticket_ids
from counted
where (scope_type, scope_value, within) not in (select scope_type, scope_value, within from known)
union all
select
    scope_type,
    scope_value,
    nullif(within, no_project()),
    threshold,
    window_days,
    escalation_id,
    fault_count,
    ticket_ids
from recounted
where
    :quiet_too::boolean
    or (escalation_id is null and fault_count >= threshold)
    or (escalation_id is not null and fresh_count > 0)
order by 1, 2, 3;

-- name: get_widest_window()$
-- Reads the longest window of any project, in days: no fault before it counts anywhere.
select max(window_days) as days
from repeat_fault_settings;

-- name: insert_escalations(scope_types, scope_values, project_ids, fault_counts, fault_thresholds, windows, escalation_types, now)
-- Opens escalations, in one order for everybody; leaves out a place that has an open one, also of a scan that is still
-- running: the unique indexes wait for its end.
insert into repeat_fault_escalations (
    scope_type, scope_value, project_id, fault_count, fault_threshold, window_days, escalation_type, created_at, updated_at
)
select
    due.scope_type,
    due.scope_value,
    due.project_id,
    due.fault_count,
    due.fault_threshold,
    due.window_days,
    due.escalation_type,
    :now::timestamptz,
    :now::timestamptz
from unnest(
    :scope_types::text [], :scope_values::text [], :project_ids::uuid [], :fault_counts::integer [],
    :fault_thresholds::integer [], :windows::integer [], :escalation_types::text []
) as due (scope_type, scope_value, project_id, fault_count, fault_threshold, window_days, escalation_type)
order by due.scope_type, due.scope_value, due.project_id
on conflict do nothing
returning id, scope_type, scope_value, project_id;

-- name: list_projects_of_tickets(ticket_ids)
-- Reads the projects of tickets that have one.
select
    id,
    project_id
from tickets
where id = any(:ticket_ids::uuid []) and project_id is not null;

-- name: list_unresolved(scope_types, scope_values, scope_projects, any_project)
-- Reads the escalations that are not resolved at places, newest first. Poles and drops are known without a project.
select
    e.id,
    e.scope_type,
    e.scope_value,
    e.project_id,
    e.escalation_ticket_id
from repeat_fault_escalations as e
inner join unnest(:scope_types::text [], :scope_values::text [], :scope_projects::uuid []) as place (
    scope_type, scope_value, project_id
)
    on e.scope_type = place.scope_type and e.scope_value = place.scope_value
where
    e.status in ('open', 'investigating')
    and (:any_project::boolean or e.scope_type in ('pole', 'dr') or e.project_id is not distinct from place.project_id)
order by e.created_at desc, e.id desc;

-- name: hold_tickets(ticket_ids)!
-- Keeps tickets as they are known, before anything of theirs is taken, in one order for everybody.
select 1
from tickets
where id = any(:ticket_ids::uuid [])
order by id
for key share;

-- name: lock_unresolved(escalation_ids)
-- Takes escalations for changing, in one order for everybody; those that were resolved meanwhile are left out.
select
    id,
    scope_type,
    scope_value,
    project_id,
    escalation_ticket_id
from repeat_fault_escalations
where id = any(:escalation_ids::uuid []) and status in ('open', 'investigating')
order by id
for no key update;

-- name: join_faults(escalation_ids, ticket_ids, now)
-- Adds faults to locked escalations; tells those that were not there yet.
insert into escalation_tickets (escalation_id, ticket_id, joined_at)
select
    pair.escalation_id,
    pair.ticket_id,
    :now::timestamptz
from unnest(:escalation_ids::uuid [], :ticket_ids::uuid []) as pair (escalation_id, ticket_id)
on conflict do nothing
returning escalation_id, ticket_id;

-- name: count_joined(escalation_ids, added, now)!
-- Counts the faults that joined locked escalations.
update repeat_fault_escalations as e
set
    fault_count = e.fault_count + more.added,
    updated_at = :now::timestamptz
from unnest(:escalation_ids::uuid [], :added::integer []) as more (escalation_id, added)
where e.id = more.escalation_id;

-- name: link_escalation_ticket(escalation_id, ticket_id)!
-- Links an escalation and its infrastructure ticket both ways: from now on the ticket counts as no fault.
with escalation as (
    update repeat_fault_escalations
    set escalation_ticket_id = :ticket_id::uuid
    where id = :escalation_id::uuid
    returning id
)

update tickets as t
set escalation_id = escalation.id
from escalation
where t.id = :ticket_id::uuid;

-- name: list_escalations(escalation_id, scope_types, statuses, project, escalation_type, unresolved_only, after_at, after_id, row_limit)
-- Reads escalations as the API shows them, newest first. Every filter may be null; run it unprepared.
select
    e.id,
    e.scope_type,
    e.scope_value,
    e.project_id,
    p.name as project_name,
    e.fault_count,
    e.fault_threshold,
    e.window_days,
    array(
        select member.ticket_id
        from escalation_tickets as member
        where member.escalation_id = e.id
        order by member.joined_at, member.ticket_id
    ) as contributing_tickets,
    e.escalation_ticket_id,
    t.ticket_uid as escalation_ticket_uid,
    e.escalation_type,
    e.status,
    e.resolution_notes,
    e.resolved_at,
    e.resolved_by,
    e.created_at,
    e.updated_at
from (
    select *
    from repeat_fault_escalations
    where
        (:escalation_id::uuid is null or id = :escalation_id::uuid)
        and (:scope_types::text [] is null or scope_type = any(:scope_types::text []))
        and (:statuses::text [] is null or status = any(:statuses::text []))
        and (not :unresolved_only::boolean or status in ('open', 'investigating'))
        and (:project::uuid is null or project_id = :project::uuid)
        and (:escalation_type::text is null or escalation_type = :escalation_type::text)
        and (:after_at::timestamptz is null or (created_at, id) < (:after_at::timestamptz, :after_id::uuid))
    order by created_at desc, id desc
    limit :row_limit::bigint
) as e
left join projects as p on e.project_id = p.id
left join tickets as t on e.escalation_ticket_id = t.id
order by e.created_at desc, e.id desc;

-- name: count_escalations(scope_types, statuses, project, escalation_type, unresolved_only, most)$
-- Counts the escalations that list_escalations would list, no further than `most`. Run it unprepared.
select count(*) as count
from (
    select 1
    from repeat_fault_escalations
    where
        (:scope_types::text [] is null or scope_type = any(:scope_types::text []))
        and (:statuses::text [] is null or status = any(:statuses::text []))
        and (not :unresolved_only::boolean or status in ('open', 'investigating'))
        and (:project::uuid is null or project_id = :project::uuid)
        and (:escalation_type::text is null or escalation_type = :escalation_type::text)
    limit :most::bigint
) as found;

-- name: list_contributing(ticket_ids, most)
-- Reads tickets as a pattern shows them, the fault reported last first; where nobody noted a position, the drop's.
select
    t.id as ticket_id,
    t.ticket_uid,
    t.title,
    t.created_at,
    t.reported_at,
    t.fault_cause,
    t.status,
    coalesce(t.latitude, d.latitude) as latitude,
    coalesce(t.longitude, d.longitude) as longitude
from (
    select *
    from tickets
    where id = any(:ticket_ids::uuid [])
    order by reported_at desc, id desc
    limit :most::bigint
) as t
left join drops as d on t.dr_number = d.dr_number
order by t.reported_at desc, t.id desc;

-- name: list_positions(escalation_ids, most)
-- Reads where escalations are: the middle of their newest faults whose position, or whose drop's, is known.
select
    wanted.id,
    round(avg(fault.latitude), 6) as latitude,
    round(avg(fault.longitude), 6) as longitude,
    count(*) as faults
from unnest(:escalation_ids::uuid []) as wanted (id)
cross join lateral (
    select
        coalesce(t.latitude, d.latitude) as latitude,
        coalesce(t.longitude, d.longitude) as longitude
    from (
        select newest.ticket_id
        from escalation_tickets as newest
        where newest.escalation_id = wanted.id
        order by newest.ticket_id desc
        limit :most::bigint
    ) as member
    inner join tickets as t on member.ticket_id = t.id
    left join drops as d on t.dr_number = d.dr_number
) as fault
where fault.latitude is not null
group by wanted.id;

-- name: find_ticket_of_escalation(escalation_id)^
-- Finds the infrastructure ticket of an escalation: the ticket is locked before the escalation, by everybody.
select escalation_ticket_id
from repeat_fault_escalations
where id = :escalation_id;

-- name: lock_escalation(escalation_id)^
-- Takes an escalation for changing.
select
    id,
    status,
    escalation_type
from repeat_fault_escalations
where id = :escalation_id
for no key update;

-- name: investigate_escalation(escalation_id, escalation_type, now)!
-- Notes that a locked escalation is being investigated.
update repeat_fault_escalations
set
    status = 'investigating',
    escalation_type = coalesce(:escalation_type::text, escalation_type),
    updated_at = :now::timestamptz
where id = :escalation_id;

-- name: resolve_escalation(escalation_id, status, resolution_notes, resolved_by, now)!
-- Resolves a locked escalation. Another process's clock may have been ahead when it was opened.
update repeat_fault_escalations
set
    status = :status,
    resolution_notes = :resolution_notes,
    resolved_at = greatest(:now::timestamptz, created_at),
    resolved_by = :resolved_by::uuid,
    updated_at = :now::timestamptz
where id = :escalation_id;

-- name: list_thresholds()
-- Reads how many faults in how many days are too many: the default first, then each project's own.
select
    s.project_id,
    p.code as project_code,
    p.name as project_name,
    s.window_days,
    s.pole_threshold,
    s.pon_threshold,
    s.zone_threshold,
    s.dr_threshold,
    s.updated_at,
    s.updated_by
from repeat_fault_settings as s
left join projects as p on s.project_id = p.id
order by (s.project_id is null) desc, p.code;

-- name: find_thresholds(project_id)^
-- Reads the thresholds that hold for a project: its own, else the default.
select
    window_days,
    pole_threshold,
    pon_threshold,
    zone_threshold,
    dr_threshold
from repeat_fault_settings
where project_id = :project_id::uuid or project_id is null
order by project_id nulls last
limit 1;

-- name: take_turn_with_thresholds()!
-- Takes the default thresholds, and by that the turn to change any: also of a project that has none yet to lock.
select id
from repeat_fault_settings
where project_id is null
for update;

-- name: get_thresholds(project_id)^
-- Reads a project's own thresholds (null: the default). A statement of its own after the turn was taken: one that waited
-- would not see what it waited for.
select
    window_days,
    pole_threshold,
    pon_threshold,
    zone_threshold,
    dr_threshold,
    updated_at
from repeat_fault_settings
where project_id is not distinct from :project_id::uuid;

-- name: put_thresholds(project_id, window_days, pole_threshold, pon_threshold, zone_threshold, dr_threshold, updated_by, updated_at)!
-- Writes the thresholds of a project (null: the default).
insert into repeat_fault_settings (
    project_id, window_days, pole_threshold, pon_threshold, zone_threshold, dr_threshold, updated_at, updated_by
)
values (
    :project_id::uuid, :window_days, :pole_threshold, :pon_threshold, :zone_threshold, :dr_threshold,
    :updated_at::timestamptz, :updated_by::uuid
)
on conflict (project_id) do update set
    window_days = excluded.window_days,
    pole_threshold = excluded.pole_threshold,
    pon_threshold = excluded.pon_threshold,
    zone_threshold = excluded.zone_threshold,
    dr_threshold = excluded.dr_threshold,
    updated_at = excluded.updated_at,
    updated_by = excluded.updated_by;

-- name: delete_thresholds(project_id)!
-- Takes away a project's own thresholds: the default counts again.
delete from repeat_fault_settings
where project_id = :project_id::uuid;
