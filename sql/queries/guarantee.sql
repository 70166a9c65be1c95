-- name: lock_tickets_to_classify(ticket_ids)!
-- Takes tickets for a classification, in one order for everybody.
select id
from tickets
where id = any(:ticket_ids::uuid [])
order by id
for update;

-- name: list_guarantee_facts(ticket_ids)
-- Reads what the guarantee of tickets depends on, with what they have now. Those that a person classified are left out.
select
    t.id,
    t.closed_at,
    t.fault_cause,
    coalesce(t.installation_date, d.installed_on) as installed_on,
    t.guarantee_status,
    t.guarantee_expires_at,
    t.is_billable,
    t.billing_classification,
    p.installation_days,
    p.material_days,
    p.contractor_liable_during_guarantee,
    p.auto_classify_out_of_guarantee
from tickets as t
left join drops as d on t.dr_number = d.dr_number
cross join lateral (
    select period.*
    from guarantee_periods as period
    where period.project_id is null or period.project_id = t.project_id
    order by period.project_id nulls last
    limit 1
) as p
where
    t.id = any(:ticket_ids::uuid [])
    and not exists (select 1 from guarantee_overrides as o where o.ticket_id = t.id);

-- name: write_classifications(classifications, now)!
-- Writes what the rules made of tickets that are locked, given as a JSON array of objects; each gets a new version.
update tickets as t
set
    guarantee_status = c.guarantee_status,
    guarantee_expires_at = c.guarantee_expires_at,
    is_billable = c.is_billable,
    billing_classification = c.billing_classification,
    updated_at = greatest(:now::timestamptz, date_trunc('milliseconds', t.updated_at) + interval '1 millisecond')
from jsonb_to_recordset(:classifications::jsonb) as c (
    id uuid,
    guarantee_status text,
    guarantee_expires_at timestamptz,
    is_billable boolean,
    billing_classification text
)
where t.id = c.id;

-- name: put_override(ticket_id, reason, overridden_by, overridden_by_name, now)!
-- Keeps that a person classified a ticket; the newest decision counts.
insert into guarantee_overrides (ticket_id, reason, overridden_by, overridden_by_name, overridden_at)
values (:ticket_id, :reason, :overridden_by::uuid, :overridden_by_name, :now::timestamptz)
on conflict (ticket_id) do update set
    reason = excluded.reason,
    overridden_by = excluded.overridden_by,
    overridden_by_name = excluded.overridden_by_name,
    overridden_at = excluded.overridden_at;

-- name: delete_override(ticket_id)$
-- Gives a ticket back to the rules; null if they had it.
delete from guarantee_overrides
where ticket_id = :ticket_id
returning ticket_id;

-- name: show_guarantee(ticket_id)^
-- Reads a ticket's guarantee with what it depends on, and who decided otherwise, if anybody did.
select
    t.id as ticket_id,
    t.ticket_uid,
    t.project_id,
    t.dr_number,
    t.fault_cause,
    t.installation_date,
    d.installed_on as drop_installed_on,
    t.guarantee_status,
    t.guarantee_expires_at,
    t.is_billable,
    t.billing_classification,
    t.closed_at,
    t.updated_at,
    o.reason as override_reason,
    o.overridden_by,
    o.overridden_by_name,
    o.overridden_at,
    p.installation_days,
    p.material_days,
    p.contractor_liable_during_guarantee,
    p.auto_classify_out_of_guarantee
from tickets as t
left join drops as d on t.dr_number = d.dr_number
left join guarantee_overrides as o on t.id = o.ticket_id
cross join lateral (
    select period.*
    from guarantee_periods as period
    where period.project_id is null or period.project_id = t.project_id
    order by period.project_id nulls last
    limit 1
) as p
where t.id = :ticket_id;

-- name: write_guarantee(ticket_id, installation_date, guarantee_status, guarantee_expires_at, is_billable, billing_classification, updated_at)!
-- Writes what a person says of a locked ticket's guarantee.
update tickets
set
    installation_date = :installation_date::date,
    guarantee_status = :guarantee_status::text,
    guarantee_expires_at = :guarantee_expires_at::timestamptz,
    is_billable = :is_billable::boolean,
    billing_classification = :billing_classification::text,
    updated_at = :updated_at::timestamptz
where id = :ticket_id;

-- name: note_installations(dr_numbers, days, now)
-- Notes the days on which drops were installed; gives the drops for which that is news.
update drops as d
set installed_on = given.day, updated_at = :now::timestamptz
from (
    select dr_number, day
    from unnest(:dr_numbers::text [], :days::date []) as listed (dr_number, day)
    order by dr_number
) as given
where d.dr_number = given.dr_number and d.installed_on is distinct from given.day
returning d.id, d.dr_number, old.installed_on as day_before;

