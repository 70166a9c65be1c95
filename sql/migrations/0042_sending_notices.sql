-- Sending: how far each notice is on its way to the gateway, what the gateway's messages came to, and the sessions.
-- depends: previous

-- `unsent`: nothing is out. `sending`: the row says so before the call is made, so whoever finds it like this later knows
-- that the call may have been made. `unknown`: it was, and nobody knows with what outcome. `accepted`: the gateway took
-- it; WhatsApp has not confirmed it yet. How far the message got is `status`, which only proof moves.
alter table whatsapp_notifications add column sending text not null default 'unsent';
alter table whatsapp_notifications add column waha_session text;
alter table whatsapp_notifications add column chat_id text;
-- The id that was fetched beforehand, and with which the message is sent, the second time too.
alter table whatsapp_notifications add column planned_stanza_id text;
-- The start within the session's rate.
alter table whatsapp_notifications add column slot_at timestamptz;
-- How often the message may have been sent, and how often it may be: once more is for a notice that was looked for.
alter table whatsapp_notifications add column sends integer not null default 0;
alter table whatsapp_notifications add column sends_allowed integer not null default 2;
alter table whatsapp_notifications add column first_sending_at timestamptz;
alter table whatsapp_notifications add column sending_at timestamptz;
alter table whatsapp_notifications add column unknown_since timestamptz;
-- How often the chat was read since the last send without finding proof, and when it is to be read next.
alter table whatsapp_notifications add column looks integer not null default 0;
alter table whatsapp_notifications add column next_look_at timestamptz;

alter table whatsapp_notifications add constraint whatsapp_notifications_sending_known check (
    sending in ('unsent', 'sending', 'unknown', 'accepted')
);
alter table whatsapp_notifications add constraint whatsapp_notifications_sending_whole check (
    sending = 'unsent'
    or (
        sends > 0 and waha_session is not null and chat_id is not null
        and first_sending_at is not null and sending_at is not null
    )
);
alter table whatsapp_notifications add constraint whatsapp_notifications_unknown_has_time check (
    sending <> 'unknown' or unknown_since is not null
);
alter table whatsapp_notifications add constraint whatsapp_notifications_counts_positive check (
    sends >= 0 and sends_allowed >= 0 and looks >= 0
);

create index whatsapp_notifications_under_way_idx on whatsapp_notifications (id) where status = 'pending';
create index whatsapp_notifications_lane_idx on whatsapp_notifications (slot_at) where slot_at is not null;

-- A message of ours by the part of its id that everything shares. Confirmations may come before we know whose they are,
-- doubled and in any order: what is kept is the most that was ever confirmed, so that no order matters.
create table whatsapp_stanzas (
    session text not null,
    stanza_id text not null,
    notice_id uuid,
    level smallint not null default 0,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    refused_at timestamptz,
    refusal text,
    created_at timestamptz not null default now(),
    constraint whatsapp_stanzas_pkey primary key (session, stanza_id),
    constraint whatsapp_stanzas_notice_id_fkey foreign key (notice_id) references whatsapp_notifications (id),
    constraint whatsapp_stanzas_level_known check (level between 0 and 4),
    constraint whatsapp_stanzas_level_has_time check (
        (level >= 1) = (sent_at is not null) and (level >= 2) = (delivered_at is not null)
        and (level >= 3) = (read_at is not null)
    )
);
create index whatsapp_stanzas_notice_id_idx on whatsapp_stanzas (notice_id) where notice_id is not null;
create index whatsapp_stanzas_unbound_idx on whatsapp_stanzas (created_at) where notice_id is null;
create index whatsapp_stanzas_proven_idx on whatsapp_stanzas (session, sent_at desc)
where notice_id is not null and level >= 1;

-- The gateway's sessions as they were last seen, what was done about them, and what keeps notices back.
create table waha_sessions (
    session text not null,
    status text,
    status_at timestamptz,
    working_since timestamptz,
    engine text,
    version text,
    -- When the gateway's process began; another time means that it went down meanwhile.
    server_started_at timestamptz,
    checked_at timestamptz,
    -- The last restart that we asked for, and whether a send showed that one is needed.
    restarted_at timestamptz,
    restart_reason text,
    restart_wanted text,
    -- Held until the session works again: somebody has to see to it.
    alarmed_at timestamptz,
    alarm text,
    paused_until timestamptz,
    pause_reason text,
    -- WhatsApp lets the account write to nobody new until then.
    new_contacts_held_until timestamptz,
    new_contacts_reason text,
    updated_at timestamptz not null default now(),
    constraint waha_sessions_pkey primary key (session),
    constraint waha_sessions_status_has_time check ((status is null) = (status_at is null)),
    constraint waha_sessions_working_has_time check (status is distinct from 'WORKING' or working_since is not null),
    constraint waha_sessions_alarm_whole check ((alarmed_at is null) = (alarm is null)),
    constraint waha_sessions_pause_whole check ((paused_until is null) = (pause_reason is null)),
    constraint waha_sessions_new_contacts_whole check (
        (new_contacts_held_until is null) = (new_contacts_reason is null)
    ),
    constraint waha_sessions_restart_whole check ((restarted_at is null) = (restart_reason is null))
);
