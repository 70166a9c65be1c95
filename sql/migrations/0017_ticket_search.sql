-- Search over tickets without any extension: an inverted index of their words, and a table of trigrams that finds words
-- which contain what was typed, or are spelt nearly like it.
--
-- An import writes 100,000 tickets in one job. Computing their words and bringing them into the index would cost it five
-- seconds; so a statement that writes many tickets only notes which, a job indexes them soon after, and until then a
-- search looks at the noted tickets themselves: it is right at any moment, only slower while there are many of them.

-- The words of a ticket in lower case, without accents and without signs. Of its number and its drop's number also the
-- ends from four digits on: a word is found by its beginning, so a part of a number is found as the beginning of an end.
-- No word is longer than 100 characters: nobody types it, and there is a limit beyond which the index takes none.
create function ticket_document(ticket_uid text, dr_number text, title text, description text, address text)
returns tsvector
language plpgsql immutable parallel safe
as $$
declare
    words text := lower(concat_ws(' ', title, description, address));
begin
    -- Three ways to the same, because the plain one is half the price of the others, and most texts are plain.
    if octet_length(words) <> length(words) then
        words := regexp_replace(normalize(words, nfkd), '[\u0300-\u036f]', '', 'g');
        words := regexp_replace(lower(words), '[^[:alnum:]]+', ' ', 'g');
    elsif words ~ '[^a-z0-9 ,.]' then
        words := regexp_replace(words, '[^a-z0-9 ]+', ' ', 'g');
    else
        words := replace(replace(words, ',', ' '), '.', ' ');
    end if;
    -- The number of FT900123 is looked for without its letters too.
    if words ~ '[a-z][0-9]{4}' then
        words := regexp_replace(words, '([a-z])([0-9]{4,})', '\1\2 \2', 'g');
    end if;
    if length(words) > 500 then
        select string_agg(left(word, 100), ' ') into words from unnest(string_to_array(words, ' ')) as word;
    end if;
    return concat_ws(
        ' ', words, lower(ticket_uid), substr(ticket_uid, 3), right(ticket_uid, 4), right(ticket_uid, 5),
        right(ticket_uid, 6), right(ticket_uid, 7), lower(dr_number), substr(dr_number, 3), right(dr_number, 4),
        right(dr_number, 5), right(dr_number, 6), right(lower(dr_number), 7)
    )::tsvector;
end
$$;

-- What a search looks through. The creation time of a ticket never changes; here it spares a search the ticket.
create table ticket_documents (
    ticket_id uuid not null,
    created_at timestamptz not null,
    document tsvector not null,
    constraint ticket_documents_pkey primary key (ticket_id),
    constraint ticket_documents_ticket_id_fkey foreign key (ticket_id) references tickets (id) not enforced
);
-- New entries wait in a list until a job brings them in; the limit only keeps a write from doing that by itself.
create index ticket_documents_document_idx on ticket_documents using gin (document)
with (fastupdate = on, gin_pending_list_limit = 32768);
-- The planner must know how common the common words are.
alter table ticket_documents alter column document set statistics 500;

-- The words of letters that tickets use, each under every three characters of it, two spaces before it and one after.
-- Not unique: writers of the same new word would wait for each other, and a word that is there twice does no harm.
create table search_trigrams (
    trigram text not null,
    word text not null
);
create index search_trigrams_idx on search_trigrams (trigram, word);

create function word_trigrams(word text) returns text []
language sql immutable parallel safe
return array(
    select distinct substr('  ' || word || ' ', start, 3) from generate_series(1, length(word) + 1) as start
);

-- Tickets that have no document yet: at most 1,000 a row.
create table ticket_search_notes (
    id bigint not null generated always as identity,
    ticket_ids uuid [] not null,
    constraint ticket_search_notes_pkey primary key (id)
);

-- Brings tickets into the index as they are. Whoever calls it holds the tickets, or has written them.
create function index_tickets(of_tickets uuid []) returns void
language plpgsql
as $$
begin
    with written as (
        insert into ticket_documents (ticket_id, created_at, document)
        select
            id, created_at, ticket_document(ticket_uid, dr_number, title, description, address)
        from tickets
        where id = any(of_tickets)
        on conflict (ticket_id) do update set document = excluded.document
        returning document
    ),

    used as (
        select distinct entry.word
        from written
        cross join lateral unnest(tsvector_to_array(written.document)) as entry (word)
        -- The numbers, which are most of the words, go by the cheapest question.
        where
            entry.word >= 'a' collate "C"
            and length(entry.word) between 3 and 40
            and entry.word !~ '[^[:alpha:]]'
    )

    insert into search_trigrams (trigram, word)
    select
        unnest(word_trigrams(used.word)), used.word
    from used
    where not exists (
        select 1
        from search_trigrams as known
        where known.trigram = '  ' || left(used.word, 1) and known.word = used.word
    );
end
$$;

-- Indexes few tickets at once, and only notes many. What is noted has no document: an outdated one would be found.
create function index_or_note_tickets(of_tickets uuid [], are_new boolean) returns void
language plpgsql
as $$
begin
    if cardinality(of_tickets) <= 200 then
        perform index_tickets(of_tickets);
        return;
    end if;
    insert into ticket_search_notes (ticket_ids)
    select of_tickets[start:start + 999] from generate_series(1, cardinality(of_tickets), 1000) as start;
    if not are_new then
        delete from ticket_documents where ticket_id = any(of_tickets);
    end if;
end
$$;

create function index_made_tickets() returns trigger
language plpgsql
as $$
begin
    perform index_or_note_tickets(array_agg(id), true) from made_tickets having count(*) > 0;
    return null;
end
$$;
create trigger tickets_made_searchable
after insert on tickets
referencing new table as made_tickets
for each statement
execute function index_made_tickets();

create function index_changed_tickets() returns trigger
language plpgsql
as $$
declare
    changed uuid [];
begin
    -- Planned anew each time: a plan for one row would join a thousand each with each.
    execute
        'select array_agg(n.id) from tickets_before as o inner join tickets_after as n on o.id = n.id'
        ' where (o.title, o.description, o.address, o.dr_number)'
        ' is distinct from (n.title, n.description, n.address, n.dr_number)'
    into changed;
    if changed is not null then
        perform index_or_note_tickets(changed, false);
    end if;
    return null;
end
$$;
create trigger tickets_changed_searchable
after update on tickets
referencing old table as tickets_before new table as tickets_after
for each statement
execute function index_changed_tickets();

-- What is there already waits for the job.
insert into ticket_search_notes (ticket_ids)
select array_agg(id)
from (select id, (row_number() over (order by id) - 1) / 1000 as part from tickets) as present
group by part;
