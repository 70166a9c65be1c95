-- The least id that a job may have that was made at a moment or later. Ids begin with the milliseconds since 1970 at
-- which they were made, which is not before the job's transaction began; the hour is for clocks that are apart.
create function least_job_id(made_since timestamptz) returns uuid
language sql stable strict parallel safe
return (
    lpad(to_hex(greatest(extract(epoch from made_since - interval '1 hour') * 1000, 0)::bigint), 12, '0')
    || repeat('0', 20)
)::uuid;
