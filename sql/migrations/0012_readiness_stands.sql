-- Which readiness check of a ticket still stands. The database itself keeps it: a ticket follows its newest check, and
-- whoever changes a checked field or an evidence photo, in whatever way, takes the check's word back in the same
-- transaction. No clocks are compared, and no writer has to remember it.

-- The passed check that nothing has overtaken; null: there is none, and QA does not begin.
alter table tickets add column qa_passed_check_id uuid;
alter table tickets add constraint tickets_qa_passed_check_id_fkey
foreign key (qa_passed_check_id) references qa_readiness_checks (id) not valid;
alter table tickets add constraint tickets_passed_check_means_ready
check (qa_passed_check_id is null or qa_ready) not valid;
create index tickets_qa_passed_check_id_idx on tickets (qa_passed_check_id) where qa_passed_check_id is not null;

create function follow_readiness_check() returns trigger
language plpgsql
as $$
begin
    update tickets as t
    set
        qa_ready = newest.passed,
        qa_passed_check_id = case when newest.passed then newest.id end,
        qa_readiness_check_at = newest.checked_at,
        -- What only warns keeps nobody from QA, so it is no reason for failing.
        qa_readiness_failed_reasons = array(
            select failed.value ->> 'reason'
            from jsonb_array_elements(newest.failed_checks) with ordinality as failed (value, place)
            where failed.value -> 'blocking' is distinct from 'false'::jsonb
            order by failed.place
        )
    from (
        select distinct on (c.ticket_id) c.ticket_id, c.id, c.passed, c.checked_at, c.failed_checks
        from made_checks as c
        order by c.ticket_id, c.checked_at desc, c.id desc
    ) as newest
    where
        t.id = newest.ticket_id
        and (t.qa_readiness_check_at is null or t.qa_readiness_check_at <= newest.checked_at);
    return null;
end
$$;
create trigger qa_readiness_checks_followed
after insert on qa_readiness_checks
referencing new table as made_checks
for each statement
execute function follow_readiness_check();

create function withdraw_readiness_of_ticket() returns trigger
language plpgsql
as $$
begin
    new.qa_ready := false;
    new.qa_passed_check_id := null;
    return new;
end
$$;
-- The condition is in the triggers' WHEN: an update of a ticket that is not ready does not even call the function.
create trigger tickets_checked_field_changed
before update of dr_number, pole_number, pon_number, zone, ont_serial, ont_rx_level on tickets
for each row
when (
    (old.qa_ready or new.qa_ready)
    and (old.dr_number, old.pole_number, old.pon_number, old.zone, old.ont_serial, old.ont_rx_level)
    is distinct from
    (new.dr_number, new.pole_number, new.pon_number, new.zone, new.ont_serial, new.ont_rx_level)
)
execute function withdraw_readiness_of_ticket();
-- Somebody says by hand that a ticket is not ready after all.
create trigger tickets_readiness_revoked
before update of qa_ready on tickets
for each row
when (old.qa_ready and not new.qa_ready and new.qa_passed_check_id is not null)
execute function withdraw_readiness_of_ticket();

create function withdraw_readiness(of_tickets uuid []) returns void
language plpgsql
as $$
begin
    -- A check that is running has read the photos already and is not committed yet: only once it is, the update below
    -- can see that there is something to take back. In one order for everybody, against deadlocks.
    perform 1 from tickets where id = any(of_tickets) order by id for no key update;
    with withdrawn as (
        update tickets set qa_ready = false, qa_passed_check_id = null
        where id = any(of_tickets) and qa_ready
        returning id
    )

    -- Who changed the photo stands in the event of that change.
    insert into ticket_events (ticket_id, event_type, actor_kind, actor_name, before, after, details)
    select
        id, 'qa_readiness_withdrawn', 'system', 'system', '{"qa_ready": true}', '{"qa_ready": false}',
        '{"because": "evidence_photo_changed"}'
    from withdrawn;
end
$$;

create function withdraw_readiness_for_new_photos() returns trigger
language plpgsql
as $$
begin
    perform withdraw_readiness(photos.of_tickets)
    from (
        select array_agg(distinct ticket_id) as of_tickets from made_photos where is_evidence and file_type = 'photo'
    ) as photos
    where photos.of_tickets is not null;
    return null;
end
$$;
create trigger ticket_attachments_photo_added
after insert on ticket_attachments
referencing new table as made_photos
for each statement
execute function withdraw_readiness_for_new_photos();

create function withdraw_readiness_for_changed_photos() returns trigger
language plpgsql
as $$
begin
    perform withdraw_readiness(photos.of_tickets)
    from (
        select array_agg(distinct n.ticket_id) as of_tickets
        from photos_before as o
        inner join photos_after as n on o.id = n.id
        where
            ((o.is_evidence and o.file_type = 'photo') or (n.is_evidence and n.file_type = 'photo'))
            and (
                o.is_evidence, o.file_type, o.step_number, o.inspection_status, o.deleted_at, o.file_sha256, o.storage_key
            ) is distinct from (
                n.is_evidence, n.file_type, n.step_number, n.inspection_status, n.deleted_at, n.file_sha256, n.storage_key
            )
    ) as photos
    where photos.of_tickets is not null;
    return null;
end
$$;
create trigger ticket_attachments_photo_changed
after update on ticket_attachments
referencing old table as photos_before new table as photos_after
for each statement
execute function withdraw_readiness_for_changed_photos();
