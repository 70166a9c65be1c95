-- Refusals of messages that were sent anew, and when a send last showed that a session is broken.

-- A person had the notice sent anew after WhatsApp refused this message: the refusal says nothing of the later send.
alter table whatsapp_stanzas add column superseded boolean not null default false;

-- What was confirmed after that shows that the session sends all the same.
alter table waha_sessions add column restart_wanted_at timestamptz;
update waha_sessions set restart_wanted_at = updated_at
where restart_wanted is not null;
alter table waha_sessions add constraint waha_sessions_restart_wanted_whole check (
    (restart_wanted is null) = (restart_wanted_at is null)
);
