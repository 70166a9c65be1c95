-- name: declare_queues(names)!
-- Makes the queues known that job kinds use.
insert into queues (name) select unnest(:names::text[]) on conflict do nothing;
