-- The conversation of a chat, created where there is none. `alias` is the chat's other address, if known: a phone
-- number and a hidden address (LID) of one person are one conversation.
create or replace function conversation_of(
    organization uuid, instance uuid, chat_jid text, alias text, contact_name text, self boolean
) returns bigint
language plpgsql
as $$
declare
    known bigint[];
    found_id bigint;
    contact bigint;
    number text := '+' || split_part(case when chat_jid like '%@s.whatsapp.net' then chat_jid
                                          when alias like '%@s.whatsapp.net' then alias end, '@', 1);
begin
    select array_agg(distinct a.conversation_id order by a.conversation_id) into known
    from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias);
    if known is null then
        insert into contacts (organization_id, instance_id, phone, name)
        values (organization, instance, number, contact_name) returning id into contact;
        insert into conversations (organization_id, instance_id, contact_id, chat, self_chat)
        values (organization, instance, contact, chat_jid, self) returning id into found_id;
    else
        found_id := known[1];
        if cardinality(known) > 1 then
            -- Keep the conversation of the hidden address: it is the one that WhatsApp does not change.
            select coalesce(min(a.conversation_id) filter (where a.jid like '%@lid'), known[1]) into found_id
            from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias);
            perform merge_conversations(organization, found_id, case when known[1] = found_id then known[2] else known[1] end);
        end if;
        update contacts c set phone = coalesce(c.phone, number), name = coalesce(contact_name, c.name)
        from conversations v
        where v.organization_id = organization and v.id = found_id
            and c.organization_id = organization and c.id = v.contact_id
            and (c.phone is null and number is not null or c.name is distinct from coalesce(contact_name, c.name));
    end if;
    insert into chat_alias (organization_id, instance_id, jid, conversation_id)
    select organization, instance, j, found_id from unnest(array[chat_jid, alias]) j where j is not null
    on conflict do nothing;
    return found_id;
end $$;

-- Move everything of the conversation `gone` into `kept`: both turned out to be one chat. The gone one's pending
-- messages are appended to the kept one's; a turn in flight loses its fence and is answered as part of the kept one.
create or replace function merge_conversations(organization uuid, kept bigint, gone bigint) returns void
language plpgsql
as $$
declare
    target conversations%rowtype;
    source conversations%rowtype;
begin
    perform 1 from conversations c where c.organization_id = organization and c.id in (kept, gone)
    order by c.id for no key update;
    select * into target from conversations c where c.organization_id = organization and c.id = kept;
    select * into source from conversations c where c.organization_id = organization and c.id = gone;
    update messages m
    set conversation_id = kept,
        position = case when m.position > source.answered_seq
                        then target.inbound_seq + m.position - source.answered_seq end
    where m.organization_id = organization and m.conversation_id = gone;
    update turns set state = 'replaced', reason = 'merged', finished_at = now()
    where organization_id = organization and id = source.turn_id and state = 'open';
    update outbox set conversation_id = kept where organization_id = organization and conversation_id = gone;
    perform move_contact(organization, source.contact_id, target.contact_id);
    update contacts c set phone = coalesce(c.phone, s.phone), name = coalesce(c.name, s.name)
    from contacts s
    where c.organization_id = organization and c.id = target.contact_id
        and s.organization_id = organization and s.id = source.contact_id;
    update chat_alias set conversation_id = kept where organization_id = organization and conversation_id = gone;
    update conversations
    set merged_into = kept, answered_seq = inbound_seq, due_at = null, lease_until = null, turn_id = null, fence = fence + 1
    where organization_id = organization and id = gone;
    update conversations
    set inbound_seq = target.inbound_seq + source.inbound_seq - source.answered_seq,
        human_until = greatest(target.human_until, source.human_until),
        pending_since = least(target.pending_since, source.pending_since),
        due_at = case when target.lease_until is null and target.turn_id is null and source.inbound_seq > source.answered_seq
                      then least(target.due_at, clock_timestamp()) else target.due_at end
    where organization_id = organization and id = kept;
end $$;

-- Let everything outside the engine that belongs to the contact `gone` belong to `kept`. Scheduling and verticals refer to
-- contacts by a foreign key (organization_id, contact_id), which is how their tables are found: the engine does not know
-- them.
create or replace function move_contact(organization uuid, gone bigint, kept bigint) returns void
language plpgsql
as $$
declare
    owner_table regclass;
begin
    for owner_table in
        select c.conrelid from pg_constraint c
        where c.contype = 'f' and c.confrelid = 'contacts'::regclass and c.conrelid <> 'conversations'::regclass
        order by c.conrelid
    loop
        execute format('update %s set contact_id = $1 where organization_id = $2 and contact_id = $3', owner_table)
        using kept, organization, gone;
    end loop;
end $$;
