-- What people write to us over WhatsApp, what became of it, and what a person has to decide.

create table inbound_messages (
    id uuid not null default uuidv7(),
    session text not null,
    -- The whole id as the gateway gave it, and the part of it that every form of it shares.
    message_id text not null,
    stanza_id text not null,
    chat_id text not null,
    -- Who wrote: the hidden or open id, and the telephone once it is known.
    sender_id text not null,
    sender_phone text,
    sender_name text,
    is_group boolean not null default false,
    body text not null,
    drop_numbers text[] not null default '{}',
    -- The drop that the message was taken to be about, named by itself or by what the sender wrote just before.
    dr_number text,
    sent_at timestamptz not null,
    received_at timestamptz not null,
    outcome text not null default 'pending',
    ticket_id uuid,
    note_id uuid,
    routed_at timestamptz,
    -- A picture or a document that came with it: fetched by a job, kept under the key until it belongs to a ticket.
    media_status text not null default 'none',
    media_url text,
    media_mime_type text,
    media_filename text,
    media_key text,
    media_error text,
    attachment_id uuid,
    constraint inbound_messages_pkey primary key (id),
    constraint inbound_messages_stanza_key unique (session, stanza_id),
    constraint inbound_messages_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint inbound_messages_note_id_fkey foreign key (note_id) references ticket_notes (id),
    constraint inbound_messages_attachment_id_fkey foreign key (attachment_id) references ticket_attachments (id),
    constraint inbound_messages_sender_phone_e164 check (sender_phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint inbound_messages_outcome_known check (
        outcome in ('pending', 'attached', 'triage', 'dismissed', 'opted_out', 'opted_in', 'ignored')
    ),
    constraint inbound_messages_attached_has_ticket check (outcome <> 'attached' or ticket_id is not null),
    constraint inbound_messages_media_status_known check (
        media_status in ('none', 'pending', 'stored', 'attached', 'refused', 'lost', 'forgotten')
    ),
    constraint inbound_messages_media_stored_has_key check (media_status <> 'stored' or media_key is not null),
    constraint inbound_messages_media_failed_has_reason check (
        media_status not in ('refused', 'lost') or coalesce(media_error, '') ~ '\S'
    )
);
-- What a sender wrote lately.
create index inbound_messages_sender_idx on inbound_messages (sender_id, sent_at desc);
create index inbound_messages_received_at_idx on inbound_messages (received_at desc, id desc);
create index inbound_messages_ticket_id_idx on inbound_messages (ticket_id) where ticket_id is not null;
create index inbound_messages_note_id_idx on inbound_messages (note_id) where note_id is not null;
create index inbound_messages_attachment_id_idx on inbound_messages (attachment_id) where attachment_id is not null;
create index inbound_messages_kept_media_idx on inbound_messages (media_key) where media_key is not null;

create table triage_items (
    id uuid not null default uuidv7(),
    message_id uuid not null,
    reason text not null,
    status text not null default 'open',
    created_at timestamptz not null,
    decided_at timestamptz,
    decided_by uuid,
    decided_by_name text,
    decision_reason text,
    ticket_id uuid,
    constraint triage_items_pkey primary key (id),
    constraint triage_items_message_id_key unique (message_id),
    constraint triage_items_message_id_fkey foreign key (message_id) references inbound_messages (id),
    constraint triage_items_decided_by_fkey foreign key (decided_by) references users (id),
    constraint triage_items_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint triage_items_reason_known check (
        reason in (
            'no_drop_number', 'several_drop_numbers', 'no_open_ticket', 'several_open_tickets', 'sender_unknown'
        )
    ),
    constraint triage_items_status_known check (status in ('open', 'attached', 'ticket_created', 'dismissed')),
    constraint triage_items_decided_whole check (
        (status = 'open') = (decided_at is null) and (decided_at is null) = (decided_by_name is null)
    ),
    constraint triage_items_ticket_when_attached check (
        (status in ('attached', 'ticket_created')) = (ticket_id is not null)
    )
);
-- The queue, the one that waits longest first; and what was decided.
create index triage_items_open_idx on triage_items (created_at, id) where status = 'open';
create index triage_items_created_at_idx on triage_items (created_at, id);
create index triage_items_ticket_id_idx on triage_items (ticket_id) where ticket_id is not null;
