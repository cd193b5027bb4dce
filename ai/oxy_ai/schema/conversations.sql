-- Chats and their contacts. The phone number and the hidden address (LID) of one person share one conversation. Two
-- hidden addresses are two people: a number that comes with another one has been given to somebody else.

-- Whether a chat is with one person, not a group or a broadcast.
create or replace function is_personal(chat text) returns boolean
language sql immutable parallel safe
as $$ select chat like '%@s.whatsapp.net' or chat like '%@lid' $$;

-- The conversation of an address; null: it has none yet.
create or replace function conversation_at(instance uuid, address text) returns bigint
language plpgsql stable
as $$
begin
    return (select a.conversation_id from chat_alias a where a.instance_id = instance and a.jid = address);
end $$;

-- The conversation of a number that was written to under another spelling (oxy_core.identity.phone_key), and whose hidden
-- address nobody knows yet; null: there is none.
create or replace function conversation_of_number(organization uuid, instance uuid, key text) returns bigint
language plpgsql stable
as $$
begin
    return (
        select max(c.id) from contacts p
        join conversations c on c.organization_id = organization and c.contact_id = p.id
        where p.organization_id = organization and p.instance_id = instance and p.phone_key = key
            and c.merged_into is null and is_personal(c.chat) and not has_hidden_address(c.id)
    );
end $$;

