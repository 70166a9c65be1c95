-- name: list_jobs(state, kind, queue, tag, subject_type, subject_id, actor_name, created_after, created_before, error_text, fingerprint, parent_id, before_id, page_size)
-- Lists jobs newest first; every filter may be null; run it unprepared. Keyset paging by `before_id`. Which jobs they are
-- is decided first, by what the indexes hold of them: those of a kind in a state, a queue or both without their rows.
select
    id, kind, queue, state, priority, tags, attempt, max_attempts, snoozes, scheduled_at, claimed_at, started_at,
    finished_at, cancel_requested_at, cancel_reason, progress_done, progress_total, progress_phase, progress_at,
    error_class, error_message, actor_kind, actor_name, request_id, parent_id, schedule_name, fire_at, created_at,
    worker_id
from jobs
where id = any(array(
    select id
    from jobs
    where (:state::text is null or state = :state::text)
        and (:kind::text is null or kind = :kind::text)
        and (:queue::text is null or queue = :queue::text)
        and (:tag::text is null or (tags @> array[:tag::text] and tags <> '{}'))
        and (:actor_name::text is null or actor_name = :actor_name::text)
        and (:created_after::timestamptz is null or (
            created_at >= :created_after::timestamptz and id >= least_job_id(:created_after::timestamptz)
        ))
        and (:created_before::timestamptz is null or created_at < :created_before::timestamptz)
        and (:error_text::text is null or (error_class is not null and (
            strpos(lower(error_message), lower(:error_text::text)) > 0
            or strpos(lower(error_class), lower(:error_text::text)) > 0
        )))
        and (:fingerprint::uuid is null or fingerprint = :fingerprint::uuid)
        and (:parent_id::uuid is null or parent_id = :parent_id::uuid)
        and (:subject_type::text is null or id = any(array(
            select job_id from job_subjects where subject_type = :subject_type::text and subject_id = :subject_id::text
        )))
        and (:before_id::uuid is null or id < :before_id::uuid)
    order by id desc
    limit :page_size
))
order by id desc;

-- name: count_jobs_by_state(cap)
-- Counts jobs by state, each count stopping at the cap.
select
    s.state,
    (select count(*) from (select from jobs where jobs.state = s.state limit :cap::integer) as counted) as jobs
from unnest(
    array['scheduled', 'available', 'running', 'retryable', 'completed', 'discarded', 'cancelled']
) as s (state);

-- name: get_job(id)^
-- Reads one job with everything that is known of it.
select * from jobs where id = :id;

-- name: job_attempts_of(job_id)
-- Reads the attempts of a job, oldest first, with their workers.
select
    job_attempts.*, workers.host as worker_host, workers.pid as worker_pid,
    greatest(extract(epoch from job_attempts.started_at - job_attempts.scheduled_at), 0)::float8 as wait_seconds,
    extract(epoch from job_attempts.finished_at - job_attempts.started_at)::float8 as run_seconds
from job_attempts
left join workers on workers.id = job_attempts.worker_id
where job_id = :job_id
order by fence;

-- name: job_subjects_of(job_ids, most)
-- Reads what jobs are about, `most` things of each (null: all), with the name by which people know a thing, if it has one.
select
    about.job_id,
    about.subject_type,
    about.subject_id,
    coalesce(tickets.ticket_uid, weekly_reports.report_uid) as subject_name
from unnest(:job_ids::uuid []) as wanted (job_id)
cross join lateral (
    select
        s.job_id, s.subject_type, s.subject_id,
        case when pg_input_is_valid(s.subject_id, 'uuid') then s.subject_id::uuid end as id
    from job_subjects as s
    where s.job_id = wanted.job_id
    limit :most::bigint
) as about
left join tickets on about.subject_type = 'ticket' and about.id = tickets.id
left join weekly_reports on about.subject_type = 'weekly_report' and about.id = weekly_reports.id
order by about.job_id, about.subject_type, about.subject_id;

-- name: job_children_of(job_id)
-- Reads the newest jobs that a job enqueued.
select id, kind, state from jobs where parent_id = :job_id order by id desc limit 100;

-- name: job_log_of(job_id, attempt)
-- Reads the log lines of an attempt (of all attempts when null).
select l.fence, l.line, l.logged_at, l.message, l.fields
from job_log_lines as l
where l.job_id = :job_id
    and (:attempt::integer is null or l.fence in (
        select fence from job_attempts as a where a.job_id = :job_id and a.attempt = :attempt::integer
        union all
        select fence from jobs where jobs.id = :job_id and jobs.attempt = :attempt::integer and state = 'running'
    ))
