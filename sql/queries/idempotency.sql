-- name: claim_key(actor_key, key, fingerprint, wait, created_at)$
-- Takes a key for the open transaction, waiting a while for one that holds it; gives nothing if it was taken for good.
insert into idempotency_keys (actor_key, key, request_fingerprint, created_at)
select :actor_key::text, :key::text, :fingerprint::text, :created_at::timestamptz
from (select set_config('lock_timeout', :wait::text, true)) as patience
on conflict do nothing
returning key;

-- name: get_key(actor_key, key)^
-- Reads what was answered under a key.
select request_fingerprint, response_status, coalesce(response_text, response_body::text) as response_text
from idempotency_keys
where actor_key = :actor_key and key = :key;

-- name: store_answer(actor_key, key, status, body)!
-- Keeps the answer, to the byte, with the key that the open transaction took.
update idempotency_keys
set response_status = :status::integer, response_text = :body::text
where actor_key = :actor_key and key = :key;

-- name: forget_keys(before, how_many)!
-- Forgets keys that are too old for anybody to send again.
delete from idempotency_keys
where (actor_key, key) in (
    select actor_key, key from idempotency_keys where created_at < :before::timestamptz order by created_at limit :how_many::integer
);
