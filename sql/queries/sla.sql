-- name: lock_clocks(ticket_ids)
-- Takes tickets and reads what their clocks follow from: the targets of their project, or of all that have none of their
-- own, and when they stood still.
select
    t.id as ticket_id,
    t.status,
    t.reported_at,
    t.sla_target_minutes,
    t.sla_round_the_clock,
    t.sla_due_at,
    t.sla_first_response_due_at,
    t.sla_first_response_at,
    t.sla_breached,
    t.sla_warned_75_at,
    t.sla_warned_90_at,
    t.sla_paused_at,
    s.first_response_minutes,
    s.resolve_minutes,
    s.round_the_clock,
    array(
        select p.paused_at from sla_pauses as p where p.ticket_id = t.id order by p.paused_at
    ) as paused_ats,
    array(
        select p.resumed_at from sla_pauses as p where p.ticket_id = t.id order by p.paused_at
    ) as resumed_ats
from tickets as t
cross join lateral (
    select
        own.first_response_minutes,
        own.resolve_minutes,
        own.round_the_clock
    from sla_settings as own
    where own.priority = t.priority and (own.project_id = t.project_id or own.project_id is null)
    order by own.project_id nulls last
    limit 1
) as s
where t.id = any(:ticket_ids::uuid [])
order by t.id
for no key update of t;

-- name: write_clocks(ticket_ids, due_ats, response_due_ats, target_minutes, round_the_clock, paused_seconds, next_checks, answered_at)!
-- Writes the clocks of locked tickets. With `answered_at` a ticket that nobody had answered was answered then.
update tickets as t
set
    sla_due_at = c.due_at,
    sla_first_response_due_at = c.response_due_at,
    sla_first_response_at = coalesce(t.sla_first_response_at, :answered_at::timestamptz),
    sla_target_minutes = c.target_minutes,
    sla_round_the_clock = c.round_the_clock,
    sla_paused_seconds = c.paused_seconds,
    sla_next_check_at = c.next_check_at
from unnest(
    :ticket_ids::uuid [],
    :due_ats::timestamptz [],
    :response_due_ats::timestamptz [],
    :target_minutes::integer [],
    :round_the_clock::boolean [],
    :paused_seconds::bigint [],
    :next_checks::timestamptz []
) as c (ticket_id, due_at, response_due_at, target_minutes, round_the_clock, paused_seconds, next_check_at)
where t.id = c.ticket_id;

-- name: leave_clock(ticket_id)!
-- Has the sweep leave a ticket alone: somebody said by hand whether it is breached.
update tickets set sla_next_check_at = null where id = :ticket_id;

-- name: list_targets()
-- Reads the targets of all projects, and of all that have none of their own.
select
    project_id,
    priority,
    first_response_minutes,
    resolve_minutes,
    round_the_clock
from sla_settings;

-- name: list_planned_clocks(report_id, after_row, up_to_row, now)^
-- Reads from when and to what targets the clocks of a report's planned tickets run, as arrays: moments are microseconds
-- since 1970, for a hundred thousand of anything richer would cost a second.
select
    coalesce(array_agg(r.row_number), '{}')::text as row_numbers,
    coalesce(array_agg((
        date_part('epoch', coalesce(r.reported_at, :now::timestamptz)) * 1000000
    )::bigint), '{}') as started,
    coalesce(array_agg(coalesce(own.first_response_minutes, general.first_response_minutes)), '{}') as respond,
    coalesce(array_agg(coalesce(own.resolve_minutes, general.resolve_minutes)), '{}') as resolve,
    coalesce(array_agg(coalesce(own.round_the_clock, general.round_the_clock)), '{}') as round_the_clock
from weekly_report_rows as r
inner join sla_settings as general
    on coalesce(r.priority, 'normal') = general.priority and general.project_id is null
left join sla_settings as own
    on r.project_id = own.project_id and coalesce(r.priority, 'normal') = own.priority
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.row_number <= :up_to_row::integer
    and r.outcome = 'created';

