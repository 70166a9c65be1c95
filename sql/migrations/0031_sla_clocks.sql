-- SLA clocks: what was promised stands with the ticket, so that changed settings count for clocks that start later.

-- Null: the clock of this ticket was never started; the sweep starts it.
alter table tickets add column sla_target_minutes integer;
alter table tickets add column sla_round_the_clock boolean not null default false;
alter table tickets add constraint tickets_sla_target_minutes_positive check (sla_target_minutes > 0) not valid;

-- Tickets that somebody made without starting their clock; empty but for a moment, so it costs an import nothing.
create index tickets_sla_unstarted_idx on tickets (created_at)
where sla_target_minutes is null and status not in ('closed', 'cancelled');

-- Compliance is counted over the tickets reported in a period, and tickets are stored roughly in the order in which they
-- are reported. So a few bytes for each stretch of the table find them, where a tree of all would cost an import of a
-- hundred thousand half a second, and every closing a bit.
create index tickets_sla_reported_at_idx on tickets using brin (reported_at)
with (pages_per_range = 16, autosummarize = on);

-- When a ticket's clock stood still. Kept one by one: a ticket that gets another target is measured anew, and business
-- time and plain time count a pause differently.
create table sla_pauses (
    ticket_id uuid not null,
    paused_at timestamptz not null,
    resumed_at timestamptz,
    reason text not null,
    constraint sla_pauses_pkey primary key (ticket_id, paused_at),
    constraint sla_pauses_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint sla_pauses_reason_not_blank check (reason ~ '\S'),
    constraint sla_pauses_resumed_after_pause check (resumed_at >= paused_at)
);
create unique index sla_pauses_open_key on sla_pauses (ticket_id) where resumed_at is null;
