-- What the outside told us of its own accord: kept as it came before anybody is told that it arrived, worked on by a job.

create table webhook_receipts (
    id uuid not null default uuidv7(),
    source text not null,
    -- What the sender's repeats of one event have in common.
    event_key text not null,
    event text not null,
    -- The case, or the session, that it is about.
    subject text not null,
    body bytea not null,
    said_at timestamptz not null,
    received_at timestamptz not null,
    -- How often the same came again, and when last.
    repeats integer not null default 0,
    last_received_at timestamptz not null,
    processed_at timestamptz,
    outcome text,
    error text,
    constraint webhook_receipts_pkey primary key (id),
    constraint webhook_receipts_event_key_key unique (source, event_key),
    constraint webhook_receipts_source_known check (source in ('qcontact', 'waha')),
    constraint webhook_receipts_event_key_not_blank check (event_key ~ '\S'),
    constraint webhook_receipts_event_not_blank check (event ~ '\S'),
    constraint webhook_receipts_body_size check (octet_length(body) between 1 and 1048576),
    constraint webhook_receipts_repeats_positive check (repeats >= 0),
    constraint webhook_receipts_outcome_known check (outcome in ('applied', 'ignored', 'unusable')),
    constraint webhook_receipts_processed_whole check ((processed_at is null) = (outcome is null)),
    constraint webhook_receipts_unusable_has_reason check (outcome <> 'unusable' or coalesce(error, '') ~ '\S')
);
-- What may be forgotten, and what waits for longer than it should.
create index webhook_receipts_processed_at_idx on webhook_receipts (processed_at) where processed_at is not null;
create index webhook_receipts_waiting_idx on webhook_receipts (received_at) where processed_at is null;
