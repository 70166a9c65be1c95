-- name: get_drop(dr_number)^
-- Reads a drop with its project, under the names of the DR look-up.
select
    drops.dr_number,
    drops.pole_number,
    drops.pon_number,
    drops.zone_number,
    projects.id as project_id,
    projects.name as project_name,
    projects.code as project_code,
    drops.address,
    drops.latitude::double precision as latitude,
    drops.longitude::double precision as longitude,
    drops.municipality,
    drops.cable_type,
    drops.cable_length,
    coalesce(drops.status, case when drops.is_spare then 'spare' end) as status
from drops
join projects on projects.id = drops.project_id
where drops.dr_number = :dr_number::text;

-- name: find_projects(names)
-- Finds projects by code, else by name or alias, any case; gives every spelling that means the same project.
select distinct on (wanted.name)
    wanted.name as wanted,
    projects.id,
    projects.code,
    array[lower(projects.code), lower(projects.name)] || projects.aliases as names
from unnest(:names::text[]) as wanted (name)
join projects
    on lower(projects.code) = lower(wanted.name)
    or lower(projects.name) = lower(wanted.name)
    or lower(wanted.name) = any(projects.aliases)
order by wanted.name, (lower(projects.code) = lower(wanted.name)) desc, projects.id;

-- name: create_projects(codes, now)
-- Creates projects that are known by their code only, unless somebody else just did.
insert into projects (code, name, created_at, updated_at)
select code, code, :now::timestamptz, :now::timestamptz
from unnest(:codes::text[]) as code
on conflict do nothing
returning code;

-- name: create_drops_staging#
-- Makes the place where an import puts its rows before they are compared; gone with the transaction.
create temporary table drops_staging (
    row_number integer not null,
    dr_number text not null,
    project_id uuid not null,
    pole_number text,
    pon_number integer,
    zone_number integer,
    ont_label text,
    address text,
    latitude numeric(9, 6),
    longitude numeric(9, 6),
    municipality text,
    cable_type text,
    cable_length text,
    status text,
    is_spare boolean not null,
    source_row jsonb not null,
    row_hash bytea not null
) on commit drop;

-- name: copy_drops_staging#
-- Takes the rows of a register in the order of the columns.
copy drops_staging from stdin;

-- name: find_staged_drops_elsewhere()
-- Finds staged rows whose drop is in the register of another project: those are never moved.
select drops_staging.row_number, drops_staging.dr_number, projects.code
from drops_staging
join drops on drops.dr_number = drops_staging.dr_number and drops.project_id <> drops_staging.project_id
join projects on projects.id = drops.project_id
order by drops_staging.row_number;

-- name: write_staged_drops(now)^
-- Writes the staged rows that are new or say something new, and counts them. The others are not even locked.
with written as (
    insert into drops (
        dr_number, project_id, pole_number, pon_number, zone_number, ont_label, address, latitude, longitude,
        municipality, cable_type, cable_length, status, is_spare, source_row, row_hash, created_at, updated_at
    )
    select
        staged.dr_number, staged.project_id, staged.pole_number, staged.pon_number, staged.zone_number,
        staged.ont_label, staged.address, staged.latitude, staged.longitude, staged.municipality, staged.cable_type,
        staged.cable_length, staged.status, staged.is_spare, staged.source_row, staged.row_hash,
        :now::timestamptz, :now::timestamptz
    from drops_staging as staged
    left join drops as known on known.dr_number = staged.dr_number
    where known.id is null
        or (known.project_id = staged.project_id and known.row_hash is distinct from staged.row_hash)
    -- Two imports at once insert in one order, so that neither waits for what the other holds.
    order by staged.dr_number
    on conflict (dr_number) do update set
        pole_number = excluded.pole_number,
        pon_number = excluded.pon_number,
        zone_number = excluded.zone_number,
        ont_label = excluded.ont_label,
        address = excluded.address,
        latitude = excluded.latitude,
        longitude = excluded.longitude,
        municipality = excluded.municipality,
        cable_type = excluded.cable_type,
        cable_length = excluded.cable_length,
        status = excluded.status,
        is_spare = excluded.is_spare,
        source_row = excluded.source_row,
        row_hash = excluded.row_hash,
        updated_at = excluded.updated_at
    where drops.project_id = excluded.project_id and drops.row_hash is distinct from excluded.row_hash
    returning old.id is null as is_new
)
select
    count(*) filter (where is_new)::integer as created,
    count(*) filter (where not is_new)::integer as updated
from written;
