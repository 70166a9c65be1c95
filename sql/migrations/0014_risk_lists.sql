-- The order in which risk acceptances are listed: what needs attention first. One index serves the list, its filters by
-- status and by expiry, and its cursor.
create function risk_rank(status text) returns smallint
language sql immutable parallel safe
return case status
    when 'active' then 1::smallint
    when 'expired' then 2::smallint
    when 'escalated' then 3::smallint
    when 'resolved' then 4::smallint
end;

create index qa_risk_acceptances_list_idx on qa_risk_acceptances (
    risk_rank(status), coalesce(risk_expiry_date, 'infinity'::timestamptz), created_at desc, id desc
);

-- What the nightly sweep still has to escalate.
create index qa_risk_acceptances_expired_at_idx on qa_risk_acceptances (expired_at) where status = 'expired';
