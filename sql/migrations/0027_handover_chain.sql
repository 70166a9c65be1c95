-- The chain of handover snapshots: one row that says how long it is and where it ends. Whoever hands over locks this row,
-- so numbers have no gaps and no two snapshots continue the same one; and a chain that was cut at its end is shorter than
-- this row says.
create table handover_chain (
    only_row boolean not null default true,
    length bigint not null default 0,
    head_sha256 text,
    constraint handover_chain_pkey primary key (only_row),
    constraint handover_chain_one_row check (only_row),
    constraint handover_chain_length_positive check (length >= 0),
    constraint handover_chain_head_of_length check ((length = 0) = (head_sha256 is null)),
    constraint handover_chain_head_sha256_length check (head_sha256 ~ '^[0-9a-f]{64}$')
);
insert into handover_chain (length, head_sha256)
select
    coalesce(max(chain_number), 0),
    (array_agg(snapshot_sha256 order by chain_number desc))[1]
from handover_snapshots;

-- It grows by one link at a time, and only together with a snapshot.
create trigger handover_chain_only_grows
before update on handover_chain
for each row
when (new.length <> old.length + 1)
execute function refuse_change('the chain of handovers only grows, link by link');
create trigger handover_chain_never_deleted
before delete or truncate on handover_chain
for each statement
execute function refuse_change('the chain of handovers stays');
alter table handover_chain enable always trigger handover_chain_only_grows;
alter table handover_chain enable always trigger handover_chain_never_deleted;
revoke update, delete, truncate on handover_chain from public;

create function lengthen_handover_chain() returns trigger
language plpgsql
as $$
begin
    update handover_chain
    set length = new.chain_number, head_sha256 = new.snapshot_sha256
    where length = new.chain_number - 1 and head_sha256 is not distinct from new.previous_sha256;
    if not found then
        raise exception 'handover snapshot % does not continue the chain', new.chain_number
            using errcode = 'TK004', constraint = 'handover_snapshots_continue_the_chain', table = 'handover_snapshots';
    end if;
    return null;
end
$$;
create trigger handover_snapshots_lengthen_chain
after insert on handover_snapshots
for each row
execute function lengthen_handover_chain();
alter table handover_snapshots enable always trigger handover_snapshots_lengthen_chain;

-- The event of each handover names its snapshot: what the chain is held against. Few rows are in it.
create index ticket_events_handovers_idx on ticket_events (((details ->> 'chain_number')::bigint))
where event_type = 'handover_completed';
