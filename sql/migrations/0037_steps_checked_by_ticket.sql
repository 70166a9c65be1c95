-- Proves that new verification steps have tickets by asking once for each ticket, not for each of its twelve steps.
-- depends: previous

create or replace function require_tickets_of_steps() returns trigger
language plpgsql
as $$
begin
    if exists (
        select 1
        from (select distinct ticket_id from inserted_steps) as of_steps
        where not exists (select 1 from tickets where tickets.id = of_steps.ticket_id)
    ) then
        raise exception 'verification steps for a ticket that does not exist'
            using errcode = 'foreign_key_violation', constraint = 'verification_steps_ticket_id_fkey',
            table = 'verification_steps';
    end if;
    return null;
end
$$;
