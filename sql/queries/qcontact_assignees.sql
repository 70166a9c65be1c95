-- name: list_assignees(after, row_limit)
-- Reads who of ours has a record in the CRM, newest first; run it unprepared.
select
    a.id,
    case
        when a.user_id is not null then 'user'
        when a.contractor_id is not null then 'contractor'
        else 'team'
    end as type,
    coalesce(a.user_id, a.contractor_id, a.team_id) as assignee_id,
    coalesce(u.name, c.name, t.name) as name,
    a.qcontact_id,
    a.set_at,
    a.set_by_name
from qcontact_assignees as a
left join users as u on a.user_id = u.id
left join contractors as c on a.contractor_id = c.id
left join teams as t on a.team_id = t.id
where :after::uuid is null or a.id < :after::uuid
order by a.id desc
limit :row_limit::bigint;

-- name: put_assignee(user_id, contractor_id, team_id, qcontact_id, set_by_name, now)!
-- Notes the record id there of the one of ours that is given.
merge into qcontact_assignees as a
using (
    select
        :user_id::uuid as user_id,
        :contractor_id::uuid as contractor_id,
        :team_id::uuid as team_id
) as given
    on a.user_id = given.user_id or a.contractor_id = given.contractor_id or a.team_id = given.team_id
when matched then
    update set qcontact_id = :qcontact_id::text, set_by_name = :set_by_name::text, set_at = :now::timestamptz
when not matched then
    insert (user_id, contractor_id, team_id, qcontact_id, set_by_name, set_at)
    values (
        given.user_id, given.contractor_id, given.team_id, :qcontact_id::text, :set_by_name::text, :now::timestamptz
    );

-- name: delete_assignee(user_id, contractor_id, team_id)!
-- Forgets the record id there of the one of ours that is given.
delete from qcontact_assignees
where user_id = :user_id::uuid or contractor_id = :contractor_id::uuid or team_id = :team_id::uuid;