order by l.fence, l.line;

-- name: queue_figures(cap)
-- Reads every queue with its depth by state (counts stop at the cap), its oldest waiting job and its throughput.
select
    queues.*,
    (select count(*) from (
        select from jobs where jobs.queue = queues.name and state = 'available' limit :cap::integer
    ) as c) as available,
    (select count(*) from jobs where jobs.queue = queues.name and state = 'running') as running,
    (select count(*) from (
        select from jobs where jobs.queue = queues.name and state in ('scheduled', 'retryable') limit :cap::integer
    ) as c) as waiting,
    (select min(scheduled_at) from (
        select scheduled_at from jobs where jobs.queue = queues.name and state = 'available'
        order by priority, id limit 100
    ) as head) as oldest_available_at
from queues
order by name;

-- name: recent_attempts(since)
-- Sums up the attempts that ended since a moment: outcomes, waiting and running time by kind and queue.
select
    jobs.kind, jobs.queue, job_attempts.outcome, count(*) as attempts,
    coalesce(sum(greatest(extract(epoch from job_attempts.started_at - job_attempts.scheduled_at), 0)), 0)::float8
        as wait_seconds,
    coalesce(sum(extract(epoch from job_attempts.finished_at - job_attempts.started_at)), 0)::float8 as run_seconds,
    coalesce(max(extract(epoch from job_attempts.finished_at - job_attempts.started_at)), 0)::float8 as longest_run_seconds
from job_attempts
join jobs on jobs.id = job_attempts.job_id
where job_attempts.finished_at >= :since::timestamptz
group by jobs.kind, jobs.queue, job_attempts.outcome;

-- name: list_schedules()
-- Reads the schedules that job kinds declare, with the state of their last job.
select schedules.*, jobs.state as last_job_state
from schedules
left join jobs on jobs.id = schedules.last_job_id
where declared
order by schedules.name;

-- name: schedule_runs(name, how_many)
-- Reads the newest ticks of a schedule.
select id, state, fire_at, started_at, finished_at, error_class, error_message
from jobs
where schedule_name = :name
order by fire_at desc
limit :how_many;

-- name: runs_of_schedules(how_many)
-- Reads the newest ticks of every schedule, the newest first.
select run.*
from schedules
cross join lateral (
    select schedule_name, id, state, fire_at, started_at, finished_at, error_class, error_message
    from jobs
    where jobs.schedule_name = schedules.name
    order by fire_at desc
    limit :how_many
) as run
where schedules.declared;

-- name: list_workers(since)
-- Reads the processes that gave a sign of life since a moment, with the jobs they hold.
select
    workers.*,
    extract(epoch from now() - workers.heartbeat_at)::float8 as silent_seconds,
    array(
        select jobs.id::text from jobs where jobs.worker_id = workers.id and jobs.state = 'running' order by jobs.id limit 50
    ) as job_ids,
    coalesce((
        select jsonb_agg(jsonb_build_object('id', held.id, 'kind', held.kind, 'started_at', held.started_at) order by held.id)
        from (
            select jobs.id, jobs.kind, jobs.started_at
            from jobs
            where jobs.worker_id = workers.id and jobs.state = 'running'
            order by jobs.id
            limit 50
        ) as held
    ), '[]'::jsonb) as holding,
    exists (
        select from leases where leases.holder_id = workers.id and leases.expires_at > now()
    ) as leads
from workers
where heartbeat_at >= :since::timestamptz
order by role, started_at desc
limit 200;

-- name: list_audit(target_type, target_id, actor_name, action, before_id, page_size)
-- Lists what operators did, newest first; every filter may be null.
select *
from operator_audit
where (:target_type::text is null or target_type = :target_type::text)
    and (:target_id::text is null or target_id = :target_id::text)
    and (:actor_name::text is null or actor_name = :actor_name::text)
    and (:action::text is null or action = :action::text)
    and (:before_id::uuid is null or id < :before_id::uuid)
order by id desc
limit :page_size;

-- name: get_lease(name)^
-- Reads who holds a lease, if anybody does.
select holder_id, holder_name, token, acquired_at, expires_at from leases where name = :name and expires_at > now();
