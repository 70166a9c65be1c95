-- name: claim_cases(case_ids, now)!
-- Takes cases that were never heard of until the end of the transaction, in one order for everybody.
insert into qcontact_cases (case_id, updated_at)
select
    case_id,
    :now::timestamptz
from unnest(:case_ids::text []) as heard (case_id)
order by case_id
on conflict (case_id) do nothing;

-- name: find_unclaimed_tickets(references)
-- Finds tickets of the CRM, by its reference or case id, that no case was linked with yet.
select
    t.id,
    t.external_id
from tickets as t
where
    t.source = 'qcontact'
    and t.external_id = any(:references::text [])
    and not exists (select 1 from qcontact_cases as c where c.ticket_id = t.id);

-- name: list_taken_references(references)
-- Reads which references have a ticket of the CRM.
select external_id
from tickets
where source = 'qcontact' and external_id = any(:references::text []);

-- name: lock_tickets_of_cases(case_ids, ticket_ids)
-- Takes the tickets of cases, and others by id, until the end of the transaction: in one order for everybody.
select id
from tickets
where
    id in (select c.ticket_id from qcontact_cases as c where c.case_id = any(:case_ids::text []))
    or id = any(:ticket_ids::uuid [])
order by id
for update;

-- name: lock_cases(case_ids)
-- Takes cases, after their tickets.
select
    case_id,
    ticket_id,
    details_hash,
    read_at,
    agreed_status,
    agreed_at,
    pushed_status,
    pushed_at,
    sending
from qcontact_cases
where case_id = any(:case_ids::text [])
order by case_id
for update;

-- name: list_tickets_of_sync(ticket_ids)
-- Reads locked tickets as a case is compared with them.
select
    id,
    ticket_uid,
    status,
    title,
    description,
    ticket_type,
    client_name,
    client_contact,
    client_email,
    dr_number,
    address,
    ont_serial,
    fault_cause,
    sheet_fields
from tickets
where id = any(:ticket_ids::uuid []);

-- name: insert_tickets_of_cases(tickets, now)
-- Makes the tickets of new cases with their steps, filled in from the SOW register; `tickets` is a JSON list.
with made as (
    insert into tickets (
        id, source, external_id, ticket_type, status, title, description, client_name, client_contact, client_email,
        dr_number, pole_number, pon_number, zone, project_id, address, ont_serial, sheet_fields, reported_at,
        created_at, updated_at
    )
    select
        c.id,
        'qcontact',
        c.external_id,
        c.ticket_type,
        c.status,
        c.title,
        c.description,
        c.client_name,
        c.client_contact,
        c.client_email,
        c.dr_number,
        d.pole_number,
        d.pon_number::text,
        d.zone_number::text,
        d.project_id,
        coalesce(c.address, d.address),
        c.ont_serial,
        c.sheet_fields,
        coalesce(c.reported_at, :now::timestamptz),
        :now::timestamptz,
        :now::timestamptz
    from jsonb_to_recordset(:tickets::jsonb) as c (
        id uuid,
        external_id text,
        ticket_type text,
        status text,
        title text,
        description text,
        client_name text,
        client_contact text,
        client_email text,
        dr_number text,
        address text,
        ont_serial text,
        sheet_fields jsonb,
        reported_at timestamptz
    )
    left join drops as d on c.dr_number = d.dr_number
    order by c.id
    returning *
),

steps as (
    insert into verification_steps (ticket_id, step_number, created_at)
    select
        made.id,
        step.step_number,
        :now::timestamptz
    from made
    cross join verification_step_types as step
    order by made.id, step.step_number
)

select
    id,
    ticket_uid,
    source,
    external_id,
    ticket_type,
    priority,
    title,
    description,
    client_name,
    client_contact,
    client_email,
    dr_number,
    pole_number,
    pon_number,
    zone as zone_id,
    project_id,
    address,
    ont_serial
from made;

-- name: write_client(ticket_id, ticket_type, client_name, client_contact, client_email, sheet_fields, changed, now)!
-- Writes what only the CRM says of a locked ticket, and what it said last; null leaves a value as it is.
update tickets
set
    ticket_type = coalesce(:ticket_type::text, ticket_type),
    client_name = coalesce(:client_name::text, client_name),
    client_contact = coalesce(:client_contact::text, client_contact),
    client_email = coalesce(:client_email::text, client_email),
    sheet_fields = :sheet_fields::jsonb,
    updated_at = case
        when :changed::boolean
            then greatest(:now::timestamptz, date_trunc('milliseconds', updated_at) + interval '1 millisecond')
        else updated_at
    end
