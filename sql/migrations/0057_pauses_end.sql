-- The driver can read no moment beyond its calendar, and the scheduler reads the schedules that are due together: one
-- such pause would keep them all from firing.
update schedules
set paused_until = least(greatest(paused_until, '2000-01-01 00:00:00+00'), '2999-12-31 00:00:00+00')
where paused_until not between '2000-01-01 00:00:00+00' and '2999-12-31 00:00:00+00';
alter table schedules add constraint schedules_paused_until_range
check (paused_until between '2000-01-01 00:00:00+00' and '2999-12-31 00:00:00+00');
