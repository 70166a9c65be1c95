-- name: list_teams(team_id, team_type, contractor_id, is_active, search, see_all, see_teams, after_name, after_id, row_limit)
-- Lists teams by name, as the API shows them. The filters may be null; run it unprepared.
select
    t.id,
    t.name,
    t.description,
    t.team_type,
    t.lead_user_id,
    t.contractor_id,
    t.is_active,
    t.created_at,
    t.updated_at,
    case
        when u.id is not null then jsonb_build_object('id', u.id, 'name', u.name, 'email', u.email)
    end as lead_user,
    (select count(*) from team_members as m where m.team_id = t.id and m.is_active) as member_count,
    lower(t.name) as sort_name
from teams as t
left join users as u on t.lead_user_id = u.id
where
    (:team_id::uuid is null or t.id = :team_id::uuid)
    and (:team_type::text is null or t.team_type = :team_type::text)
    and (:contractor_id::uuid is null or t.contractor_id = :contractor_id::uuid)
    and (:is_active::boolean is null or t.is_active = :is_active::boolean)
    and (:search::text is null or t.name ilike :search::text or t.description ilike :search::text)
    and (:see_all::boolean or t.id = any(:see_teams::uuid []))
    and (:after_name::text is null or (lower(t.name), t.id) > (:after_name::text, :after_id::uuid))
order by lower(t.name), t.id
limit :row_limit::bigint;

-- name: list_members(team_id)
-- Lists the active members of a team: its lead first, then in the order in which they joined.
select
    m.id,
    m.team_id,
    m.user_id,
    m.contractor_id,
    m.first_name,
    m.last_name,
    m.email,
    m.phone,
    m.role,
    m.skill_level,
    m.is_active,
    m.is_team_lead,
    m.created_at,
    m.updated_at
from team_members as m
where m.team_id = :team_id and m.is_active
order by m.is_team_lead desc, m.created_at, m.id;

-- name: insert_team(name, description, team_type, lead_user_id, contractor_id, now)$
-- Makes a team; nothing if its name is taken.
insert into teams (name, description, team_type, lead_user_id, contractor_id, created_at, updated_at)
values (
    :name, :description::text, :team_type, :lead_user_id::uuid, :contractor_id::uuid, :now::timestamptz,
    :now::timestamptz
)
on conflict (lower(name)) do nothing
returning id;

-- name: lock_team(team_id)^
-- Takes a team for changing.
select
    id,
    name,
    description,
    team_type,
    lead_user_id,
    contractor_id,
    is_active,
    updated_at
from teams
where id = :team_id
for update;

-- name: update_team(team_id, name, description, team_type, lead_user_id, contractor_id, is_active, updated_at)!
-- Writes a locked team back.
update teams
set
    name = :name,
    description = :description::text,
    team_type = :team_type,
    lead_user_id = :lead_user_id::uuid,
    contractor_id = :contractor_id::uuid,
    is_active = :is_active,
    updated_at = :updated_at::timestamptz
where id = :team_id;

-- name: count_members(team_id)$
-- Counts the active members of a team.
select count(*) from team_members where team_id = :team_id and is_active;

-- name: insert_member(team_id, user_id, contractor_id, first_name, last_name, email, phone, role, skill_level, is_team_lead, now)$
-- Adds a member to a locked team; nothing if the person is in it, or another one leads it.
insert into team_members (
    team_id, user_id, contractor_id, first_name, last_name, email, phone, role, skill_level, is_team_lead, created_at,
    updated_at
)
values (
    :team_id, :user_id::uuid, :contractor_id::uuid, :first_name, :last_name, :email::text, :phone::text, :role::text,
    :skill_level::text, :is_team_lead, :now::timestamptz, :now::timestamptz
)
on conflict do nothing
returning id;

-- name: remove_member(team_id, member_id, now)$
-- Takes an active member off a locked team; gives the id if there was one.
update team_members
set
    is_active = false,
    updated_at = :now::timestamptz
where id = :member_id and team_id = :team_id and is_active
returning id;
