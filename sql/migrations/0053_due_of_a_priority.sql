-- What is due first of one priority. The least urgent is due last of all: the index of all due times would be read to its
-- end before any of it comes. Most tickets are of the ordinary priority; that index comes upon those soon enough.
create index tickets_due_of_a_priority_idx on tickets (priority, sla_due_at, id) include (status, sla_breached)
where sla_due_at is not null and status not in ('closed', 'cancelled') and priority <> 'normal';
