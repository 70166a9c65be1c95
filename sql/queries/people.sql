-- name: list_team_ids_of(user_id, contractor_id)
-- Lists the active teams that a person is in or leads, and those of a company.
select t.id
from teams as t
where
    t.is_active
    and (
        t.contractor_id = :contractor_id::uuid
        or t.lead_user_id = :user_id::uuid
        or exists (
            select 1
            from team_members as m
            where m.team_id = t.id and m.user_id = :user_id::uuid and m.is_active
        )
    );

-- name: find_references(user_id, contractor_id, team_id, project_id, project_code)^
-- Looks up everything that a ticket may point at in one go; what is unknown or not active any more comes back null.
select
    (select u.id from users as u where u.id = :user_id::uuid and u.is_active) as user_id,
    (select c.id from contractors as c where c.id = :contractor_id::uuid and c.is_active) as contractor_id,
    (select t.id from teams as t where t.id = :team_id::uuid and t.is_active) as team_id,
    (
        select p.id
        from projects as p
        where p.id = :project_id::uuid or lower(p.code) = lower(:project_code::text)
        order by (p.id = :project_id::uuid) is true desc
        limit 1
    ) as project;
