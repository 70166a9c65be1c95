-- name: take_lease(name, holder_id, holder_name, seconds)$
-- Takes or renews a lease; gives its fencing token, or nothing while another holds it.
insert into leases as l (name, holder_id, holder_name, token, acquired_at, expires_at)
values (:name, :holder_id, :holder_name, 1, now(), now() + make_interval(secs => :seconds))
on conflict (name) do update
set holder_id = excluded.holder_id, holder_name = excluded.holder_name, expires_at = excluded.expires_at,
    token = case when l.holder_id = excluded.holder_id and l.expires_at > now() then l.token else l.token + 1 end,
    acquired_at = case when l.holder_id = excluded.holder_id and l.expires_at > now() then l.acquired_at else now() end
where l.holder_id = excluded.holder_id or l.expires_at <= now()
returning token;

-- name: hold_lease(name, token)$
-- Holds the lease's row for a transaction that only its holder may make; gives nothing once it was lost.
select true from leases where name = :name and token = :token and expires_at > now() for share;

-- name: release_lease(name, holder_id)!
-- Gives the lease back, so that another need not wait for it to expire.
update leases set expires_at = now() where name = :name and holder_id = :holder_id;

-- name: limit_idle(milliseconds)$
-- Ends the transaction if its process leaves it alone for so long: what it locks must not wait for a process that stopped.
select set_config('idle_in_transaction_session_timeout', :milliseconds, true);
