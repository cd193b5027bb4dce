-- Forgetting a person: first everybody stops knowing the person, in one transaction; then what was known is deleted, piece
-- by piece, each piece in a transaction of its own.

-- Forget a person (oxy_ai.records.Recipient), as `who` asks. Returns oxy_ai.erasures.records.Begun.
create or replace function erase_contact(organization uuid, instance uuid, person jsonb, request uuid, who text) returns jsonb
language plpgsql
as $$
declare
    known bigint[];
    refusal text;
    e erasures;
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    known := conversations_of(organization, instance, person);
    refusal := why_not_erased(organization, instance, person, known);
    if refusal is not null then
        return jsonb_build_object('refusal', refusal);
    end if;
    insert into erasures (organization_id, id, instance_id, contacts, conversations, digests, person, asked_by)
    select organization, request, instance, p.contacts, known, p.digests, to_jsonb(p) - 'contacts' - 'digests', who
    from person_known(organization, instance, person, known) p
    returning * into e;
    insert into erased_addresses (organization_id, instance_id, digest, erasure_id, erased_at)
    select organization, instance, d, request, e.made_at from unnest(e.digests) d
    on conflict (instance_id, digest) do update set erasure_id = excluded.erasure_id, erased_at = excluded.erased_at;
    e := stop_telling(e);
    perform detach(e);
    perform queue_erasure(organization, instance, request);
    return jsonb_build_object('erasure', request);
end $$;

-- All conversations of a person, also those that were merged.
create or replace function conversations_of(organization uuid, instance uuid, person jsonb) returns bigint[]
language sql stable
as $$
    with recursive named as (
        select v.id from conversations v
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where v.organization_id = organization and v.instance_id = instance and c.phone_key = person ->> 'phone_key'
        union select conversation_at(instance, person ->> 'chat')
    ), same (id) as (
        select kept_conversation(organization, n.id) from named n
        union select v.id from same s join conversations v on v.organization_id = organization and v.merged_into = s.id
    )
    select coalesce(array_agg(s.id order by s.id), '{}') from same s where s.id is not null
$$;

-- Why a person is not forgotten; null: nothing is in the way (oxy_ai.erasures.records.EraseRefusal).
create or replace function why_not_erased(organization uuid, instance uuid, person jsonb, known bigint[]) returns text
language plpgsql stable
as $$
begin
    return (
        select case
            when person ->> 'self_chat' = 'true' or person ->> 'phone_key' = any (i.owner_keys)
                or person ->> 'chat' = any (i.owner_keys) or exists (
                    select from conversations v
                    join contacts c on c.organization_id = organization and c.id = v.contact_id
                    where v.organization_id = organization and v.id = any (known)
                        and (v.self_chat or is_owner_of(i, c.phone_key, v.id))
                ) then 'owner'
            when known = '{}' then 'unknown'
            when exists (
                select from private_numbers p
                where p.organization_id = organization and p.phone_key = person ->> 'phone_key'
            ) then 'listed'
            when position(person ->> 'phone' in i.applied::text || i.settings::text) > 0 then 'named'
        end
        from instances i where i.organization_id = organization and i.id = instance
    );
end $$;

-- What is known to be the person's: oxy_ai.erasures.records.Person, with its contacts and the digests of its addresses.
create or replace function person_known(
    organization uuid, instance uuid, person jsonb, known bigint[],
    out contacts bigint[], out addresses text[], out names text[], out digests text[]
)
language sql stable
as $$
    with people as (
        select c.* from conversations v
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where v.organization_id = organization and v.id = any (known)
    ), found (jid) as (
        select a.jid from chat_alias a where a.conversation_id = any (known)
        union select n.old from number_changes n where n.organization_id = organization and n.conversation_id = any (known)
        union select v.chat from conversations v where v.organization_id = organization and v.id = any (known)
        union select ltrim(p.phone, '+') || '@s.whatsapp.net' from people p where p.phone is not null
        union select person ->> 'chat'
    )
    select (select array_agg(p.id order by p.id) from people p), array_agg(f.jid order by f.jid),
        (select coalesce(array_agg(distinct p.name) filter (where p.name is not null), '{}') from people p),
        array_agg(distinct person_digest(instance, f.jid))
    from found f where is_personal(f.jid) and not is_anothers(organization, instance, f.jid, known)
