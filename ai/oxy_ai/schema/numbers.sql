-- Contacts who keep their account under another number, as WhatsApp tells. They stay one customer. A number is given to
-- somebody else some time after it was given up, so an address counts by when a message came: until the change, the old one
-- is this customer's; from then on, nobody's.

-- A contact has changed its number: the body of the report is oxy_core.report_bodies.NumberChanged. Returns when the
-- conversation is due, unless a worker holds it.
create or replace function change_number(item jsonb) returns timestamptz
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    said jsonb := item -> 'report' -> 'body';
    at place := place_of_report(item);
    v conversations;
    others bigint[];
begin
    select * into v from conversations c
    where c.organization_id = organization
        and c.id = coalesce(conversation_at(instance, said ->> 'old_lid'), conversation_at(instance, said ->> 'old'))
    for no key update;
    others := array(
        select distinct a.conversation_id from chat_alias a
        where a.instance_id = instance and a.jid in (said ->> 'new', said ->> 'new_lid') and a.conversation_id <> v.id
    );
    if v.id is null or not may_change_number(v, others, said, item ->> 'phone_key', at) then
        return null;
    end if;
    perform merge_conversations(organization, v.id, o) from unnest(others) o;
    perform move_addresses(v, said, at);
    update contacts set phone = item ->> 'phone', phone_key = item ->> 'phone_key'
    where organization_id = organization and id = v.contact_id;
    return (
        select c.due_at from conversations c
        where c.organization_id = organization and c.id = v.id and c.lease_until is null
    );
end $$;

-- Whether a change may be carried out: no owner of the business takes part, and nothing says that the new address is, or
-- was until then, another person's.
create or replace function may_change_number(
    v conversations, others bigint[], said jsonb, new_key text, at place
) returns boolean
language plpgsql stable
as $$
begin
    return is_personal(said ->> 'new') and not v.self_chat
        and not exists (
            select from messages m where m.conversation_id = any (others) and not m.place > at
        )
        and not exists (select from conversations c where c.id = any (others) and c.self_chat)
        and not exists (
            select from instances i join contacts c on c.organization_id = i.organization_id and c.id = v.contact_id
            where i.organization_id = v.organization_id and i.id = v.instance_id
                and (is_owner_of(i, c.phone_key, v.id) or is_owner_of(i, new_key, null)
                    or said ->> 'new_lid' = any (i.owner_keys))
        )
        and (
            select count(distinct h.jid) from (
                select a.jid from chat_alias a where a.conversation_id = any (others || v.id) and a.jid like '%@lid'
                union all select said ->> 'new_lid'
            ) h where h.jid <> coalesce(said ->> 'old_lid', '') or h.jid = said ->> 'new_lid'
        ) in (0, 1);
end $$;

-- Give a conversation the new addresses instead of the old ones; what is still to be sent goes there.
create or replace function move_addresses(v conversations, said jsonb, at place) returns void
language plpgsql
as $$
declare
    change record;
begin
    for change in
        select c.old, c.new from (values
            (said ->> 'old', said ->> 'new'), (said ->> 'old_lid', coalesce(said ->> 'new_lid', said ->> 'new'))
        ) c (old, new)
        where c.old <> said ->> 'new' and c.old is distinct from said ->> 'new_lid'
    loop
        delete from chat_alias where instance_id = v.instance_id and jid = change.old and conversation_id = v.id;
        insert into number_changes (organization_id, instance_id, old, place, conversation_id)
        values (v.organization_id, v.instance_id, change.old, at, v.id) on conflict do nothing;
        update conversations set chat = change.new
        where organization_id = v.organization_id and id = v.id and chat = change.old;
        update outbox set chat = change.new
        where conversation_id = v.id and chat = change.old and state = 'pending';
    end loop;
    perform add_addresses(v.organization_id, v.instance_id, v.id, array[said ->> 'new', said ->> 'new_lid']);
end $$;

-- The conversation of whoever had an address at `at` and gave it up later; null: nobody is known to.
create or replace function former_holder(organization uuid, instance uuid, address text, at place) returns bigint
language plpgsql stable
as $$
begin
    return kept_conversation(organization, (
        select n.conversation_id from number_changes n
        where n.instance_id = instance and n.old = address and n.place > at order by n.place limit 1
    ));
end $$;

-- Whether whoever has this conversation gave up an address before `at`.
create or replace function has_given_up(organization uuid, conversation bigint, address text, at place) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from number_changes n
        where n.organization_id = organization and n.old = address and n.place <= at
            and kept_conversation(organization, n.conversation_id) = conversation
    );
end $$;
