-- What others have written of a person: numbers and hidden addresses go from all texts of the instance, and of what belongs
-- to none; what owners and their assistant wrote goes as a whole, where it names the person. Other instances know the person
-- on their own.

-- The columns of the organization's tables in which a person may be named. Not those that say who somebody is: the person's
-- own are gone, and whoever has come back since is a new contact.
create or replace function columns_of_texts() returns table (name text, columns text[], has_instance boolean)
language sql stable
as $$
    select c.relname, array_agg(a.attname::text order by a.attnum), exists (
        select from pg_attribute i where i.attrelid = c.oid and i.attname = 'instance_id' and not i.attisdropped
    )
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('text'::regtype, 'jsonb'::regtype) and a.attgenerated = ''
        and a.attname <> all ('{phone,phone_key,jid,old,chat,sender}')
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relrowsecurity
        and c.relname <> all ('{organizations,instances,erasures,erased_addresses}')
    group by c.oid, c.relname order by c.relname
$$;

-- Remove a person's numbers and hidden addresses from the texts of one table; returns from how many rows. A number may be
-- written in any way, so it is replaced by a digit, which a document can hold wherever a number can stand.
create or replace function forget_mentions(organization uuid, request uuid, in_table text) returns bigint
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
    pattern text := pattern_of_numbers(e.person);
    forgotten bigint;
begin
    execute (
        select format(
            'update %I set %s where organization_id = $1%s and (%s)', in_table,
            string_agg(format('%1$I = regexp_replace(%1$I::text, $2, ''0'', ''g'')::%2$s', a.attname, a.atttypid::regtype), ', '),
            case when bool_and(t.has_instance) then ' and instance_id = $3' else '' end,
            string_agg(format('%I::text ~ $2', a.attname), ' or ')
        )
        from columns_of_texts() t, unnest(t.columns) n (name)
        join pg_attribute a on a.attrelid = in_table::regclass and a.attname = n.name
        where t.name = in_table
    ) using organization, pattern, e.instance_id;
    get diagnostics forgotten = row_count;
    return note_found(e, forgotten);
end $$;

-- A regular expression that finds the numbers and hidden addresses of a person, a number however its digits are separated
-- and, in Brazil, with or without the country's and the ninth one.
create or replace function pattern_of_numbers(person jsonb) returns text
language sql immutable parallel safe
as $$
    select string_agg('(?<!\d)' || case
        when a.jid like '%@lid' then t.told
        when t.told ~ '^55\d{10,11}$' then '(\+?5[\s().-]*5[\s().-]*)?0?' || spaced(substr(t.told, 3, 2)) || '[\s().-]*(9[\s().-]*)?'
            || spaced(substr(t.told, 5))
        else spaced(t.told)
    end || '(?!\d)', '|')
    from jsonb_array_elements_text(person -> 'addresses') a (jid), split_part(told_address(a.jid), '@', 1) t (told)
$$;

-- Digits, with whatever may stand between two of them.
create or replace function spaced(digits text) returns text
language sql immutable parallel safe
as $$ select array_to_string(regexp_split_to_array(digits, ''), '[\s().-]*') $$;

-- A regular expression that finds the names of a person as whole words; null: the person has none that tells.
create or replace function pattern_of_names(person jsonb, shortest integer) returns text
language sql immutable parallel safe
as $$
    select string_agg(
        case when n.name ~ '^\w' then '\m' else '' end || regexp_replace(n.name, '([^\w\s])', '\\\1', 'g')
            || case when n.name ~ '\w$' then '\M' else '' end, '|'
    )
    from jsonb_array_elements_text(person -> 'names') n (name) where length(n.name) >= shortest
$$;

-- The names of a person that tell of nobody and nothing else. People call themselves as they like, "Ana" as well as a service:
-- one word tells not if another contact or a service has it, or owners wrote it before the person was known; several ("Bom
-- dia") tell not if customers write them.
create or replace function telling_names(e erasures, owners bigint[], shortest integer) returns text[]
language plpgsql stable
as $$
begin
    return array(
        select n.name from jsonb_array_elements_text(e.person -> 'names') n (name)
        cross join lateral pattern_of_names(jsonb_build_object('names', array[n.name]), shortest) p (pattern)
        where erased_text() !~* p.pattern and case when btrim(n.name) ~ '\s' then not is_phrase(e, p.pattern) else not exists (
            select from contacts c
            where c.organization_id = e.organization_id and c.id <> all (e.contacts) and c.name ~* p.pattern
            union all select from services s where s.organization_id = e.organization_id and s.name ~* p.pattern
            union all select from messages m
            where m.organization_id = e.organization_id and m.conversation_id = any (owners) and m.body ~* p.pattern
                and m.arrived_at < (
                    select min(c.created_at) from contacts c
                    where c.organization_id = e.organization_id and c.id = any (e.contacts)
                )
        ) end
    );
end $$;

-- Whether several customers beside the person have written it; one of them may be somebody who knows the person.
create or replace function is_phrase(e erasures, pattern text) returns boolean
language plpgsql stable
as $$
begin
    return (
        select count(distinct m.conversation_id) > 1 from messages m
        where m.organization_id = e.organization_id and m.author = 'customer' and m.conversation_id <> all (e.conversations)
            and m.body ~* pattern
    );
end $$;

create or replace function conversations_of_owners(organization uuid) returns bigint[]
language sql stable
as $$
    select coalesce(array_agg(v.id), '{}') from conversations v
    join contacts c on c.organization_id = organization and c.id = v.contact_id
    join instances i on i.organization_id = organization and i.id = v.instance_id
    where v.organization_id = organization and (v.self_chat or is_owner_of(i, c.phone_key, v.id))
$$;

-- Of whoever was told as an owner, and may be none any more.
create or replace function conversations_told(e erasures) returns bigint[]
language sql stable
as $$
    select coalesce(array_agg(distinct o.conversation_id), '{}') from outbox o
    where o.organization_id = e.organization_id and o.id = any (e.told)
$$;

-- Whether a message is a text that has no result yet.
create or replace function is_on_its_way(m messages) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o
        where o.organization_id = m.organization_id and o.id = m.outbox_id and o.closed_at is null
    );
end $$;

-- What the person wrote in groups, and dead reports of the person, which no foreign key tells.
create or replace function forget_elsewhere(organization uuid, request uuid) returns bigint
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
    forgotten bigint;
begin
    with said as (
        delete from messages m
        where m.organization_id = organization
            and m.id in (select s.id from said_in_groups(organization, e.instance_id, e.digests) s)
            and m.arrived_at <= e.made_at
        returning 1
    ), named as (
        -- A group goes by the name of whoever wrote last.
        update contacts c set name = null
        from conversations v
        where v.organization_id = organization and v.instance_id = e.instance_id and not is_personal(v.chat)
            and c.organization_id = organization and c.id = v.contact_id and e.person -> 'names' ? c.name
        returning 1
    ), dead as (
        delete from dead_reports d
        where d.organization_id = organization and d.instance_id = e.instance_id and d.chat is not null
            and d.died_at <= e.made_at and person_digest(e.instance_id, d.chat) = any (e.digests)
        returning 1
    )
    select count(*) into forgotten from (table said union all table named union all table dead) f;
    return note_found(e, forgotten);
end $$;
