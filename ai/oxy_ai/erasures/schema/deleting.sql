-- What was known of a person is deleted. Whose a row is, foreign keys tell: what refers to a contact or a conversation is
-- the person's, and what refers to one of its turns, messages and texts loses that reference, or goes if it has to have one.
-- A table whose rows have to stay without the person has a function forget_in_<table>(organization, contacts, conversations).

-- The columns that refer to people, before those that they refer to.
create or replace function person_columns()
returns table (referring regclass, key name, target regclass, is_optional boolean)
language sql stable
as $$
    with recursive links as (
        select c.conrelid, c.confrelid, a.attname, not a.attnotnull as is_optional
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
            and a.attname not in ('organization_id', 'instance_id')
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.conrelid <> c.confrelid
    ), heights (id, height) as (
        select l.conrelid, 0 from links l
        union select l.confrelid, h.height + 1 from heights h join links l on l.conrelid = h.id
    )
    select l.conrelid::regclass, l.attname, l.confrelid::regclass, l.is_optional
    from links l
    where l.confrelid::regclass::text = any ('{contacts,conversations,turns,messages,outbox}')
        and l.conrelid <> 'conversations'::regclass
    order by (select max(h.height) from heights h where h.id = l.conrelid), l.conrelid, l.attname
$$;

-- Delete some of what is known, at most `how_many` rows of each table. Returns how many rows there were; 0: nothing is left.
create or replace function forget_some(organization uuid, request uuid, how_many integer) returns bigint
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
    c record;
    found bigint;
    forgotten bigint := 0;
begin
    for c in select * from person_columns() loop
        found := forget_by(e, c.referring, c.key, c.target::text, c.is_optional, how_many);
        forgotten := forgotten + found;
        exit when found >= how_many and c.target::text = 'conversations';  -- others refer to what is left of these
    end loop;
    return note_found(e, forgotten);
end $$;

-- The erasure, which no other worker carries on before the end of the transaction.
create or replace function held_erasure(organization uuid, request uuid) returns erasures
language plpgsql
as $$
declare
    e erasures;
begin
    perform enter_org(organization);
    select * into e from erasures f where f.organization_id = organization and f.id = request for no key update;
    return e;
end $$;

-- The condition for a column that refers to `target`: of the organization $1, the contacts $2 and the conversations $3.
create or replace function whose_rows(target text) returns text
language sql immutable parallel safe
as $$
    select case target
        when 'contacts' then '= any ($2)' when 'conversations' then '= any ($3)'
        else format('in (select t.id from %I t where t.organization_id = $1 and t.conversation_id = any ($3))', target)
    end
$$;

-- Forget what refers to the person by one column; returns how many rows it deleted or changed.
create or replace function forget_by(
    e erasures, referring regclass, key name, target text, is_optional boolean, how_many integer
) returns bigint
language plpgsql
as $$
declare
    keeps text := format('forget_in_%s(uuid, bigint[], bigint[])', referring);
    change text := format('delete from %s', referring);
    forgotten bigint;
begin
    if target in ('contacts', 'conversations') and to_regprocedure(keeps) is not null then
        execute format('select forget_in_%s($1, $2, $3)', referring) using e.organization_id, e.contacts, e.conversations;
        return 0;
    elsif target not in ('contacts', 'conversations') and is_optional then
        change := format('update %s set %I = null', referring, key);
    end if;
    execute format(
        '%s where ctid = any (array(select r.ctid from %s r where r.organization_id = $1 and r.%I %s limit $4))',
        change, referring, key, whose_rows(target)
    ) using e.organization_id, e.contacts, e.conversations, how_many;
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

-- What models were asked stays, because it was paid for: without what a customer wanted.
create or replace function forget_in_ai_interactions(organization uuid, contacts bigint[], conversations bigint[]) returns void
language sql
as $$
    update ai_interactions a
    set turn_id = null, message_id = null, intent = null, intent_confidence = null, intent_method = null
    where a.organization_id = organization and a.conversation_id = any (conversations)
        and (a.turn_id is not null or a.message_id is not null or a.intent is not null)
$$;

-- Some files of the person, whose bytes are to be deleted before their rows: oxy_ai.erasures.records.PersonsFile.
create or replace function files_to_forget(organization uuid, request uuid, how_many integer) returns setof media
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
begin
    return query
    select f.* from files_of_person(organization, e.instance_id, e.conversations) f
    where f.state <> 'deleted' or f.message_id is not null or f.sha256 is not null limit how_many;
end $$;

-- The bytes of a file are gone: leave only that there was one, so that it is not stored when it arrives late.
create or replace function forget_file_row(organization uuid, instance uuid, file uuid) returns void
language plpgsql
as $$
begin
    perform enter_org(organization);
    delete from readings r where r.organization_id = organization and r.instance_id = instance and r.media_id = file;
    delete from media_chunks c where c.organization_id = organization and c.instance_id = instance and c.media_id = file;
    update media f
    set state = 'deleted', message_id = null, kind = null, mime = null, found_mime = null, name = null, size_bytes = null,
        sha256 = null, chunks = null, reason = null, location = null, settled_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.id = file;
    perform unqueue_file(instance, file);
    perform unqueue_reading(instance, file);
end $$;
