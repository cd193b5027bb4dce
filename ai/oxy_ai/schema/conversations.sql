-- Chats and their contacts. The phone number and the hidden address (LID) of one person share one conversation.

-- Whether a chat is with one person, not a group or a broadcast.
create or replace function is_personal(chat text) returns boolean
language sql immutable parallel safe
as $$ select chat like '%@s.whatsapp.net' or chat like '%@lid' $$;

-- Find or create the conversation of a chat. `alias` is the chat's other address, if known; `number` and `number_key`
-- come from whichever of the two contains a phone number.
create or replace function conversation_of(
    organization uuid, instance uuid, chat_jid text, alias text, number text, number_key text, contact_name text,
    self boolean
) returns bigint
language plpgsql
as $$
declare
    known bigint[];
    addresses integer;
    conversation bigint;
begin
    select array_agg(distinct a.conversation_id order by a.conversation_id), count(*) into known, addresses
    from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias);
    if known is null then
        conversation := create_conversation(organization, instance, chat_jid, number, number_key, contact_name, self);
    else
        conversation := known[1];
        if cardinality(known) > 1 then  -- the two addresses were taken for two chats until now
            conversation := merge_chats(organization, instance, chat_jid, alias);
        end if;
        perform learn_contact(organization, conversation, number, number_key, contact_name);
    end if;
    if addresses < num_nonnulls(chat_jid, nullif(alias, chat_jid)) then
        insert into chat_alias (organization_id, instance_id, jid, conversation_id)
        select organization, instance, j, conversation from unnest(array[chat_jid, alias]) j where j is not null
        on conflict do nothing;
    end if;
    return conversation;
end $$;

create or replace function create_conversation(
    organization uuid, instance uuid, chat_jid text, number text, number_key text, contact_name text, self boolean
) returns bigint
language plpgsql
as $$
declare
    contact bigint;
    conversation bigint;
begin
    insert into contacts (organization_id, instance_id, phone, phone_key, name)
    values (organization, instance, number, number_key, contact_name) returning id into contact;
    insert into conversations (organization_id, instance_id, contact_id, chat, self_chat)
    values (organization, instance, contact, chat_jid, self) returning id into conversation;
    return conversation;
end $$;

-- Add a contact's number if it was unknown, and update the name.
create or replace function learn_contact(
    organization uuid, conversation bigint, number text, number_key text, contact_name text
) returns void
language plpgsql
as $$
begin
    update contacts c
    set phone = coalesce(c.phone, number), phone_key = coalesce(c.phone_key, number_key),
        name = coalesce(contact_name, c.name)
    from conversations v
    where v.organization_id = organization and v.id = conversation
        and c.organization_id = organization and c.id = v.contact_id
        and (c.phone is null and number is not null or c.name is distinct from coalesce(contact_name, c.name));
end $$;

-- Merge the conversations of two addresses that turned out to be one chat; returns the one to keep: that of the hidden
-- address, which WhatsApp never changes.
create or replace function merge_chats(organization uuid, instance uuid, chat_jid text, alias text) returns bigint
language plpgsql
as $$
declare
    kept bigint;
    gone bigint;
begin
    select a.conversation_id into kept from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias)
    order by a.jid like '%@lid' desc, a.conversation_id limit 1;
    select a.conversation_id into gone from chat_alias a
    where a.instance_id = instance and a.jid in (chat_jid, alias) and a.conversation_id <> kept limit 1;
    perform merge_conversations(organization, kept, gone);
    return kept;
end $$;

-- Move everything from conversation `gone` to `kept`. Pending messages of `gone` are appended to those of `kept`; a
-- running turn of `gone` loses its fence, and `kept` answers its messages.
create or replace function merge_conversations(organization uuid, kept bigint, gone bigint) returns void
language plpgsql
as $$
declare
    target conversations;
    source conversations;
begin
    perform 1 from conversations c where c.organization_id = organization and c.id in (kept, gone)
    order by c.id for no key update;
    select * into target from conversations c where c.organization_id = organization and c.id = kept;
    select * into source from conversations c where c.organization_id = organization and c.id = gone;
    perform move_messages(source, target);
    perform replace_turn(organization, source.turn_id, 'merged');
    perform merge_contacts(organization, source.contact_id, target.contact_id);
    update conversations
    set merged_into = kept, answered_seq = inbound_seq, due_at = null, lease_until = null, turn_id = null,
        fence = fence + 1
    where organization_id = organization and id = gone;
    perform adopt_pending(source, target);
end $$;

-- The new number of a message that moves to a conversation with `inbound` messages; null: it is answered already.
create or replace function position_after_merge(place bigint, answered bigint, inbound bigint) returns bigint
language sql immutable parallel safe
as $$ select case when place > answered then inbound + place - answered end $$;

create or replace function move_messages(source conversations, target conversations) returns void
language plpgsql
as $$
begin
    update messages m
    set conversation_id = target.id,
        position = position_after_merge(m.position, source.answered_seq, target.inbound_seq)
    where m.organization_id = source.organization_id and m.conversation_id = source.id;
    update outbox set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id;
    update chat_alias set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id;
end $$;

-- Add the pending messages of `source` to `target`, and keep the longer of the two silences.
create or replace function adopt_pending(source conversations, target conversations) returns void
language plpgsql
as $$
declare
    pending bigint := source.inbound_seq - source.answered_seq;
begin
    update conversations
    set inbound_seq = target.inbound_seq + pending,
        human_until = greatest(target.human_until, source.human_until),
        pending_since = least(target.pending_since, source.pending_since),
        due_at = case when target.lease_until is null and target.turn_id is null and pending > 0
                      then least(target.due_at, clock_timestamp()) else target.due_at end
    where organization_id = target.organization_id and id = target.id;
end $$;

create or replace function merge_contacts(organization uuid, gone bigint, kept bigint) returns void
language plpgsql
as $$
begin
    perform move_contact(organization, gone, kept);
    update contacts c
    set phone = coalesce(c.phone, s.phone), phone_key = coalesce(c.phone_key, s.phone_key),
        name = coalesce(c.name, s.name)
    from contacts s
    where c.organization_id = organization and c.id = kept and s.organization_id = organization and s.id = gone;
end $$;

-- Move the rows of scheduling and verticals from contact `gone` to `kept`. The engine does not know their tables; it
-- finds them by their foreign key (organization_id, contact_id).
create or replace function move_contact(organization uuid, gone bigint, kept bigint) returns void
language plpgsql
as $$
declare
    referring regclass;
begin
    for referring in
        select c.conrelid from pg_constraint c
        where c.contype = 'f' and c.confrelid = 'contacts'::regclass and c.conrelid <> 'conversations'::regclass
        order by c.conrelid
    loop
        execute format('update %s set contact_id = $1 where organization_id = $2 and contact_id = $3', referring)
        using kept, organization, gone;
    end loop;
end $$;
