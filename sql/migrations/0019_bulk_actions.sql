-- Bulk actions over tickets with an outcome for each, the statuses as boards show them, and answers kept to the byte.

-- jsonb keeps neither the order of keys nor the spelling of numbers, so an answer that came back out of it was not the
-- one that was given. `response_body` is what releases before this one wrote; theirs are forgotten in two days.
alter table idempotency_keys add column response_text text;

-- What somebody asked to be done to many tickets at once. The tickets are frozen when it is asked for.
create table bulk_actions (
    id uuid not null default uuidv7(),
    action text not null,
    -- The fields of a change as a request names them; the same for each ticket.
    changes jsonb not null,
    -- The filter that chose the tickets; null: they were named.
    chosen_by jsonb,
    -- Who asked, with the rights of that moment: each ticket is changed as by this actor.
    asked_by jsonb not null,
    total integer not null,
    created_at timestamptz not null default now(),
    constraint bulk_actions_pkey primary key (id),
    constraint bulk_actions_action_known check (action in ('assign', 'priority', 'status')),
    constraint bulk_actions_changes_object check (jsonb_typeof(changes) = 'object'),
    constraint bulk_actions_chosen_by_object check (jsonb_typeof(chosen_by) = 'object'),
    constraint bulk_actions_asked_by_object check (jsonb_typeof(asked_by) = 'object'),
    constraint bulk_actions_total_positive check (total > 0)
);

-- One row for each ticket that was asked for. No foreign key: an id that no ticket has is refused like any other, and
-- its refusal is a result too. Without an outcome the ticket's turn is still to come.
create table bulk_action_tickets (
    bulk_action_id uuid not null,
    ticket_id uuid not null,
    outcome text,
    code text,
    message text,
    details jsonb,
    settled_at timestamptz,
    constraint bulk_action_tickets_pkey primary key (bulk_action_id, ticket_id),
    constraint bulk_action_tickets_bulk_action_id_fkey foreign key (bulk_action_id) references bulk_actions (id),
    constraint bulk_action_tickets_outcome_known check (outcome in ('done', 'unchanged', 'refused')),
    constraint bulk_action_tickets_settled_has_time check ((outcome is null) = (settled_at is null)),
    constraint bulk_action_tickets_refused_has_reason check (
        (coalesce(outcome, '') = 'refused') = (code is not null and message is not null)
    )
);
-- What is left to do, and the refused among thousands.
create index bulk_action_tickets_waiting_idx on bulk_action_tickets (bulk_action_id, ticket_id) where outcome is null;
create index bulk_action_tickets_outcome_idx on bulk_action_tickets (bulk_action_id, outcome, ticket_id)
where outcome is not null;

-- The statuses as boards and lists show them. The eleven of the status machine stand first; what is added is a label
-- beneath or beside them (a word of the CRM, a column of a board): a ticket's status is always one of the eleven.
create table ticket_statuses (
    id uuid not null default uuidv7(),
    code text not null,
    name text not null,
    description text,
    parent_id uuid,
    color text not null default '#6b7280',
    icon text not null default 'circle',
    display_order integer not null default 1000,
    is_active boolean not null default true,
    qcontact_status text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint ticket_statuses_pkey primary key (id),
    constraint ticket_statuses_code_key unique (code),
    constraint ticket_statuses_parent_id_fkey foreign key (parent_id) references ticket_statuses (id),
    constraint ticket_statuses_code_format check (code ~ '^[a-z][a-z0-9_]{0,49}$'),
    constraint ticket_statuses_name_not_blank check (name ~ '\S'),
    constraint ticket_statuses_color_hex check (color ~ '^#[0-9a-fA-F]{6}$'),
    constraint ticket_statuses_icon_not_blank check (icon ~ '\S'),
    constraint ticket_statuses_display_order_positive check (display_order >= 0)
);
create index ticket_statuses_parent_id_idx on ticket_statuses (parent_id) where parent_id is not null;
create index ticket_statuses_display_order_idx on ticket_statuses (display_order, code);
insert into ticket_statuses (code, name, description, color, icon, display_order, qcontact_status) values
('open', 'Open', 'Reported, and given to nobody yet', '#3b82f6', 'inbox', 10, 'Open'),
('assigned', 'Assigned', 'Given to a person, a company or a team', '#6366f1', 'user-check', 20, 'Assigned'),
('in_progress', 'In progress', 'Being worked on', '#f59e0b', 'wrench', 30, 'InProgress'),
('pending_qa', 'Waiting for QA', 'Work done on site, waiting for QA', '#8b5cf6', 'hourglass', 40, 'InReview'),
('qa_in_progress', 'In QA', 'QA looks at it', '#a855f7', 'search-check', 50, 'InReview'),
('qa_rejected', 'Rejected by QA', 'Sent back with a reason', '#ef4444', 'x-circle', 60, 'InProgress'),
('qa_approved', 'Approved by QA', 'Passed, or passed on conditions', '#10b981', 'check-circle', 70, 'Reviewed'),
('pending_handover', 'Waiting for handover', 'To be handed to maintenance', '#14b8a6', 'package', 80, 'Reviewed'),
('handed_to_maintenance', 'With maintenance', 'Handed over with a snapshot', '#0ea5e9', 'shield', 90, 'Solved'),
('closed', 'Closed', 'Finished', '#22c55e', 'archive', 100, 'Solved'),
('cancelled', 'Cancelled', 'Not to be done', '#9ca3af', 'ban', 110, 'Solved');

-- People are picked out of a list by name; companies, teams and projects have such an index with their unique names.
create index users_name_idx on users (lower(name), id);