-- name: note_overdue_of_report(report_id, event_type, actor_kind, actor_id, actor_name, job_id, request_id, now)$
-- Writes the breach into the timeline of each ticket that a report brought in when its time had run out already.
with noted as (
    insert into ticket_events (
        ticket_id, event_type, occurred_at, actor_kind, actor_id, actor_name, job_id, request_id, before, after, details
    )
    select
        t.id,
        :event_type::text,
        :now::timestamptz,
        :actor_kind::text,
        :actor_id::uuid,
        :actor_name::text,
        :job_id::uuid,
        :request_id::text,
        '{"sla_breached": false}',
        '{"sla_breached": true}',
        jsonb_build_object(
            'ticket_uid', t.ticket_uid,
            'percent', 100,
            'sla_due_time', to_char(t.sla_breached_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'priority', t.priority,
            'project_id', t.project_id,
            'assigned_to', t.assigned_to,
            'assigned_contractor_id', t.assigned_contractor_id,
            'overdue_on_arrival', true
        )
    from weekly_report_rows as r
    inner join tickets as t on r.ticket_id = t.id
    where r.report_id = :report_id and r.outcome = 'created' and t.sla_breached_at <= t.created_at
    returning 1
)

select count(*)::integer as noted from noted;

-- name: list_unstarted(most)
-- Finds tickets whose clock nobody started.
select id
from tickets
where sla_target_minutes is null and status not in ('closed', 'cancelled')
limit :most::bigint;

-- name: take_due(now, most)
-- Takes tickets that the sweep has something to note of. Another sweep, or whoever changes one of them, keeps theirs:
-- those come next time.
select
    id as ticket_id,
    ticket_uid,
    status,
    closed_at,
    priority,
    project_id,
    assigned_to,
    assigned_contractor_id,
    sla_due_at,
    sla_target_minutes,
    sla_round_the_clock,
    sla_breached,
    sla_warned_75_at,
    sla_warned_90_at,
    sla_paused_at
from tickets
where sla_next_check_at <= :now::timestamptz
order by sla_next_check_at
limit :most::bigint
for no key update skip locked;

-- name: note_due(ticket_ids, warned_75_ats, warned_90_ats, breached_ats, next_checks)!
-- Writes what a sweep noted of the tickets that it took; a null leaves what is there, but for the next check.
update tickets as t
set
    sla_warned_75_at = coalesce(c.warned_75_at, t.sla_warned_75_at),
    sla_warned_90_at = coalesce(c.warned_90_at, t.sla_warned_90_at),
    sla_breached = t.sla_breached or c.breached_at is not null,
    sla_breached_at = coalesce(c.breached_at, t.sla_breached_at),
    sla_next_check_at = c.next_check_at
from unnest(
    :ticket_ids::uuid [],
    :warned_75_ats::timestamptz [],
    :warned_90_ats::timestamptz [],
    :breached_ats::timestamptz [],
    :next_checks::timestamptz []
) as c (ticket_id, warned_75_at, warned_90_at, breached_at, next_check_at)
where t.id = c.ticket_id;

-- name: list_clocks(ticket_ids, see_all, see_user, see_contractor, see_teams)
-- Reads the clocks of those tickets that may be seen, with the times when they stood still.
select
    t.id as ticket_id,
    t.status,
    t.priority,
    t.reported_at,
    t.closed_at,
    t.sla_due_at,
    t.sla_target_minutes,
    t.sla_round_the_clock,
    t.sla_first_response_due_at,
    t.sla_first_response_at,
    t.sla_breached,
    t.sla_breached_at,
    t.sla_warned_75_at,
    t.sla_warned_90_at,
    t.sla_next_check_at,
    t.sla_paused_at,
    t.sla_pause_reason,
    t.sla_paused_seconds,
    coalesce((
        select
            jsonb_agg(
                jsonb_build_object('paused_at', p.paused_at, 'resumed_at', p.resumed_at, 'reason', p.reason)
                order by p.paused_at
            )
        from sla_pauses as p
        where p.ticket_id = t.id
    ), '[]') as pauses
from tickets as t
where
    t.id = any(:ticket_ids::uuid [])
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    );