-- name: find_known_drops(dr_numbers)
-- Tells which of these drops the register has.
select dr_number
from drops
where dr_number = any(:dr_numbers::text []);

-- name: list_tickets_of_drops(dr_numbers)
-- Finds the tickets whose guarantee counts from the installation of these drops.
select id
from tickets
where dr_number = any(:dr_numbers::text []) and installation_date is null and status <> 'cancelled';

-- name: list_run_out(now, most)
-- Finds tickets whose guarantee has run out since they were classified, the longest ago first.
select t.id
from tickets as t
where
    t.guarantee_status = 'under_guarantee'
    and t.status not in ('closed', 'cancelled')
    and t.guarantee_expires_at <= :now::timestamptz
    and not exists (select 1 from guarantee_overrides as o where o.ticket_id = t.id)
order by t.guarantee_expires_at
limit :most::bigint;

-- name: list_never_classified(most)
-- Finds tickets that are older than the classification.
select t.id
from tickets as t
where
    t.guarantee_status is null
    and not exists (select 1 from guarantee_overrides as o where o.ticket_id = t.id)
order by t.id
limit :most::bigint;

-- name: list_of_report(report_id, after_row, most)
-- Finds the next tickets of an import that are not plainly pending still: most have no cause or no known installation,
-- began as pending, and are not looked at again.
select
    r.row_number,
    t.id
from weekly_report_rows as r
inner join tickets as t on r.ticket_id = t.id
left join drops as d on t.dr_number = d.dr_number
where
    r.report_id = :report_id
    and r.row_number > :after_row::integer
    and r.outcome in ('created', 'updated', 'conflict')
    and (
        t.guarantee_status is distinct from 'pending_classification'
        or (t.fault_cause is not null and coalesce(t.installation_date, d.installed_on) is not null)
    )
order by r.row_number
limit :most::bigint;

-- name: list_under_periods(project_id, after_id, most)
-- Finds the next tickets that these periods concern: not closed, with a guarantee that is counted. Null: all projects
-- that have no periods of their own.
select t.id
from tickets as t
where
    t.id > :after_id::uuid
    and t.status not in ('closed', 'cancelled')
    and t.guarantee_status <> 'pending_classification'
    and case
        when :project_id::uuid is not null then t.project_id = :project_id::uuid
        else not exists (select 1 from guarantee_periods as own where own.project_id = t.project_id)
    end
order by t.id
limit :most::bigint;

-- name: list_periods()
-- Reads the guarantee periods: the default first, then each project's own.
select
    g.project_id,
    p.code as project_code,
    p.name as project_name,
    g.installation_days,
    g.material_days,
    g.contractor_liable_during_guarantee,
    g.auto_classify_out_of_guarantee,
    g.updated_at,
    g.updated_by
from guarantee_periods as g
left join projects as p on g.project_id = p.id
order by (g.project_id is null) desc, p.code;

-- name: take_turn_with_periods()!
-- Takes the default periods, and by that the turn to change any: also of a project that has none yet to lock.
select id
from guarantee_periods
where project_id is null
for update;

-- name: get_periods(project_id)^
-- Reads the periods of a project (null: the default). A statement of its own after the turn was taken: one that waited
-- itself would read what stood there before.
select
    installation_days,
    material_days,
    contractor_liable_during_guarantee,
    auto_classify_out_of_guarantee,
    updated_at
from guarantee_periods
where project_id is not distinct from :project_id::uuid;

-- name: put_periods(project_id, installation_days, material_days, contractor_liable_during_guarantee, auto_classify_out_of_guarantee, updated_by, updated_at)!
-- Writes the periods of a project (null: the default).
insert into guarantee_periods (
    project_id, installation_days, material_days, contractor_liable_during_guarantee, auto_classify_out_of_guarantee,
    created_at, updated_at, updated_by
)
values (
    :project_id::uuid, :installation_days, :material_days, :contractor_liable_during_guarantee,
    :auto_classify_out_of_guarantee, :updated_at::timestamptz, :updated_at::timestamptz, :updated_by::uuid
)
on conflict (project_id) do update set
    installation_days = excluded.installation_days,
    material_days = excluded.material_days,
    contractor_liable_during_guarantee = excluded.contractor_liable_during_guarantee,
    auto_classify_out_of_guarantee = excluded.auto_classify_out_of_guarantee,
    updated_at = excluded.updated_at,
    updated_by = excluded.updated_by;

-- name: delete_periods(project_id)!
-- Takes away a project's own periods: the default counts again.
delete from guarantee_periods
where project_id = :project_id::uuid;
