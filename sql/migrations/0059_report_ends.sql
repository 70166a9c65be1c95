-- How a weekly report ended whose job ended without it, cancelled or given up, also when the job is pruned; no row for
-- any other. One that waits for somebody's word needs its job no more.
create view weekly_report_ends as
select
    r.id as report_id,
    'JOB_' || upper(coalesce(job.state, 'pruned')) as code,
    case
        when job.id is null then 'Its job ended: upload the file again'
        else coalesce(job.error_message, job.cancel_reason)
    end as message
from weekly_reports as r
left join jobs as job on job.id = coalesce(r.import_job_id, r.preview_job_id)
where
    r.status in ('pending', 'processing')
    and (
        job.state in ('discarded', 'cancelled')
        or (
            job.id is null
            and coalesce(r.import_job_id, r.preview_job_id) is not null
            and (r.phase <> 'previewed' or r.import_job_id is not null)
        )
    );
