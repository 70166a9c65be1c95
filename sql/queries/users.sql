-- name: find_active_user_by_clerk_id(clerk_id)^
-- Finds the person whom a Clerk session belongs to.
select id, name, roles, contractor_id from users where clerk_id = :clerk_id and is_active;