$$;

-- Whether an address, which a person has given up, is somebody else's by now: operators give numbers out again.
create or replace function is_anothers(organization uuid, instance uuid, address text, known bigint[]) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from chat_alias a
        where a.organization_id = organization and a.instance_id = instance
            and a.jid = address and a.conversation_id <> all (known)
    );
end $$;

-- Nobody finds the person from here on: whoever writes from these addresses is a new contact. A turn that is under way has
-- lost its fence, and nothing more is sent.
create or replace function detach(e erasures) returns void
language plpgsql
as $$
begin
    perform from conversations v where v.organization_id = e.organization_id and v.id = any (e.conversations)
    order by v.id for update;
    update outbox set state = 'withheld', error = 'Erased', closed_at = clock_timestamp()
    where organization_id = e.organization_id and conversation_id = any (e.conversations) and state in ('pending', 'held');
    perform withdraw_text(o.organization_id, o.id, 'Erased') from outbox o
    where o.organization_id = e.organization_id and o.conversation_id = any (e.conversations) and o.state = 'accepted';
    update messages set state = 'ignored', reason = 'erased', settled_at = clock_timestamp()
    where organization_id = e.organization_id and conversation_id = any (e.conversations) and state = 'open';
    update turns set state = 'dropped', finished_at = clock_timestamp()
    where organization_id = e.organization_id and conversation_id = any (e.conversations) and state in ('open', 'dead');
    delete from hand_overs where organization_id = e.organization_id and conversation_id = any (e.conversations);
    delete from chat_alias where organization_id = e.organization_id and conversation_id = any (e.conversations);
    delete from number_changes where organization_id = e.organization_id and conversation_id = any (e.conversations);
    update conversations
    set chat = 'erased', place = default, pending_since = null,
        media_until = null, urgent = null, turn_id = null, due_at = null, lease_until = null, fence = fence + 1,
        claims = 0, human_until = null, human_since = null, human_reason = null, human_span = null, handed_back = null,
        exchanges = null, proposal_id = null, introduced_by = null, asked_at = null
    where organization_id = e.organization_id and id = any (e.conversations);
    update contacts
    set phone = null, phone_key = null, name = null, private = false, opt_out = null, opt_out_place = null,
        opt_out_unconfirmed = false, facts_version = facts_version + 1
    where organization_id = e.organization_id and id = any (e.contacts);
end $$;

-- What owners were told, or are to be told, of the person: the notices go. A text that tells of nobody else is not sent any
-- more; what the others say is deleted once they are sent (forget_told).
create or replace function stop_telling(e erasures) returns erasures
language plpgsql
as $$
declare
    about bigint[] := array(
        select n.id from owner_notices n
        where n.organization_id = e.organization_id and n.instance_id = e.instance_id
            and conversation_about(e.organization_id, n.reference) = any (e.conversations)
    );
begin
    update erasures f set told = array(
        select distinct n.outbox_id from owner_notices n
        where n.organization_id = e.organization_id and n.id = any (about) and n.outbox_id is not null
    ) where f.organization_id = e.organization_id and f.id = e.id returning * into e;
    delete from owner_notices n where n.organization_id = e.organization_id and n.id = any (about);
    perform unqueue_notices(about);
    update outbox o set state = 'withheld', error = 'Erased', closed_at = clock_timestamp()
    where o.organization_id = e.organization_id and o.id = any (e.told) and o.state = 'pending' and not exists (
        select from owner_notices n where n.organization_id = e.organization_id and n.outbox_id = o.id
    );
    return e;
end $$;
