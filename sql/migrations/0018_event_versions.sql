-- Which version (`updated_at`) of its ticket an event led to: what changed after a version that somebody saw cannot be
-- told by clocks, for whoever waits for a ticket began before the one who is waited for ended. Null: not noted, and the
-- event's time has to do.
alter table ticket_events add column ticket_version timestamptz;
