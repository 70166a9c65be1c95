-- name: read_words(search)
-- Takes a search text apart by the rule by which the words of tickets are indexed, and tells of a word of letters which
-- words of tickets it stands for: those that begin with it and, from four letters on, those that hold it anywhere.
select
    entry.word,
    coalesce(holding.words, '{}') as words
from unnest(tsvector_to_array(ticket_document(null, null, :search, null, null))) as entry (word)
left join lateral (
    select array_agg(known.word) as words
    from (
        select distinct candidate.word
        from search_trigrams as candidate
        where
            candidate.trigram = substr(entry.word, greatest(1, (length(entry.word) - 1) / 2), 3)
            and strpos(candidate.word, entry.word) > 0
            and (length(entry.word) > 3 or starts_with(candidate.word, entry.word))
        order by candidate.word
        limit 301
    ) as known
) as holding on length(entry.word) between 3 and 40 and entry.word !~ '[^[:alpha:]]';

-- name: find_similar_words(words)
-- Finds the words of tickets that share the most trigrams with words that no ticket has, as pg_trgm measures it.
select
    wanted.word,
    near.word as candidate,
    near.similarity
from unnest(:words::text []) as wanted (word)
cross join lateral (
    select
        shared.word,
        shared.trigrams::double precision
        / (length(shared.word) + 1 + length(wanted.word) + 1 - shared.trigrams) as similarity
    from (
        select
            candidate.word,
            count(distinct candidate.trigram) as trigrams
        from search_trigrams as candidate
        where candidate.trigram = any(word_trigrams(wanted.word))
        group by candidate.word
    ) as shared
    order by similarity desc, shared.word
    limit 50
) as near
order by wanted.word, near.similarity desc, near.word;

-- name: find_matches(wanted, wanted_anew, ticket_uid, searched_dr, status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, after_at, after_id, most, row_limit, row_skip)
-- Finds the tickets that match, through the index: those with the very number first, then the newest. Counts them, no
-- further than `most` (null: all). Tickets that wait to be indexed are looked at themselves. One row at least.
-- What matches is a table of its own, so that the index is chosen however few are wanted of it; it is read no further.
with matching as materialized (
    select
        d.ticket_id as id,
        d.created_at
    from ticket_documents as d
    where d.document @@ :wanted::tsquery
    union all
    select
        n.id,
        n.created_at
    from tickets as n
    where
        n.id = any(array(select unnest(s.ticket_ids) from ticket_search_notes as s))
        and not exists (select 1 from ticket_documents as d where d.ticket_id = n.id)
        and ticket_document(n.ticket_uid, n.dr_number, n.title, n.description, n.address) @@ :wanted_anew::tsquery
),

