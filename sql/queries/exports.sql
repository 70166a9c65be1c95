-- name: list_ticket_names(ticket_ids)
-- Reads what an export of tickets tells besides the tickets themselves.
select
    t.id,
    p.code as project_code,
    p.name as project_name,
    c.name as contractor_name,
    coalesce(team.name, t.assigned_team) as team_name,
    coalesce(t.installation_date, d.installed_on) as installed_on,
    t.reported_at,
    creator.name as created_by_name,
    closer.name as closed_by_name
from tickets as t
left join projects as p on t.project_id = p.id
left join contractors as c on t.assigned_contractor_id = c.id
left join teams as team on t.assigned_team_id = team.id
left join drops as d on t.dr_number = d.dr_number
left join users as creator on t.created_by = creator.id
left join users as closer on t.closed_by = closer.id
where t.id = any(:ticket_ids::uuid []);

-- name: list_checks(passed, project, checked_from, checked_before, see_all, see_user, see_contractor, see_teams, before_id, row_limit)
-- Reads runs of the readiness check, newest first. Every filter may be null; run it unprepared (paging.fetch_planned).
select
    q.id,
    t.ticket_uid,
    t.status,
    p.code as project_code,
    t.dr_number,
    q.passed,
    q.checked_at,
    u.name as checked_by_name,
    q.photos_count,
    q.photos_required_count,
    q.dr_populated,
    q.pole_populated,
    q.pon_populated,
    q.zone_populated,
    q.ont_serial_recorded,
    q.ont_rx_recorded,
    q.platforms_aligned,
    array(
        select failed.value ->> 'reason'
        from jsonb_array_elements(q.failed_checks) with ordinality as failed (value, place)
        order by failed.place
    ) as reasons
from qa_readiness_checks as q
inner join tickets as t on q.ticket_id = t.id
left join projects as p on t.project_id = p.id
left join users as u on q.checked_by = u.id
where
    (:passed::boolean is null or q.passed = :passed::boolean)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (:checked_from::timestamptz is null or q.checked_at >= :checked_from::timestamptz)
    and (:checked_before::timestamptz is null or q.checked_at < :checked_before::timestamptz)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:before_id::uuid is null or q.id < :before_id::uuid)
order by q.id desc
limit :row_limit::bigint;

-- name: insert_export(id, report, file_format, filters, actor_kind, actor_name, actor_user_id, actor_contractor_id, actor_roles, now)!
-- Notes an export that a job is to write, and who asked for it, as they are now.
insert into exports (
    id, report, file_format, filters, actor_kind, actor_name, actor_user_id, actor_contractor_id, actor_roles, created_at
)
values (
    :id, :report, :file_format, :filters::jsonb, :actor_kind, :actor_name, :actor_user_id::uuid,
    :actor_contractor_id::uuid, :actor_roles::text [], :now::timestamptz
);

-- name: set_export_job(export_id, job_id)!
-- Notes which job writes an export.
update exports set job_id = :job_id where id = :export_id;

-- name: find_export(export_id)^
-- Reads an export as its job and its download need it.
select *
from exports
where id = :export_id;

-- name: list_exports(export_id, see_all, actor_name, actor_user_id, before_id, row_limit)
-- Reads exports with how far their jobs are, newest first; every filter may be null. Run it unprepared.
select
    e.id,
    e.report,
    e.file_format,
    e.filters,
    e.actor_name as requested_by,
    e.created_at,
    e.finished_at,
    e.expires_at,
    e.file_size,
    e.file_sha256,
    e.row_count,
    e.job_id,
    case
        when e.finished_at is not null then 'finished'
        when j.state is null or j.state = 'discarded' then 'failed'
        when j.state = 'cancelled' then 'cancelled'
        when j.state = 'running' then 'writing'
        else 'waiting'
    end as status,
    j.progress_done as rows_written,
    j.error_message as problem
from exports as e
left join jobs as j on e.job_id = j.id
where
    (:export_id::uuid is null or e.id = :export_id::uuid)
    and (
        :see_all::boolean
        or (e.actor_name = :actor_name::text and e.actor_user_id is not distinct from :actor_user_id::uuid)
    )
    and (:before_id::uuid is null or e.id < :before_id::uuid)
order by e.id desc
limit :row_limit::bigint;

-- name: finish_export(export_id, storage_key, file_sha256, file_size, row_count, now, expires_at)!
-- Notes that the file is whole and in the store.
update exports
set
    storage_key = :storage_key,
    file_sha256 = :file_sha256,
    file_size = :file_size,
    row_count = :row_count,
    finished_at = :now::timestamptz,
    expires_at = :expires_at::timestamptz
where id = :export_id;

-- name: list_expired(now, most)
-- Finds exports whose file need not be kept any longer.
select
    id,
    storage_key
from exports
where expires_at <= :now::timestamptz
order by expires_at
limit :most::bigint;

-- name: forget_exports(export_ids)!
-- Forgets exports whose files are gone.
delete from exports
where id = any(:export_ids::uuid []);
