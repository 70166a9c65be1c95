-- name: find_active_user_by_clerk_id(clerk_id)^
-- Finds the person whom a Clerk session belongs to.
select id, name, roles, contractor_id from users where clerk_id = :clerk_id and is_active;

-- name: get_user(user_id)^
-- Reads a person's name and address.
select
    name,
    email
from users
where id = :user_id;

-- name: find_active_user(id)^
-- Finds a person of a session by id, unless deactivated.
select id, name, roles, contractor_id from users where id = :id::uuid and is_active;
