-- Holds the one-column rules of the ledger as domains: the same rules, checked only where a value is assigned.
-- A CHECK of the table is read, planned and evaluated anew by every statement that touches a row, whatever the statement
-- assigns; eleven of them were a fifth of what completing a job cost.

create domain job_kind_name as text check (value ~ '^[a-z][a-z0-9_]{0,80}$');
create domain job_state as text check (
    value in ('scheduled', 'available', 'running', 'retryable', 'completed', 'discarded', 'cancelled')
);
create domain job_priority as smallint check (value between 0 and 9);
create domain job_arguments as jsonb check (jsonb_typeof(value) = 'object');
create domain actor_kind as text check (value in ('user', 'api_key', 'job', 'schedule', 'system'));
create domain whole_number as integer check (value >= 0);
create domain positive_number as integer check (value >= 1);
create domain large_whole_number as bigint check (value >= 0);

alter table jobs
    drop constraint jobs_kind_check,
    drop constraint jobs_state_check,
    drop constraint jobs_priority_check,
    drop constraint jobs_arguments_check,
    drop constraint jobs_attempt_check,
    drop constraint jobs_max_attempts_check,
    drop constraint jobs_fence_check,
    drop constraint jobs_snoozes_check,
    drop constraint jobs_progress_done_check,
    drop constraint jobs_progress_total_check,
    drop constraint jobs_actor_kind_check,
    alter column kind type job_kind_name,
    alter column state type job_state,
    alter column priority type job_priority,
    alter column arguments type job_arguments,
    alter column attempt type whole_number,
    alter column max_attempts type positive_number,
    alter column fence type whole_number,
    alter column snoozes type whole_number,
    alter column progress_done type large_whole_number,
    alter column progress_total type large_whole_number,
    alter column actor_kind type actor_kind;
