-- Everything that is known of a person, as it is stored.

-- The person's own tables, each with the column that says whose a row is; what the person is comes first.
create or replace function person_tables() returns table (name text, key text, target text)
language sql stable
as $$
    select 'contacts', 'id', 'contacts'
    union all select 'conversations', 'contact_id', 'contacts'
    union all select * from (
        select distinct on (c.referring::text) c.referring::text, c.key::text, c.target::text from person_columns() c
        order by c.referring::text, c.target::text not in ('contacts', 'conversations'), c.is_optional, c.key
    ) found
$$;

-- The rows of one of these tables. `contacts` and `conversations` are the person's (person_known, conversations_of).
create or replace function rows_of_person(
    organization uuid, contacts bigint[], conversations bigint[], in_table text, key text, target text
) returns setof jsonb
language plpgsql stable
as $$
begin
    return query execute format(
        'select to_jsonb(r) - ''organization_id'' from %I r where r.organization_id = $1 and r.%I %s', in_table, key,
        whose_rows(target)
    ) using organization, contacts, conversations;
end $$;

-- The files of a person, received and sent; not that of a campaign, which is everybody's.
create or replace function files_of_person(organization uuid, instance uuid, conversations bigint[]) returns setof media
language sql stable
as $$
    select f.* from media f
    where f.organization_id = organization and f.instance_id = instance and f.id in (
        select n.id from media n join messages m on m.organization_id = organization and m.id = n.message_id
        where n.organization_id = organization and m.conversation_id = any (conversations)
        union all
        select (o.content ->> 'media_id')::uuid from outbox o
        where o.organization_id = organization and o.conversation_id = any (conversations)
            and o.content ->> 'media_id' is not null and o.reference is null
    )
    order by f.created_at, f.id
$$;

-- What the person wrote in groups.
create or replace function said_in_groups(organization uuid, instance uuid, digests text[]) returns setof messages
language sql stable
as $$
    select m.* from messages m
    where m.organization_id = organization and m.instance_id = instance and m.author = 'customer'
        and m.sender <> m.chat and person_digest(instance, m.sender) = any (digests)
$$;
