-- Under which of the timeline's types an event is shown and counted (wire contract, section 9). The list of a ticket's
-- activities filters by it and its summary counts by it: one place for both.
create function activity_type(event_type text, after jsonb) returns text
language sql immutable parallel safe
return case
    when event_type = 'ticket_status_changed' then 'status_change'
    when event_type = 'ticket_assigned' then 'assignment'
    when event_type = 'ticket_created' then 'system'
    when event_type = 'note_removed' then 'update'
    when after = '{}'::jsonb then 'system'
    else 'update'
end;