where id = :ticket_id;

-- name: write_cases(cases, now)!
-- Keeps what was read of locked cases; where both sides agree, when and on what. `cases` is a JSON list.
update qcontact_cases as k
set
    ticket_id = coalesce(k.ticket_id, c.ticket_id),
    ft_reference = coalesce(c.ft_reference, k.ft_reference),
    their_status = coalesce(c.their_status, k.their_status),
    -- What kept us from writing there may have gone with the status that it came with.
    push_blocked_reason = case
        when c.their_status is null or c.their_status = k.their_status then k.push_blocked_reason
    end,
    push_blocked_at = case
        when c.their_status is null or c.their_status = k.their_status then k.push_blocked_at
    end,
    their_assigned_to = coalesce(c.their_assigned_to, k.their_assigned_to),
    their_updated_at = coalesce(c.their_updated_at, k.their_updated_at),
    read_at = c.read_at,
    details_hash = decode(c.details_hash, 'hex'),
    -- A row of the list that was seen with other details tells nothing of these.
    row_hash = case when k.details_hash = decode(c.details_hash, 'hex') then k.row_hash end,
    agreed_status = coalesce(c.agreed_status, k.agreed_status),
    agreed_at = case when c.agreed_status is null then k.agreed_at else c.read_at end,
    updated_at = :now::timestamptz
from jsonb_to_recordset(:cases::jsonb) as c (
    case_id text,
    ticket_id uuid,
    ft_reference text,
    their_status text,
    their_assigned_to text,
    their_updated_at timestamptz,
    read_at timestamptz,
    details_hash text,
    agreed_status text
)
where k.case_id = c.case_id;

-- name: note_seen(case_ids, row_hashes, now)!
-- Notes that the list shows these cases, and what their rows say.
update qcontact_cases as k
set seen_at = :now::timestamptz, row_hash = decode(seen.row_hash, 'hex'), missing_since = null
from unnest(:case_ids::text [], :row_hashes::text []) as seen (case_id, row_hash)
where k.case_id = seen.case_id;

-- name: note_missing(case_ids, now)!
-- Notes that the list does not show these cases any more; since when stays as it was noted first.
update qcontact_cases
set missing_since = coalesce(missing_since, :now::timestamptz)
where case_id = any(:case_ids::text []);

-- name: list_known_cases(case_ids)
-- Reads what is known of cases that the list shows, to tell which of them say something new.
select
    k.case_id,
    encode(k.row_hash, 'hex') as row_hash,
    k.read_at,
    k.ticket_id is not null as has_ticket,
    k.ticket_id is not null and t.status not in ('closed', 'cancelled') as is_open
from qcontact_cases as k
left join tickets as t on k.ticket_id = t.id
where k.case_id = any(:case_ids::text []);

-- name: list_cases_gone(case_ids, again)
-- Reads which cases of open tickets the list does not show: those newly gone, or `again` all of them.
select k.case_id
from qcontact_cases as k
inner join tickets as t on k.ticket_id = t.id
where
    t.status not in ('closed', 'cancelled')
    and (:again::boolean or k.missing_since is null)
    and not k.case_id = any(:case_ids::text [])
order by k.case_id;

-- name: find_case_of_ticket(ticket_id)$
-- Finds the case that a ticket came from.
select case_id
from qcontact_cases
where ticket_id = :ticket_id;

-- name: agree_on(case_id, status, now)!
-- Notes that both sides have settled on a status, after a person's choice.
update qcontact_cases
set agreed_status = :status, agreed_at = :now::timestamptz, updated_at = :now::timestamptz
where case_id = :case_id;

-- name: list_cases_of(ticket_ids, since, until, row_limit)
-- Reads the cases of tickets (null: of all) that changed there last within a period, either end of which may be null.
select
    ticket_id,
    case_id
from qcontact_cases
where
    ticket_id is not null
    and (:ticket_ids::uuid [] is null or ticket_id = any(:ticket_ids::uuid []))
    and (:since::timestamptz is null or their_updated_at >= :since::timestamptz)
    and (:until::timestamptz is null or their_updated_at <= :until::timestamptz)
order by case_id
limit :row_limit::bigint;
