-- name: list_statuses(include_inactive, parent_id)
-- Reads the statuses as boards and lists show them, in their order.
select
    id,
    code,
    name,
    description,
    parent_id,
    color,
    icon,
    display_order,
    is_active,
    qcontact_status
from ticket_statuses
where
    (is_active or :include_inactive::boolean)
    and (:parent_id::uuid is null or parent_id = :parent_id::uuid)
order by display_order, code;

-- name: insert_status(code, name, description, parent_id, color, icon, display_order, qcontact_status, now)^
-- Adds a label; no row if its code is taken.
insert into ticket_statuses (
    code, name, description, parent_id, color, icon, display_order, qcontact_status, created_at, updated_at
)
values (
    :code, :name, :description::text, :parent_id::uuid, :color, :icon, :display_order, :qcontact_status::text,
    :now::timestamptz, :now::timestamptz
)
on conflict (code) do nothing
returning id, code, name, description, parent_id, color, icon, display_order, is_active, qcontact_status;

-- name: has_status(id)$
-- Tells whether there is such a status.
select exists (select 1 from ticket_statuses where id = :id) as there;

-- name: count_statuses()$
-- Counts all statuses.
select count(*) from ticket_statuses;