-- name: pause_clock(ticket_id, reason, now)!
-- Stops the clock of a locked ticket.
with paused as (
    update tickets
    set sla_paused_at = :now::timestamptz, sla_pause_reason = :reason, sla_next_check_at = null
    where id = :ticket_id
    returning id
)

insert into sla_pauses (ticket_id, paused_at, reason)
select
    id,
    :now::timestamptz,
    :reason
from paused;

-- name: resume_clock(ticket_id, due_at, response_due_at, paused_seconds, next_check_at, now)!
-- Lets the clock of a locked ticket run again, with its due time moved. Another process's clock may have been ahead.
with resumed as (
    update tickets
    set
        sla_paused_at = null,
        sla_pause_reason = null,
        sla_due_at = :due_at,
        sla_first_response_due_at = :response_due_at::timestamptz,
        sla_paused_seconds = sla_paused_seconds + :paused_seconds::bigint,
        sla_next_check_at = :next_check_at::timestamptz
    where id = :ticket_id
    returning id
)

update sla_pauses as p
set resumed_at = greatest(:now::timestamptz, p.paused_at)
from resumed
where p.ticket_id = resumed.id and p.resumed_at is null;

-- name: list_settings(project)
-- Reads the targets of a project, each its own or the one of all that have none; of no project: the general ones.
select distinct on (s.priority)
    s.id,
    s.project_id,
    s.priority,
    s.first_response_minutes,
    s.resolve_minutes,
    s.round_the_clock,
    s.updated_at,
    s.updated_by
from sla_settings as s
where s.project_id is null or s.project_id = :project::uuid
order by s.priority asc, s.project_id asc nulls last;

-- name: lock_setting(project, priority)^
-- Takes the target of a project (null: of all that have none of their own) for changing.
select
    id,
    project_id,
    priority,
    first_response_minutes,
    resolve_minutes,
    round_the_clock,
    updated_at,
    updated_by
from sla_settings
where priority = :priority and project_id is not distinct from :project::uuid
for update;

-- name: insert_setting(project, priority, first_response_minutes, resolve_minutes, round_the_clock, updated_by, now)^
-- Gives a project a target of its own; no row if somebody else did so meanwhile.
insert into sla_settings (
    project_id, priority, first_response_minutes, resolve_minutes, round_the_clock, updated_by, updated_at
)
values (
    :project::uuid, :priority, :first_response_minutes, :resolve_minutes, :round_the_clock, :updated_by::uuid,
    :now::timestamptz
)
on conflict (project_id, priority) do nothing
returning id, project_id, priority, first_response_minutes, resolve_minutes, round_the_clock, updated_at, updated_by;

-- name: update_setting(id, first_response_minutes, resolve_minutes, round_the_clock, updated_by, updated_at)^
-- Changes a locked target.
update sla_settings
set
    first_response_minutes = :first_response_minutes,
    resolve_minutes = :resolve_minutes,
    round_the_clock = :round_the_clock,
    updated_by = :updated_by::uuid,
    updated_at = :updated_at::timestamptz
where id = :id
returning id, project_id, priority, first_response_minutes, resolve_minutes, round_the_clock, updated_at, updated_by;

-- name: delete_setting(project, priority)^
-- Takes a project's own target away: the general one counts again.
delete from sla_settings
where project_id = :project and priority = :priority
returning id;

