-- Addresses of people who were forgotten: kept as digests, and looked for in what arrives.

-- An address without its device, and a Brazilian mobile without its ninth digit (oxy_core.identity.phone_key): one form for
-- all that reach one person.
create or replace function told_address(jid text) returns text
language sql immutable parallel safe
as $$
    select regexp_replace(
        regexp_replace(jid, '(\.\d+)?(:\d+)?@', '@'), '^(55\d\d)9([6-9]\d{7}@s\.whatsapp\.net)$', '\1\2'
    )
$$;

-- oxy_core.identity.person_digest computes the same.
create or replace function person_digest(salt uuid, jid text) returns text
language sql immutable parallel safe
as $$ select encode(sha256(uuid_send(salt) || convert_to(told_address(jid), 'UTF8')), 'hex') $$;

-- Whether a report is of a person who was forgotten, and of a time before. `item` is oxy_ai.records.InboundReport.
create or replace function is_of_erased(item jsonb) returns boolean
language plpgsql stable
as $$
declare
    instance uuid := item ->> 'instance';
    erased timestamptz;
begin
    if item -> 'report' -> 'body' ->> 'type' not in ('message', 'message_lost', 'number_changed')
        or not exists (select from erased_addresses e where e.instance_id = instance)  -- nearly always nobody was
    then
        return false;
    end if;
    erased := last_erased(instance, digests_in(instance, item -> 'report' -> 'body'));
    return erased is not null and erased > written_at(item) + clock_lag();
end $$;

-- The digests of all people whom the body of a report names by their addresses.
create or replace function digests_in(instance uuid, body jsonb) returns text[]
language sql immutable parallel safe
as $$
    select array_agg(person_digest(instance, a.jid))
    from unnest(array[
        body ->> 'chat', body ->> 'chat_alias', body ->> 'sender', body ->> 'old', body ->> 'new', body ->> 'old_lid',
        body ->> 'new_lid'
    ]) a (jid) where a.jid is not null
$$;

-- Whether what an account has reported `waited` seconds ago, and cannot be stored, is of a person who was forgotten since:
-- then it is kept nowhere. `addresses`: those that it names.
create or replace function is_unstorable_of_erased(sender text, addresses text[], waited double precision) returns boolean
language plpgsql
as $$
declare
    owner record;
    erased timestamptz;
begin
    select * into owner from owner_of_account(sender);
    if owner.organization is null then
        return false;
    end if;
    perform enter_org(owner.organization);
    erased := last_erased(owner.instance, array(select person_digest(owner.instance, a.jid) from unnest(addresses) a (jid)));
    return coalesce(erased > clock_timestamp() - make_interval(secs => waited) + clock_lag(), false);
end $$;

-- When one of these people was forgotten last; null: never.
create or replace function last_erased(instance uuid, digests text[]) returns timestamptz
language plpgsql stable
as $$
begin
    return (select max(e.erased_at) from erased_addresses e where e.instance_id = instance and e.digest = any (digests));
end $$;

-- When what a report is of was written, by our clock; what a person has published again, which counts as new, by WhatsApp's.
create or replace function written_at(item jsonb) returns timestamptz
language sql stable
as $$
    select case
        when (item ->> 'age_seconds')::double precision > 0
            then clock_timestamp() - make_interval(secs => (item ->> 'age_seconds')::double precision)
        else coalesce(item -> 'report' -> 'body' ->> 'sent_at', item -> 'report' ->> 'occurred_at')::timestamptz
    end
$$;

-- A file of a person who was forgotten is not kept, whether its chunks are announced before or after: who looks after files
-- deletes what the bus or the object store has of it.
create or replace function refuse_file(item jsonb) returns void
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    file uuid := item -> 'report' -> 'body' -> 'file' ->> 'id';
begin
    if file is null then
        return;
    end if;
    insert into media as f (organization_id, instance_id, id, direction, state, settled_at)
    values (organization, instance, file, 'in', 'deleted', clock_timestamp())
    on conflict (instance_id, id) do update
    set state = case f.state when 'stored' then f.state else 'deleted' end, found_mime = null, size_bytes = null,
        sha256 = null, chunks = null, reason = null, settled_at = excluded.settled_at,
        expired_at = case f.state when 'stored' then excluded.settled_at end
    where f.direction = 'in' and f.message_id is null;
    perform queue_file(organization, instance, file, item ->> 'account');
end $$;

-- Forget the addresses of an erasure; those that were erased again since are another's.
create or replace function forget_addresses(organization uuid, request uuid) returns void
language sql
as $$
    select enter_org(organization);
    delete from erased_addresses a where a.organization_id = organization and a.erasure_id = request;
    update erasures set digests = '{}' where organization_id = organization and id = request;
$$;