found as materialized (
    select
        m.id,
        m.created_at,
        coalesce(t.ticket_uid = :ticket_uid::text or t.dr_number = :searched_dr::text, false) as is_pinned
    from matching as m
    -- A ticket is always there; a left join is one that the planner can leave out where nothing is asked of it.
    left join tickets as t on m.id = t.id
    where
        (:status::text is null or t.status = :status::text)
        and (:ticket_type::text is null or t.ticket_type = :ticket_type::text)
        and (:priority::text is null or t.priority = :priority::text)
        and (:source::text is null or t.source = :source::text)
        and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
        and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (:dr_number::text is null or t.dr_number = :dr_number::text)
        and (:qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
        and (:sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
    limit :most::bigint
)

select
    counted.total,
    page.id
from (select count(*) as total from found) as counted
left join lateral (
    select
        f.id,
        f.created_at,
        f.is_pinned
    from found as f
    where
        :after_at::timestamptz is null
        or (f.is_pinned, f.created_at, f.id) < (
            coalesce(
                (
                    select p.ticket_uid = :ticket_uid::text or p.dr_number = :searched_dr::text
                    from tickets as p
                    where p.id = :after_id::uuid
                ),
                false
            ),
            :after_at::timestamptz,
            :after_id::uuid
        )
    order by f.is_pinned desc, f.created_at desc, f.id desc
    limit :row_limit::bigint offset :row_skip::bigint
) as page on true
order by page.is_pinned desc, page.created_at desc, page.id desc;

-- name: walk_matches(wanted, wanted_anew, ticket_uid, searched_dr, status, ticket_type, priority, source, assigned_to, assigned_team_id, project, dr_number, qa_ready, sla_breached, see_all, see_user, see_contractor, see_teams, after_at, after_id, look_at)
-- Looks at the newest `look_at` tickets that the filters leave, and tells which match, newest first, and how many it
-- looked at: where much matches, or the filters leave little, that is quicker than the index. One row at least.
with looked_at as materialized (
    select
        t.id,
        t.created_at,
        t.ticket_uid,
        t.dr_number,
        t.title,
        t.description,
        t.address
    from tickets as t
    where
        (:status::text is null or t.status = :status::text)
        and (:ticket_type::text is null or t.ticket_type = :ticket_type::text)
        and (:priority::text is null or t.priority = :priority::text)
        and (:source::text is null or t.source = :source::text)
        and (:assigned_to::uuid is null or t.assigned_to = :assigned_to::uuid)
        and (:assigned_team_id::uuid is null or t.assigned_team_id = :assigned_team_id::uuid)
        and (:project::uuid is null or t.project_id = :project::uuid)
        and (:dr_number::text is null or t.dr_number = :dr_number::text)
        and (:qa_ready::boolean is null or t.qa_ready = :qa_ready::boolean)
        and (:sla_breached::boolean is null or t.sla_breached = :sla_breached::boolean)
        and (
            :see_all::boolean
            or t.assigned_to = :see_user::uuid
            or t.assigned_contractor_id = :see_contractor::uuid
            or t.assigned_team_id = any(:see_teams::uuid [])
        )
        and (:after_at::timestamptz is null or (t.created_at, t.id) < (:after_at::timestamptz, :after_id::uuid))
    order by t.created_at desc, t.id desc
    limit :look_at::bigint
)

select
    counted.looked,
    matching.id,
    matching.created_at,
    matching.is_pinned
from (select count(*) as looked from looked_at) as counted
left join lateral (
    select
        l.id,
        l.created_at,
        coalesce(l.ticket_uid = :ticket_uid::text or l.dr_number = :searched_dr::text, false) as is_pinned
    -- Each looked up by its key: joined, the planner would at times rather read them all.
    from (
        select
            *,
            (select d.document from ticket_documents as d where d.ticket_id = looked_at.id) as document
        from looked_at
        offset 0
    ) as l
    where
        case
            when l.document is not null then l.document @@ :wanted::tsquery
            else
                ticket_document(l.ticket_uid, l.dr_number, l.title, l.description, l.address)
                @@ :wanted_anew::tsquery
        end
) as matching on true
order by matching.is_pinned desc, matching.created_at desc, matching.id desc;

-- name: take_notes(how_many)
-- Takes the oldest notes of tickets that wait to be indexed; others may take the rest at the same time.
select
    id,
    ticket_ids
from ticket_search_notes
order by id
limit :how_many::bigint
for update skip locked;

-- name: hold_tickets(ticket_ids)!
-- Waits for whoever is changing one of the tickets, and keeps everybody from it: what is indexed must be what is there.
select 1
from (
    select id
    from tickets
    where id = any(:ticket_ids::uuid [])
    order by id
    for share
) as held;

-- name: index_tickets(ticket_ids)!
-- Brings tickets into the index as they are.
select index_tickets(:ticket_ids::uuid []);

-- name: drop_notes(ids)!
-- Removes notes of tickets that are indexed now.
delete from ticket_search_notes
where id = any(:ids::bigint []);

-- name: merge_new_entries()$
-- Brings the entries that wait in the index's list into the index; tells how many pages they filled.
select gin_clean_pending_list('ticket_documents_document_idx') as pages;
