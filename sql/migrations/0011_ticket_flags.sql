-- The two flags that lists of tickets filter by are true for few: without an index of its own such a list reads the whole
-- table to find them. Partial, so a ticket that is neither (as every new one) pays nothing.
create index tickets_qa_ready_idx on tickets (created_at desc, id desc) where qa_ready;
create index tickets_sla_breached_idx on tickets (created_at desc, id desc) where sla_breached;
