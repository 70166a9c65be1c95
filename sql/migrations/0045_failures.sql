-- Failures that are alike, so that an operator sees a hundred failed jobs as the one thing that is wrong; and what ended
-- in every five minutes, so that nobody counts a day of attempts to draw it.

-- Where a job failed: the last frame of our code, as far as it is known, or else what the error said without what differs
-- from one to the next (ids and numbers).
create function failure_place(error_place text, error_message text) returns text language sql immutable parallel safe
return coalesce(
    error_place,
    regexp_replace(
        left(error_message, 200), '[[:xdigit:]]{8}-[[:xdigit:]]{4}-[[:xdigit:]-]{22}|[[:digit:]]+', '#', 'g'
    ),
    ''
);

-- What an operator has given up is no failure of its own.
create function failure_fingerprint(kind text, error_class text, error_place text, error_message text) returns uuid
language sql immutable parallel safe
return case
    when error_class is not null and error_class <> 'DiscardedByOperator'
        then md5(kind || chr(31) || error_class || chr(31) || failure_place(error_place, error_message))::uuid
end;

alter table jobs
    add column error_place text,
    -- When it failed last; stays when a later attempt succeeds.
    add column failed_at timestamptz,
    add column fingerprint uuid
        generated always as (failure_fingerprint(kind, error_class, error_place, error_message)) stored;

update jobs set failed_at = coalesce(finished_at, started_at, claimed_at, created_at) where error_class is not null;

-- The groups of a window read the first index alone; a group's own jobs are found by the second.
create index jobs_failed_since on jobs (failed_at desc) include (fingerprint, state)
where fingerprint is not null and state in ('discarded', 'retryable');
create index jobs_failed_alike on jobs (fingerprint, id desc) where fingerprint is not null;

create table failures (
    fingerprint uuid not null,
    kind text not null,
    error_class text not null,
    place text not null,
    first_seen_at timestamptz not null,
    -- Whoever knows of it already has muted it, and says what they know.
    muted_at timestamptz,
    muted_by text,
    mute_note text,
    constraint failures_pkey primary key (fingerprint),
    constraint failures_mute_whole check (
        (muted_at is null and muted_by is null and mute_note is null)
        or (muted_at is not null and muted_by is not null and mute_note is not null and mute_note ~ '\S')
    )
);

insert into failures (fingerprint, kind, error_class, place, first_seen_at)
select distinct on (fingerprint) fingerprint, kind, error_class, failure_place(error_place, error_message), failed_at
from jobs
where fingerprint is not null
order by fingerprint, failed_at;

-- Attempts that ended, by the five minutes in which they did. A sweep fills it; what is newer than its newest row is
-- counted from the attempts themselves.
create table attempt_counts (
    ended_in timestamptz not null,
    queue text not null,
    outcome text not null,
    attempts bigint not null,
    run_seconds double precision not null,
    constraint attempt_counts_pkey primary key (ended_in, queue, outcome)
);

create index operator_audit_by_actor on operator_audit (actor_name, id desc);
create index operator_audit_by_action on operator_audit (action, id desc);
