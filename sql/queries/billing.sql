-- name: summarise_billing(closed_from, closed_before, project, contractor, period, zone, see_all, see_user, see_contractor, see_teams, most)
-- Counts closed tickets by contractor, and by local period where one is asked for, with who pays: at most so many groups
-- (null: all), each with what all groups sum up to. Run it unprepared.
select
    counted.*,
    c.name as contractor_name,
    (sum(counted.tickets) over ())::bigint as all_tickets,
    (sum(counted.billable) over ())::bigint as all_billable,
    (sum(counted.not_billable) over ())::bigint as all_not_billable,
    (sum(counted.contractor_under_guarantee) over ())::bigint as all_contractor_under_guarantee,
    (sum(counted.client_out_of_guarantee) over ())::bigint as all_client_out_of_guarantee,
    (sum(counted.client_damage) over ())::bigint as all_client_damage,
    (sum(counted.third_party_damage) over ())::bigint as all_third_party_damage,
    (sum(counted.warranty_claim) over ())::bigint as all_warranty_claim,
    (sum(counted.free_of_charge) over ())::bigint as all_free_of_charge,
    (sum(counted.pending_classification) over ())::bigint as all_pending_classification
from (
    select
        t.assigned_contractor_id as contractor_id,
        case
            when :period::text is not null
                then date_trunc(:period::text, t.closed_at at time zone :zone::text)::date
        end as period,
        count(*) as tickets,
        count(*) filter (where t.is_billable) as billable,
        count(*) filter (where t.is_billable is not true) as not_billable,
        count(*) filter (where t.billing_classification = 'contractor_under_guarantee') as contractor_under_guarantee,
        count(*) filter (where t.billing_classification = 'client_out_of_guarantee') as client_out_of_guarantee,
        count(*) filter (where t.billing_classification = 'client_damage') as client_damage,
        count(*) filter (where t.billing_classification = 'third_party_damage') as third_party_damage,
        count(*) filter (where t.billing_classification = 'warranty_claim') as warranty_claim,
        count(*) filter (where t.billing_classification = 'free_of_charge') as free_of_charge,
        count(*) filter (
            where coalesce(t.billing_classification, 'pending_classification') = 'pending_classification'
        ) as pending_classification
    from tickets as t
    where
        t.closed_at is not null
        and t.closed_at >= :closed_from::timestamptz
        and (:closed_before::timestamptz is null or t.closed_at < :closed_before::timestamptz)
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (:contractor::uuid is null or t.assigned_contractor_id = :contractor::uuid)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
    group by 1, 2
) as counted
left join contractors as c on counted.contractor_id = c.id
order by counted.period asc nulls last, c.name asc nulls last, counted.contractor_id asc
limit :most::bigint;

-- name: list_billed(closed_from, closed_before, project, contractor, see_all, see_user, see_contractor, see_teams, after_at, after_id, row_limit)
-- Reads the tickets that summarise_billing counts, in the order of their closing. Run it unprepared.
select
    t.id,
    t.ticket_uid,
    t.external_id,
    t.title,
    t.ticket_type,
    t.dr_number,
    p.code as project_code,
    c.name as contractor_name,
    t.fault_cause,
    t.fault_cause_details,
    coalesce(t.installation_date, d.installed_on) as installed_on,
    t.guarantee_status,
    t.guarantee_expires_at,
    t.billing_classification,
    t.is_billable,
    o.reason as override_reason,
    o.overridden_by_name,
    t.closed_at
from tickets as t
left join drops as d on t.dr_number = d.dr_number
left join projects as p on t.project_id = p.id
left join contractors as c on t.assigned_contractor_id = c.id
left join guarantee_overrides as o on t.id = o.ticket_id
where
    t.closed_at is not null
    and t.closed_at >= :closed_from::timestamptz
    and (:closed_before::timestamptz is null or t.closed_at < :closed_before::timestamptz)
    and (:project::uuid is null or t.project_id = :project::uuid)
    and (:contractor::uuid is null or t.assigned_contractor_id = :contractor::uuid)
    and (
        :see_all::boolean
        or t.assigned_to = :see_user::uuid
        or t.assigned_contractor_id = :see_contractor::uuid
        or t.assigned_team_id = any(:see_teams::uuid [])
    )
    and (:after_at::timestamptz is null or (t.closed_at, t.id) > (:after_at::timestamptz, :after_id::uuid))
order by t.closed_at, t.id
limit :row_limit::bigint;
