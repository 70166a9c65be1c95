-- Lists that are narrowed to what hardly any of their rows is: each is found, or known not to be there, without reading
-- the rows that are something else.

-- Jobs of a kind, queue and state: what two of the three narrow is decided in the index. No index more than there were.
drop index jobs_by_state;
drop index jobs_by_kind;
drop index jobs_by_queue;
create index jobs_by_state on jobs (state, id desc) include (kind, queue);
create index jobs_by_kind on jobs (kind, id desc) include (queue, state);
create index jobs_by_queue on jobs (queue, id desc) include (kind, state);
-- A text of an error is looked for among jobs that have one. Those that nobody asked for are nearly all jobs, and have no
-- need to be found by it.
create index jobs_failed_newest on jobs (id desc) where error_class is not null;
create index jobs_by_actor on jobs (actor_name, id desc) where actor_name <> 'system';

-- Rows of a report by what became of them. Rows that wait are in no index but the key, and staging them costs nothing.
create index weekly_report_rows_outcome_idx on weekly_report_rows (report_id, outcome, row_number)
where outcome is not null;
create index weekly_report_rows_conflicts_idx on weekly_report_rows (report_id, row_number) where conflicts is not null;
create index weekly_report_rows_warnings_idx on weekly_report_rows (report_id, row_number) where warnings is not null;
