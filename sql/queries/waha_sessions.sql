-- name: ensure_session(session, now)!
-- Makes a session's row when it is first heard of.
insert into waha_sessions (session, updated_at)
values (:session, :now::timestamptz)
on conflict (session) do nothing;

-- name: lock_session(session)^
-- Takes a session: whoever gives a start in its lane, or moves it, is the only one.
select *
from waha_sessions
where session = :session
for update;

-- name: list_sessions(session)
-- Reads what is known of the sessions, or of one.
select *
from waha_sessions
where :session::text is null or session = :session::text
order by session;

-- name: write_session(session, status, status_at, working_since, engine, version, server_started_at, checked_at, restart_wanted, restart_wanted_at, alarmed_at, alarm, now)!
-- Writes down how a locked session was last seen.
update waha_sessions
set
    status = :status::text,
    status_at = :status_at::timestamptz,
    working_since = :working_since::timestamptz,
    engine = :engine::text,
    version = :version::text,
    server_started_at = :server_started_at::timestamptz,
    checked_at = :checked_at::timestamptz,
    restart_wanted = :restart_wanted::text,
    restart_wanted_at = :restart_wanted_at::timestamptz,
    alarmed_at = :alarmed_at::timestamptz,
    alarm = :alarm::text,
    updated_at = :now::timestamptz
where session = :session;

-- name: want_restart(session, reason, now)!
-- Notes that a send showed that the session is broken: the last one that did counts.
update waha_sessions
set restart_wanted = :reason, restart_wanted_at = :now::timestamptz, updated_at = :now::timestamptz
where session = :session;

-- name: note_restart(session, reason, now)!
-- Writes a restart down before it is asked for: whoever is stopped in between must not ask again and again. Until it is
-- heard that the session works it counts as starting: a restart may be over before anybody asks.
update waha_sessions
set
    status = 'STARTING',
    status_at = :now::timestamptz,
    restarted_at = :now::timestamptz,
    restart_reason = :reason,
    restart_wanted = null,
    restart_wanted_at = null,
    updated_at = :now::timestamptz
where session = :session;

-- name: raise_alarm(session, reason, now)!
-- Holds a session until it works again.
update waha_sessions
set alarmed_at = :now::timestamptz, alarm = :reason, updated_at = :now::timestamptz
where session = :session and alarm is null;

-- name: clear_alarm(session, now)!
-- Lets a session that works be used again.
update waha_sessions
set alarmed_at = null, alarm = null, updated_at = :now::timestamptz
where session = :session and alarm is not null;

-- name: pause_session(session, until, reason, now)!
-- Has nothing sent over a session for a while; a longer pause stands.
update waha_sessions
set paused_until = :until::timestamptz, pause_reason = :reason, updated_at = :now::timestamptz
where session = :session and (paused_until is null or paused_until < :until::timestamptz);

-- name: hold_new_contacts(session, until, reason, now)!
-- Writes to nobody new over a session until then; null lets them be written to again.
update waha_sessions
set
    new_contacts_held_until = :until::timestamptz,
    new_contacts_reason = :reason::text,
    updated_at = :now::timestamptz
where session = :session;

-- name: read_traffic(session, overdue_before)^
-- Counts the messages that wait too long for a first confirmation, and reads when anything was last confirmed.
select
    (
        select count(*)
        from whatsapp_notifications
        where
            status = 'pending' and sending = 'accepted' and waha_session = :session
            and sending_at < :overdue_before::timestamptz
    ) as overdue,
    (
        select max(sent_at)
        from whatsapp_stanzas
        where session = :session and notice_id is not null and level >= 1
    ) as last_confirmed_at;
