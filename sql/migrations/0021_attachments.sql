-- Files of tickets: pictures in two sizes, uploads that go straight to storage, and the list of a ticket.

-- `thumbnail_key` is the picture for a phone, `preview_key` the one for a desk.
alter table ticket_attachments add column preview_key text;
alter table ticket_attachments add constraint ticket_attachments_preview_key_not_blank
check (preview_key ~ '\S') not valid;
alter table ticket_attachments validate constraint ticket_attachments_preview_key_not_blank;

-- The sweep asks of every stored file whether a row names it.
create index ticket_attachments_thumbnail_key_idx on ticket_attachments (thumbnail_key)
where thumbnail_key is not null;
create index ticket_attachments_preview_key_idx on ticket_attachments (preview_key) where preview_key is not null;

create index ticket_attachments_list_idx on ticket_attachments (ticket_id, uploaded_at desc, id desc)
where deleted_at is null;

-- A place in storage that somebody was given an address for. It becomes an attachment when what lies there has been
-- looked at; one that nothing came to is forgotten.
create table attachment_uploads (
    id uuid not null default uuidv7(),
    ticket_id uuid not null,
    step_number smallint,
    filename text not null,
    file_size bigint not null,
    file_sha256 text,
    is_evidence boolean,
    uploaded_by uuid,
    storage_key text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    attachment_id uuid,
    constraint attachment_uploads_pkey primary key (id),
    constraint attachment_uploads_storage_key_key unique (storage_key),
    constraint attachment_uploads_attachment_id_key unique (attachment_id),
    constraint attachment_uploads_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint attachment_uploads_step_fkey foreign key (ticket_id, step_number)
    references verification_steps (ticket_id, step_number),
    constraint attachment_uploads_uploaded_by_fkey foreign key (uploaded_by) references users (id),
    constraint attachment_uploads_attachment_id_fkey foreign key (attachment_id) references ticket_attachments (id),
    constraint attachment_uploads_filename_not_blank check (filename ~ '\S'),
    constraint attachment_uploads_storage_key_not_blank check (storage_key ~ '\S'),
    constraint attachment_uploads_file_size_range check (file_size between 1 and 10485760),
    constraint attachment_uploads_file_sha256_length check (file_sha256 ~ '^[0-9a-f]{64}$'),
    constraint attachment_uploads_expires_after_request check (expires_at > requested_at)
);
create index attachment_uploads_ticket_id_idx on attachment_uploads (ticket_id, step_number);
create index attachment_uploads_expires_at_idx on attachment_uploads (expires_at);
create index attachment_uploads_uploaded_by_idx on attachment_uploads (uploaded_by);