create or replace function has_hidden_address(conversation bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (select from chat_alias a where a.conversation_id = conversation and a.jid like '%@lid');
end $$;

-- Find or create the conversation of a chat. `alias` is the chat's other address, if known; `number` and `number_key`
-- come from whichever of the two contains a phone number. `at`: place of the message that tells so; null: none does.
create or replace function conversation_of(
    organization uuid, instance uuid, chat_jid text, alias text, number text, number_key text, contact_name text,
    self boolean, at place
) returns bigint
language plpgsql
as $$
declare
    hidden text := case when chat_jid like '%@lid' then chat_jid when alias like '%@lid' then alias end;
    plain text := case when chat_jid like '%@lid' then alias else chat_jid end;
    by_hidden bigint := conversation_at(instance, hidden);
    by_plain bigint := conversation_at(instance, plain);
    spelled bigint;
begin
    if by_hidden is null and hidden is not null then
        by_hidden := former_holder(organization, instance, hidden, at);
        hidden := case when by_hidden is null then hidden end;
    end if;
    if by_plain is null and plain is not null then
        by_plain := former_holder(organization, instance, plain, at);
        if by_plain is not null or has_given_up(organization, by_hidden, plain, at) then
            number := null;
            number_key := null;
            plain := null;
        end if;
    end if;
    spelled := by_plain;
    by_plain := coalesce(by_plain, conversation_of_number(organization, instance, number_key));
    return conversation_with_addresses(
        organization, instance, row(hidden, plain, by_hidden, by_plain, spelled)::chat_addresses, chat_jid,
        number, number_key, contact_name, self, at
    );
end $$;

-- The same with the chat's addresses and the conversations that have them; an address is null if it is to be forgotten.
create or replace function conversation_with_addresses(
    organization uuid, instance uuid, a chat_addresses, chat_jid text, number text, number_key text, contact_name text,
    self boolean, at place
) returns bigint
language plpgsql
as $$
declare
    is_hidden boolean := a.hidden is not null or a.by_hidden is not null;
    taken boolean := is_hidden and a.by_plain <> coalesce(a.by_hidden, 0) and has_hidden_address(a.by_plain);
    known bigint := case when not is_hidden or (a.by_hidden is null and taken is not true) then a.by_plain
                         else a.by_hidden end;
begin
    if taken and release_number(organization, a.by_plain, number, a.plain, at) then
        taken := false;
        a.by_plain := null;
    elsif taken then
        number := null;
        number_key := null;
    elsif a.by_hidden <> a.by_plain then  -- the two addresses were taken for two chats until now
        perform merge_conversations(organization, a.by_hidden, a.by_plain);
    end if;
    if known is null then
        known := create_conversation(organization, instance, chat_jid, number, number_key, contact_name, self);
    else
        perform learn_contact(organization, known, number, number_key, contact_name, at);
    end if;
    if (a.hidden is not null and a.by_hidden is null) or (a.plain is not null and a.spelled is null) then
        perform add_addresses(organization, instance, known, array[a.hidden, a.plain]);
    end if;
    return known;
end $$;

-- The chat with a person (oxy_ai.records.Recipient): the newest of those with his number, however it is written and by
-- whichever address he wrote from; else a new one with the number as given. That with the business's own number is its chat
-- with itself from the start: whoever writes there is no customer.
create or replace function conversation_with(organization uuid, instance uuid, recipient jsonb) returns conversations
language plpgsql
as $$
declare
    v conversations;
begin
    select c.id into v.id from conversations c
    join contacts p on p.organization_id = organization and p.id = c.contact_id
    where c.organization_id = organization and c.instance_id = instance
        and p.instance_id = instance and p.phone_key = recipient ->> 'phone_key'
        and c.merged_into is null and is_personal(c.chat)
    order by c.last_inbound_at desc nulls last, c.id desc limit 1;
    v.id := coalesce(v.id, conversation_of(
        organization, instance, recipient ->> 'chat', null, recipient ->> 'phone', recipient ->> 'phone_key', null,
        coalesce((recipient ->> 'self_chat')::boolean, false), null
    ));
    select * into v from conversations c where c.organization_id = organization and c.id = v.id;
    return v;
end $$;

create or replace function add_addresses(organization uuid, instance uuid, conversation bigint, addresses text[])
returns void
language plpgsql
as $$
begin
    insert into chat_alias (organization_id, instance_id, jid, conversation_id)
    select organization, instance, j, conversation from unnest(addresses) j where j is not null
    on conflict do nothing;
end $$;

-- A number came with another hidden address than that of its conversation: it was given to somebody else. Take it from
-- the conversation and its contact, who is reached under the hidden address from now on. False: what came was older.
create or replace function release_number(organization uuid, holder bigint, number text, plain text, at place)
returns boolean
language plpgsql
as $$
declare
    v conversations;
    hidden text := (select min(a.jid) from chat_alias a where a.conversation_id = holder and a.jid like '%@lid');
begin
    select * into v from conversations c where c.organization_id = organization and c.id = holder for no key update;
    if at > v.place is not true then
        return false;
    end if;
    delete from chat_alias where instance_id = v.instance_id and jid = plain;
    update contacts set phone = null, phone_key = null
    where organization_id = organization and id = v.contact_id and phone = number;
    update conversations set chat = hidden where organization_id = organization and id = holder and chat = plain;
    update outbox set chat = hidden where conversation_id = holder and chat = plain and state = 'pending';
    return true;
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

-- Update a contact's number and name from a message at `at`; an older one than the conversation's newest only adds what
-- was unknown.
create or replace function learn_contact(
    organization uuid, conversation bigint, number text, number_key text, contact_name text, at place
) returns void
language plpgsql
as $$
begin
    -- The conversation before its contact, as others lock them (facts.sql).
    perform from conversations v join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
    where v.organization_id = organization and v.id = conversation
        and (coalesce(number, c.phone) is distinct from c.phone or coalesce(contact_name, c.name) is distinct from c.name)
    for no key update of v;
    if not found then
        return;
    end if;
    update contacts c
    set phone = coalesce(case when at >= v.place then number end, c.phone, number),
        phone_key = coalesce(case when at >= v.place then number_key end, c.phone_key, number_key),
        name = coalesce(case when at >= v.place then contact_name end, c.name, contact_name)
    from conversations v
    where v.organization_id = organization and v.id = conversation
        and c.organization_id = organization and c.id = v.contact_id;
end $$;

-- Move everything from conversation `gone` to `kept`: that of the hidden address, which WhatsApp never changes. A
-- running turn of `gone` loses its fence, and `kept` answers its messages. Of turns that a person has asked for again, the
-- oldest of both comes first.
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
    if not set_replay_back(organization, source.turn_id) then
        perform replace_turn(organization, source.turn_id, 'merged');
    end if;
    perform merge_contacts(source, target);
    perform move_messages(source, target);
    target := behind_replays(target);
    update conversations
    set merged_into = kept, pending_since = null, due_at = null, lease_until = null, turn_id = null, fence = fence + 1
    where organization_id = organization and id = gone;
    perform adopt_messages(source, target);
end $$;

-- A merged conversation without its open turn, if a person has asked for that, and for an earlier one of the other: that
-- comes first, even if this one is running; its worker loses the fence.
create or replace function behind_replays(v conversations) returns conversations
language plpgsql
as $$
begin
    if is_behind_replay(v, v.turn_id) and set_replay_back(v.organization_id, v.turn_id) then
        update conversations set turn_id = null, lease_until = null, fence = fence + 1, claims = default
        where organization_id = v.organization_id and id = v.id returning * into v;
    end if;
    return v;
end $$;

create or replace function move_messages(source conversations, target conversations) returns void
language plpgsql
as $$
begin
    update messages set conversation_id = target.id where conversation_id = source.id;
    update outbox set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id;
    update turns set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id and state = 'dead';
    update chat_alias set conversation_id = target.id where conversation_id = source.id;
    update ai_interactions set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id;
    perform move_journals(source.id, target.id);
end $$;

-- Bring `target` up to date with what moved to it from `source`.
create or replace function adopt_messages(source conversations, target conversations) returns void
language plpgsql
as $$
begin
    target := advance(target, source.place, source.chat);
    target := merge_human_mode(source, target);
    target := settle_revoked(settle_answered(target), null);
    target.last_message_at := greatest(target.last_message_at, source.last_message_at);
    target.urgent := greatest(target.urgent, source.urgent);
    target := reschedule(target, ai_settings(target));
    perform save_conversation(target);
    update conversations set introduced_by = source.introduced_by
    where organization_id = target.organization_id and id = target.id and introduced_by is null;
end $$;

-- Give the kept conversation's contact what is known of the other; the name of whoever wrote last, and what was said last
-- of an opt-out.
create or replace function merge_contacts(source conversations, target conversations) returns void
language plpgsql
as $$
begin
    perform move_contact(source.organization_id, source.contact_id, target.contact_id);
    update contacts c
    set phone = coalesce(c.phone, s.phone), phone_key = coalesce(c.phone_key, s.phone_key),
        name = case when source.place > target.place then coalesce(s.name, c.name) else coalesce(c.name, s.name) end,
        private = c.private or s.private,
        (opt_out, opt_out_place, opt_out_unconfirmed) = (
            select (w.c).opt_out, (w.c).opt_out_place, (w.c).opt_out_unconfirmed from (values (c), (s)) w (c)
            order by (w.c).opt_out_place desc nulls last limit 1
        )
    from contacts s
    where c.organization_id = target.organization_id and c.id = target.contact_id
        and s.organization_id = source.organization_id and s.id = source.contact_id;
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
