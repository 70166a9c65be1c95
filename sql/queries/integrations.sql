-- name: get_state(integration)^
-- Reads how things stand with a service.
select * from integration_states where integration = :integration;

-- name: lock_state(integration)^
-- Reads how things stand with a service, to change it.
select * from integration_states where integration = :integration for update;

-- name: list_states()
-- Lists how things stand with every service, and how we are signed in there.
select s.*, t.signed_in_at, t.sign_in_attempted_at, t.sign_in_outcome
from integration_states s
left join integration_sessions t using (integration)
order by s.integration;

-- name: claim_probe(integration, probe, now, until)$
-- Makes one caller the one that tries a service again; gives nothing to the others.
update integration_states
set state = 'half_open', probe = :probe, retry_at = :until, changed_at = :now
where integration = :integration and state in ('open', 'half_open') and retry_at <= :now and held_at is null
returning integration;

-- name: write_state(integration, state, failures, waits, opened_at, retry_at, probe, error_code, error_message, last_failure_at, last_success_at, now)!
-- Writes the state that a locked row has come to.
update integration_states
set state = :state, failures = :failures, waits = :waits, opened_at = :opened_at, retry_at = :retry_at, probe = :probe,
    last_error_code = :error_code, last_error_message = :error_message, last_failure_at = :last_failure_at,
    last_success_at = :last_success_at,
    changed_at = case when state = :state then changed_at else :now end
where integration = :integration;

-- name: get_session(integration)^
-- Reads how we are signed in to a service.
select * from integration_sessions where integration = :integration;

-- name: lock_session(integration)^
-- Reads how we are signed in to a service, to say who signs in next.
select * from integration_sessions where integration = :integration for update;

-- name: begin_sign_in(integration, now)!
-- Notes that a sign-in is under way.
update integration_sessions set sign_in_attempted_at = :now, sign_in_outcome = null where integration = :integration;

-- name: keep_tokens(integration, sealed_tokens, signed_in, now)$
-- Keeps new tokens, of a sign-in or handed out with an answer, and gives their generation.
update integration_sessions
set sealed_tokens = :sealed_tokens, generation = generation + 1,
    signed_in_at = case when :signed_in then :now else signed_in_at end,
    sign_in_outcome = case when :signed_in then 'signed_in' else sign_in_outcome end
where integration = :integration
returning generation;

-- name: fail_sign_in(integration)!
-- Notes that the sign-in that was under way failed.
update integration_sessions set sign_in_outcome = 'failed' where integration = :integration;

-- name: hold_integration(integration, now, who, reason)!
-- Has a locked service left alone until somebody lets it go.
update integration_states set held_at = :now, held_by = :who, hold_reason = :reason where integration = :integration;

-- name: release_integration(integration)!
-- Lets a locked service that was held be called again.
update integration_states set held_at = null, held_by = null, hold_reason = null where integration = :integration;

-- name: retry_now(integration, now)!
-- Lets a service that is left alone be tried at once.
update integration_states set retry_at = :now where integration = :integration and state = 'open';
