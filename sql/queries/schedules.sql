-- name: declare_schedule(name, kind, cron, missed, next_fire_at)!
-- Makes the schedule of a job kind known, or follows a change of its cron line; what operators set stays.
insert into schedules as s (name, kind, cron, missed, next_fire_at)
values (:name, :kind, :cron, :missed, :next_fire_at)
on conflict (name) do update
set kind = excluded.kind, missed = excluded.missed, declared = true, updated_at = now(), cron = excluded.cron,
    next_fire_at = case when s.cron = excluded.cron and s.declared then s.next_fire_at else excluded.next_fire_at end
where (s.kind, s.cron, s.missed, s.declared) is distinct from (excluded.kind, excluded.cron, excluded.missed, true);

-- name: retire_schedules(names)!
-- Retires the schedules that no job kind declares any more.
update schedules set declared = false, updated_at = now() where declared and name <> all(:names::text[]);

-- name: due_schedules(now)
-- Reads the schedules whose time has come.
select name, kind, cron, missed, next_fire_at, paused_until
from schedules
where declared and next_fire_at <= :now::timestamptz
order by next_fire_at
for update skip locked;

-- name: advance_schedule(name, next_fire_at, fired_at, job_id, missed_count)!
-- Moves a schedule on after a tick (or after ticks that were missed or paused).
update schedules
set next_fire_at = :next_fire_at, last_fire_at = coalesce(:fired_at::timestamptz, last_fire_at),
    last_job_id = coalesce(:job_id::uuid, last_job_id), missed_count = missed_count + :missed_count::integer, updated_at = now()
where name = :name;
