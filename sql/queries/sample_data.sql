-- name: add_contractors(ids, names, codes, now)$
-- Adds the sample companies that are not there yet; returns how many.
with added as (
    insert into contractors (id, name, code, created_at, updated_at)
    select given.id, given.name, given.code, :now::timestamptz, :now::timestamptz
    from unnest(:ids::uuid[], :names::text[], :codes::text[]) as given (id, name, code)
    on conflict do nothing
    returning id
)
select count(*) from added;

-- name: add_users(ids, names, emails, roles, contractor_ids, phones, now)$
-- Adds the sample people that are not there yet, each with one role; returns how many.
with added as (
    insert into users (id, name, email, roles, contractor_id, phone, created_at, updated_at)
    select
        given.id, given.name, given.email, array[given.role], given.contractor_id, given.phone,
        :now::timestamptz, :now::timestamptz
    from unnest(
        :ids::uuid[], :names::text[], :emails::text[], :roles::text[], :contractor_ids::uuid[], :phones::text[]
    ) as given (id, name, email, role, contractor_id, phone)
    on conflict do nothing
    returning id
)
select count(*) from added;

-- name: add_teams(ids, names, types, lead_user_ids, contractor_ids, now)$
-- Adds the sample teams that are not there yet; returns how many.
with added as (
    insert into teams (id, name, team_type, lead_user_id, contractor_id, created_at, updated_at)
    select
        given.id, given.name, given.team_type, given.lead_user_id, given.contractor_id,
        :now::timestamptz, :now::timestamptz
    from unnest(:ids::uuid[], :names::text[], :types::text[], :lead_user_ids::uuid[], :contractor_ids::uuid[])
        as given (id, name, team_type, lead_user_id, contractor_id)
    on conflict do nothing
    returning id
)
select count(*) from added;

-- name: add_team_members(ids, team_ids, user_ids, first_names, last_names, leads, phones, now)$
-- Puts the sample people into their teams; returns how many are new there.
with added as (
    insert into team_members (id, team_id, user_id, first_name, last_name, is_team_lead, phone, created_at, updated_at)
    select
        given.id, given.team_id, given.user_id, given.first_name, given.last_name, given.is_team_lead, given.phone,
        :now::timestamptz, :now::timestamptz
    from unnest(
        :ids::uuid[], :team_ids::uuid[], :user_ids::uuid[], :first_names::text[], :last_names::text[],
        :leads::boolean[], :phones::text[]
    ) as given (id, team_id, user_id, first_name, last_name, is_team_lead, phone)
    on conflict do nothing
    returning id
)
select count(*) from added;
