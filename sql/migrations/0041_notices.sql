-- Notices: when each may go out, who held it back, the same one said once in five minutes, and what we know of contacts.
-- depends: previous

-- The same notice may be said again after five minutes, so no plain unique key can hold this rule: the window belongs to
-- it. A range over the key's hash makes the comparison of keys one that ranges, and so an exclusion, can make.
alter table whatsapp_notifications drop constraint whatsapp_notifications_dedupe_key_key;
alter table whatsapp_notifications add column dedupe_window tstzrange;
alter table whatsapp_notifications add constraint whatsapp_notifications_said_once exclude using gist (
    int8range(hashtextextended(dedupe_key, 0) >> 1, hashtextextended(dedupe_key, 0) >> 1, '[]') with &&,
    dedupe_window with &&
) where (dedupe_key is not null);
alter table whatsapp_notifications add constraint whatsapp_notifications_dedupe_whole check (
    (dedupe_key is null) = (dedupe_window is null)
);

-- The start that was given to a notice: no earlier than quiet hours and the contact's caps allow.
alter table whatsapp_notifications add column not_before timestamptz not null default now();
create index whatsapp_notifications_slots_idx on whatsapp_notifications (recipient_phone, not_before);
create index whatsapp_notifications_sent_at_idx on whatsapp_notifications (sent_at) where sent_at is not null;

-- A notice that somebody held back stays where it is until somebody lets it go.
alter table whatsapp_notifications add column held_at timestamptz;
alter table whatsapp_notifications add column held_by uuid references users (id);
alter table whatsapp_notifications add column held_by_name text;
alter table whatsapp_notifications add column hold_reason text;
alter table whatsapp_notifications add constraint whatsapp_notifications_hold_whole check (
    (held_at is null and held_by_name is null and hold_reason is null)
    or (held_at is not null and held_by_name is not null and hold_reason is not null and hold_reason ~ '\S')
);
create index whatsapp_notifications_held_idx on whatsapp_notifications (created_at desc, id desc) where held_at is not null;

-- The event that a notice tells of, and who asked for one that tells of none.
alter table whatsapp_notifications add column cause text;

-- A telephone as WhatsApp knows it, whether it wants to hear from us, and what it last wrote about.
create table whatsapp_contacts (
    phone text not null,
    -- Where to send to, as the gateway said when it was asked whether the number is there.
    chat_id text,
    exists_on_whatsapp boolean,
    checked_at timestamptz,
    opted_out_at timestamptz,
    opted_out_by uuid,
    opted_out_reason text,
    last_inbound_at timestamptz,
    last_dr_number text,
    last_dr_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint whatsapp_contacts_pkey primary key (phone),
    constraint whatsapp_contacts_opted_out_by_fkey foreign key (opted_out_by) references users (id),
    constraint whatsapp_contacts_phone_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint whatsapp_contacts_checked_whole check ((exists_on_whatsapp is null) = (checked_at is null)),
    constraint whatsapp_contacts_opt_out_whole check (
        (opted_out_at is null and opted_out_reason is null)
        or (opted_out_at is not null and opted_out_reason is not null and opted_out_reason ~ '\S')
    ),
    constraint whatsapp_contacts_last_dr_whole check ((last_dr_number is null) = (last_dr_at is null))
);
create index whatsapp_contacts_chat_id_idx on whatsapp_contacts (chat_id) where chat_id is not null;
create index whatsapp_contacts_opted_out_idx on whatsapp_contacts (opted_out_at desc, phone) where opted_out_at is not null;
create index whatsapp_contacts_updated_at_idx on whatsapp_contacts (updated_at desc, phone);
