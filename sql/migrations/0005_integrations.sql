-- What went to and came from the outside: the CRM and WhatsApp.

create table qcontact_sync_log (
    id uuid not null default uuidv7(),
    run_id uuid,
    ticket_id uuid,
    qcontact_ticket_id text,
    sync_direction text not null,
    sync_type text not null,
    status text not null,
    request_payload jsonb,
    response_payload jsonb,
    -- Values that differ and could not be applied: [{field, ours, theirs, reason}].
    conflicts jsonb,
    error_code text,
    error_message text,
    duration_ms integer,
    synced_at timestamptz not null default now(),
    constraint qcontact_sync_log_pkey primary key (id),
    constraint qcontact_sync_log_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint qcontact_sync_log_sync_direction_known check (sync_direction in ('inbound', 'outbound')),
    constraint qcontact_sync_log_sync_type_known check (
        sync_type in ('create', 'status_update', 'assignment', 'note_add', 'full_sync')
    ),
    constraint qcontact_sync_log_status_known check (status in ('success', 'failed', 'partial')),
    constraint qcontact_sync_log_failed_has_reason check (status <> 'failed' or error_message is not null),
    constraint qcontact_sync_log_duration_ms_positive check (duration_ms >= 0)
);
create index qcontact_sync_log_synced_at_idx on qcontact_sync_log (synced_at desc, id desc);
create index qcontact_sync_log_ticket_id_idx on qcontact_sync_log (ticket_id, synced_at desc) where ticket_id is not null;
create index qcontact_sync_log_qcontact_ticket_id_idx on qcontact_sync_log (qcontact_ticket_id, synced_at desc)
where qcontact_ticket_id is not null;
create index qcontact_sync_log_run_id_idx on qcontact_sync_log (run_id) where run_id is not null;

-- How far a message got; acknowledgements come doubled and out of order, and never take a message back.
create function notification_status_allows(old_status text, new_status text) returns boolean
language sql immutable parallel safe
as $$
    select case old_status
        when 'pending' then new_status in ('sent', 'delivered', 'read', 'failed')
        when 'sent' then new_status in ('delivered', 'read', 'failed')
        when 'delivered' then new_status = 'read'
        when 'failed' then new_status in ('pending', 'sent', 'delivered', 'read')
        else false
    end
$$;

create table whatsapp_notifications (
    id uuid not null default uuidv7(),
    ticket_id uuid,
    recipient_type text not null,
    recipient_phone text not null,
    recipient_name text,
    recipient_user_id uuid,
    message_template text,
    template_variables jsonb not null default '{}',
    message_content text not null,
    status text not null default 'pending',
    -- The whole id as the gateway gave it, and the part of it that acknowledgements share.
    waha_message_id text,
    waha_stanza_id text,
    -- One notice per template, person and ticket within five minutes.
    dedupe_key text,
    retry_count integer not null default 0,
    error_code text,
    error_message text,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint whatsapp_notifications_pkey primary key (id),
    constraint whatsapp_notifications_ticket_id_fkey foreign key (ticket_id) references tickets (id),
    constraint whatsapp_notifications_recipient_user_id_fkey foreign key (recipient_user_id) references users (id),
    constraint whatsapp_notifications_created_by_fkey foreign key (created_by) references users (id),
    constraint whatsapp_notifications_dedupe_key_key unique (dedupe_key),
    constraint whatsapp_notifications_recipient_type_known check (
        recipient_type in ('contractor', 'technician', 'client', 'team')
    ),
    constraint whatsapp_notifications_recipient_phone_e164 check (recipient_phone ~ '^\+[1-9][0-9]{6,14}$'),
    constraint whatsapp_notifications_message_template_known check (
        message_template in (
            'ticket_assigned', 'qa_rejected', 'qa_approved', 'ticket_closed', 'sla_warning', 'risk_expiring',
            'escalation_created', 'handover_complete'
        )
    ),
    constraint whatsapp_notifications_template_variables_object check (jsonb_typeof(template_variables) = 'object'),
    constraint whatsapp_notifications_message_content_not_blank check (message_content ~ '\S'),
    constraint whatsapp_notifications_status_known check (
        status in ('pending', 'sent', 'delivered', 'read', 'failed')
    ),
    constraint whatsapp_notifications_retry_count_positive check (retry_count >= 0),
    constraint whatsapp_notifications_sent_has_time check (
        status not in ('sent', 'delivered', 'read') or sent_at is not null
    ),
    constraint whatsapp_notifications_delivered_has_time check (status <> 'delivered' or delivered_at is not null),
    constraint whatsapp_notifications_read_has_time check (status <> 'read' or read_at is not null),
    constraint whatsapp_notifications_failed_has_reason check (
        status <> 'failed' or (failed_at is not null and error_message is not null)
    )
);
create index whatsapp_notifications_ticket_id_idx on whatsapp_notifications (ticket_id, created_at desc)
where ticket_id is not null;
create index whatsapp_notifications_recipient_phone_idx on whatsapp_notifications (recipient_phone, created_at desc);
create index whatsapp_notifications_created_at_idx on whatsapp_notifications (created_at desc, id desc);
create index whatsapp_notifications_unfinished_idx on whatsapp_notifications (status, created_at)
where status in ('pending', 'sent', 'failed');
create index whatsapp_notifications_waha_stanza_id_idx on whatsapp_notifications (waha_stanza_id)
where waha_stanza_id is not null;

create function refuse_notification_move() returns trigger
language plpgsql
as $$
begin
    raise exception 'a notice that is % cannot become %', old.status, new.status
        using errcode = 'TK001', constraint = 'whatsapp_notifications_never_back', table = 'whatsapp_notifications';
end
$$;
create trigger whatsapp_notifications_never_back
before update of status on whatsapp_notifications
for each row
when (old.status is distinct from new.status and not notification_status_allows(old.status, new.status))
execute function refuse_notification_move();
