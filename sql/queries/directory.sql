-- name: list_users(search, role, after_name, after_id, row_limit)
-- Lists the active people by name, to pick one. The filters may be null; run it unprepared.
select
    u.id,
    u.name,
    u.email,
    u.roles,
    u.department,
    u.contractor_id,
    lower(u.name) as sort_name
from users as u
where
    u.is_active
    and (:search::text is null or u.name ilike :search::text or u.email ilike :search::text)
    and (:role::text is null or :role::text = any(u.roles))
    and (:after_name::text is null or (lower(u.name), u.id) > (:after_name::text, :after_id::uuid))
order by lower(u.name), u.id
limit :row_limit::bigint;

-- name: list_contractors(search, is_active, after_name, after_id, row_limit)
-- Lists companies by name, to pick one. The filters may be null; run it unprepared.
select
    c.id,
    c.name,
    c.code,
    c.is_active,
    lower(c.name) as sort_name
from contractors as c
where
    (:search::text is null or c.name ilike :search::text or c.code ilike :search::text)
    and (:is_active::boolean is null or c.is_active = :is_active::boolean)
    and (:after_name::text is null or (lower(c.name), c.id) > (:after_name::text, :after_id::uuid))
order by lower(c.name), c.id
limit :row_limit::bigint;

-- name: list_projects(search, is_active, after_name, after_id, row_limit)
-- Lists projects by name, to pick one. The filters may be null; run it unprepared.
select
    p.id,
    p.name,
    p.code,
    p.region,
    p.is_active,
    lower(p.name) as sort_name
from projects as p
where
    (:search::text is null or p.name ilike :search::text or p.code ilike :search::text)
    and (:is_active::boolean is null or p.is_active = :is_active::boolean)
    and (:after_name::text is null or (lower(p.name), p.id) > (:after_name::text, :after_id::uuid))
order by lower(p.name), p.id
limit :row_limit::bigint;

-- name: find_contractor(text)$
-- Finds the active company with this id, code or name, in any case.
select c.id
from contractors as c
where c.is_active and (c.id::text = lower(:text) or lower(c.code) = lower(:text) or lower(c.name) = lower(:text))
order by (c.id::text = lower(:text)) desc, (lower(c.code) = lower(:text)) is true desc
limit 1;

-- name: insert_contractor(name, code, now)^
-- Makes a company; no row if its name or code is taken.
insert into contractors (name, code, created_at, updated_at)
values (:name, :code::text, :now::timestamptz, :now::timestamptz)
on conflict do nothing
returning id, name, code;

-- name: list_names(ids)
-- Reads what the people, companies, teams and projects with these ids are called.
select
    id,
    name
from users
where id = any(:ids::uuid [])
union all
select
    id,
    name
from contractors
where id = any(:ids::uuid [])
union all
select
    id,
    name
from teams
where id = any(:ids::uuid [])
union all
select
    id,
    name
from projects
where id = any(:ids::uuid []);
