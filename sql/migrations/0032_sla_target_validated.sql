-- Checks the rows that were there before the rule, without keeping writers out meanwhile.
alter table tickets validate constraint tickets_sla_target_minutes_positive;
