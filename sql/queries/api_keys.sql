-- name: insert_key(name, prefix, key_sha256, roles, user_id, contractor_id, created_at, created_by, expires_at)^
-- Writes a new key down; its plain text is not among what is written.
insert into api_keys (
    name, prefix, key_sha256, roles, user_id, contractor_id, created_at, created_by, expires_at
)
values (
    :name::text, :prefix::text, :key_sha256::text, :roles::text[], :user_id::uuid, :contractor_id::uuid,
    :created_at::timestamptz, :created_by::text, :expires_at::timestamptz
)
returning *;

-- name: find_key(prefix)^
-- Finds the key that signs a request in, unless the person that it acts as was deactivated.
select api_keys.*
from api_keys
left join users on users.id = api_keys.user_id
where api_keys.prefix = :prefix and users.is_active is not false;

-- name: find_key_by_id(id)^
-- Finds the key of a session, unless the person that it acts as was deactivated.
select api_keys.*
from api_keys
left join users on users.id = api_keys.user_id
where api_keys.id = :id::uuid and users.is_active is not false;

-- name: note_use(id, now)!
-- Notes that a key was used.
update api_keys set last_used_at = :now::timestamptz where id = :id::uuid;

-- name: list_keys()
-- Lists every key, the newest first.
select * from api_keys order by created_at desc, id desc;

-- name: revoke_key(prefix, now, revoked_by)^
-- Revokes a key; who did so first, and when, stays.
update api_keys
set revoked_at = coalesce(revoked_at, greatest(:now::timestamptz, created_at)),
    revoked_by = coalesce(revoked_by, :revoked_by::text)
where prefix = :prefix
returning *;
