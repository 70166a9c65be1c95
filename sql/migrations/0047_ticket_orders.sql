-- Orders and filters of the list of tickets: an index for each order that had none, and one for all filters together.
-- An import pays for each; what it pays more here it saves by what is built anew below.

-- Any of these filters together: their values are few, so an entry is little more than where its tickets are, and what
-- stands before the one that is asked for is skipped.
create index tickets_filters_idx on tickets (priority, ticket_type, source, qa_ready, sla_breached, status, project_id);

-- What changed last comes first. Beside what it sorts by, an index holds the filters that go with time: what is breached,
-- or open, may begin a hundred thousand entries away, and is come to without reading the tickets in between.
create index tickets_updated_at_idx on tickets (updated_at, id) include (status, sla_breached);

-- Most tickets are of the ordinary priority: the index of all tickets comes upon those soon enough.
create index tickets_priority_idx on tickets (priority, created_at, id) where priority <> 'normal';

-- With the id, so that a list can go on after one of several that are due at the same time.
drop index tickets_sla_due_at_idx;
create index tickets_sla_due_at_idx on tickets (sla_due_at, id)
include (status, sla_breached, priority, ticket_type, source, project_id, qa_ready)
where sla_due_at is not null and status not in ('closed', 'cancelled');

-- Ascending: read backwards they give the newest first as well, and new tickets are added at the end, which costs less
-- and leaves the pages full.
drop index tickets_created_at_idx;
create index tickets_created_at_idx on tickets (created_at, id);
drop index tickets_status_idx;
create index tickets_status_idx on tickets (status, created_at, id) include (sla_breached, priority);
drop index tickets_project_id_idx;
create index tickets_project_id_idx on tickets (project_id, created_at, id) where project_id is not null;
drop index tickets_assigned_to_idx;
create index tickets_assigned_to_idx on tickets (assigned_to, created_at, id) where assigned_to is not null;
