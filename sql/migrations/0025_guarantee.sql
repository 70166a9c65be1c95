-- Guarantee and billing. Every ticket begins unclassified and not billable: a default costs an import nothing, where a
-- second write of each new row would. Tickets from before have nulls; the nightly sweep finds and classifies them.
alter table tickets alter column guarantee_status set default 'pending_classification';
alter table tickets alter column is_billable set default false;
alter table tickets alter column billing_classification set default 'pending_classification';

-- A guarantee is counted in days from here: a date from a mistyped century would lie beyond every calendar.
alter table tickets add constraint tickets_installation_date_range
check (installation_date between '1990-01-01' and '2100-12-31') not valid;
alter table drops add constraint drops_installed_on_range
check (installed_on between '1990-01-01' and '2100-12-31') not valid;

-- What the night looks at, and nothing else: guarantees that run out, and tickets that nobody ever classified.
create index tickets_guarantee_runs_out_idx on tickets (guarantee_expires_at)
where guarantee_status = 'under_guarantee' and status not in ('closed', 'cancelled');
create index tickets_never_classified_idx on tickets (id) where guarantee_status is null;

-- What is billed is what was closed in a period. Only closed tickets are in it: an import of open ones pays nothing.
create index tickets_closed_at_idx on tickets (closed_at, id) where closed_at is not null;

-- Where a person decided otherwise than the rules. The row holds the rules off until somebody gives the ticket back.
create table guarantee_overrides (
    ticket_id uuid not null,
    reason text not null,
    overridden_by uuid,
    overridden_by_name text not null,
    overridden_at timestamptz not null,
    constraint guarantee_overrides_pkey primary key (ticket_id),
    constraint guarantee_overrides_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint guarantee_overrides_overridden_by_fkey foreign key (overridden_by) references users (id),
    constraint guarantee_overrides_reason_not_blank check (reason ~ '\S')
);