-- name: count_compliance(group_by, period, zone, project, contractor, priority, reported_from, whole_from, whole_before, reported_before, now, most)
-- Counts the tickets reported in a period by whether they kept their due times: the totals of its whole days, the tickets
-- of what is left of it at both ends, and what depends on the time. Every filter may be null; run it unprepared, so that
-- only the wanted grouping is left of it. A ticket is late from its due time on, not only once a sweep has noted it; one
-- whose next check is null is paused, or noted, or excused by hand.
with ends as (
    select
        (t.reported_at at time zone :zone::text)::date as day,
        t.project_id,
        t.assigned_contractor_id,
        t.priority,
        f.met,
        f.breached,
        f.response_met,
        f.response_breached
    from tickets as t
    cross join lateral ticket_clock_figures(
        t.closed_at, t.sla_due_at, t.sla_next_check_at, t.sla_breached, t.sla_first_response_due_at,
        t.sla_first_response_at
    ) as f
    where
        t.sla_due_at is not null
        and t.status <> 'cancelled'
        and (
            (
                :reported_from::timestamptz < :whole_from::timestamptz
                and t.reported_at >= :reported_from::timestamptz
                and t.reported_at < :whole_from::timestamptz
            )
            or (
                :whole_before::timestamptz < :reported_before::timestamptz
                and t.reported_at >= :whole_before::timestamptz
                and t.reported_at < :reported_before::timestamptz
            )
        )
),

-- By these indexes and no other: `offset 0` keeps the filters from leading the planner elsewhere.
late as (
    select t.*
    from (select * from tickets where sla_next_check_at <= :now::timestamptz offset 0) as t
    where
        t.sla_due_at <= :now::timestamptz
        and not t.sla_breached
        and t.status not in ('closed', 'cancelled')
        and t.reported_at >= :reported_from::timestamptz
        and t.reported_at < :reported_before::timestamptz
),

unanswered as (
    select t.*
    from (
        select *
        from tickets
        where
            sla_first_response_due_at >= :now::timestamptz
            and sla_first_response_at is null
            and status not in ('closed', 'cancelled')
        offset 0
    ) as t
    where
        t.sla_due_at is not null
        and t.reported_at >= :reported_from::timestamptz
        and t.reported_at < :reported_before::timestamptz
),

clocks as (
    select
        day, project_id, assigned_contractor_id, priority, tickets, met, breached, response_met, response_breached
    from ticket_day_totals_now
    where
        priority is not null
        and day >= (:whole_from::timestamptz at time zone :zone::text)::date
        and day < (:whole_before::timestamptz at time zone :zone::text)::date
    union all
    select day, project_id, assigned_contractor_id, priority, 1, met, breached, response_met, response_breached
    from ends
    union all
    select (reported_at at time zone :zone::text)::date, project_id, assigned_contractor_id, priority, 0, 0, 1, 0, 0
    from late
    union all
    select (reported_at at time zone :zone::text)::date, project_id, assigned_contractor_id, priority, 0, 0, 0, 0, -1
    from unanswered
),

counted as (
    select
        case :group_by::text
            when 'priority' then priority
            when 'project' then project_id::text
            when 'contractor' then assigned_contractor_id::text
        end as value,
        case when :period::text is not null then date_trunc(:period::text, day::timestamp)::date end as period,
        sum(tickets)::bigint as total,
        sum(met)::bigint as met,
        sum(breached)::bigint as breached,
        sum(response_met)::bigint as response_met,
        sum(response_breached)::bigint as response_breached
    from clocks
    where
        (:project::uuid is null or project_id = :project::uuid)
        and (:contractor::uuid is null or assigned_contractor_id = :contractor::uuid)
        and (:priority::text is null or priority = :priority::text)
    group by 1, 2
    having sum(tickets) <> 0
)

select
    c.value,
    c.period,
    coalesce(p.name, k.name) as name,
    p.code as project_code,
    c.total,
    c.met,
    c.breached,
    c.response_met,
    c.response_breached,
    sum(c.total) over () as all_total,
    sum(c.met) over () as all_met,
    sum(c.breached) over () as all_breached,
    sum(c.response_met) over () as all_response_met,
    sum(c.response_breached) over () as all_response_breached
from counted as c
left join projects as p on :group_by::text = 'project' and c.value = p.id::text
left join contractors as k on :group_by::text = 'contractor' and c.value = k.id::text
order by c.period desc nulls last, c.total desc, c.value asc nulls last
limit :most::bigint;
