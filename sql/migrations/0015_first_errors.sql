-- The first errors of a report, which its progress and the history show: without the index each look would pass all of
-- its rows. Rows without errors, nearly all, are not in it, and no update of an import touches `errors`.
create index weekly_report_rows_errors_idx on weekly_report_rows (report_id, row_number) where errors is not null;
