-- name: note_failures(ids)!
-- Keeps when failures of a kind were seen first; those that were seen before stay as they are. In order of their
-- fingerprints, so that two workers that note the same new ones wait for each other, never both.
insert into failures (fingerprint, kind, error_class, place, first_seen_at)
select distinct on (fingerprint) fingerprint, kind, error_class, failure_place(error_place, error_message), failed_at
from jobs
where id = any(:ids::uuid[]) and fingerprint is not null and failed_at is not null
order by fingerprint, failed_at
on conflict do nothing;

-- name: list_failures(since, muted, cap, most)
-- Groups the failed and retrying jobs whose last failure is not older than a moment, the most frequent first; at most
-- the newest `cap` jobs are looked at. `muted` null takes both.
with recent as (
    select fingerprint, state, failed_at
    from jobs
    where fingerprint is not null and state in ('discarded', 'retryable') and failed_at >= :since::timestamptz
    order by failed_at desc
    limit :cap::integer
), alike as (
    select
        fingerprint, count(*) filter (where state = 'discarded') as discarded,
        count(*) filter (where state = 'retryable') as retrying, max(failed_at) as last_seen_at
    from recent
    group by fingerprint
), shown as (
    select failures.*, alike.discarded, alike.retrying, alike.last_seen_at
    from alike
    join failures using (fingerprint)
    where :muted::boolean is null or (failures.muted_at is not null) = :muted::boolean
    order by alike.discarded + alike.retrying desc, alike.last_seen_at desc, fingerprint
    limit :most::integer
)
select shown.*, newest.id as newest_job_id, newest.error_message as newest_message
from shown
left join lateral (
    select jobs.id, jobs.error_message
    from jobs
    where jobs.fingerprint = shown.fingerprint
    order by jobs.id desc
    limit 1
) as newest on true
order by shown.discarded + shown.retrying desc, shown.last_seen_at desc, shown.fingerprint;

-- name: count_failed_since(since, state, cap)^
-- Counts the jobs of a state that failed since a moment in ways that nobody has muted, up to a cap, and tells the
-- newest such failure.
select count(*) as jobs, max(failed_at) as last_at
from (
    select jobs.failed_at
    from jobs
    where jobs.fingerprint is not null and jobs.state in ('discarded', 'retryable') and jobs.state = :state
        and jobs.failed_at >= :since::timestamptz
        and not exists (
            select from failures where failures.fingerprint = jobs.fingerprint and failures.muted_at is not null
        )
    order by jobs.failed_at desc
    limit :cap::integer
) as failed;

-- name: find_failure(fingerprint)^
-- Reads one group of failures.
select * from failures where fingerprint = :fingerprint::uuid;

-- name: mute_failure(fingerprint, now, who, note)$
-- Mutes a group of failures, or changes the note of one that is muted.
update failures
set muted_at = coalesce(muted_at, :now::timestamptz), muted_by = :who, mute_note = :note
where fingerprint = :fingerprint::uuid
returning fingerprint;

-- name: unmute_failure(fingerprint)$
-- Lets a group of failures be told of again; gives nothing when it was not muted.
update failures
set muted_at = null, muted_by = null, mute_note = null
where fingerprint = :fingerprint::uuid and muted_at is not null
returning fingerprint;
