-- What follows a failed attempt at a turn: a retry or a dead letter.

-- The data for failing a turn that cannot be opened (oxy_ai.records.UnopenedTurn), readable even if the settings are
-- damaged. Creates the turn if the conversation has none. Null: the fence is lost.
create or replace function unopened_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
begin
    if v.id is null then
        return null;
    end if;
    t := current_turn(v);
    return (
        select jsonb_build_object(
            'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'organization', o.name, 'instance', i.id,
            'instance_name', i.name, 'self_chat', v.self_chat, 'owners', owners_of(i.settings),
            'contact', jsonb_build_object('id', c.id, 'name', c.name, 'phone', c.phone)
        )
        from instances i
        join organizations o on o.id = i.organization_id
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where i.organization_id = organization and i.id = v.instance_id
    );
end $$;

-- The owners' numbers, even from damaged settings.
create or replace function owners_of(settings jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select case when jsonb_typeof(settings -> 'owners') = 'array'
                then coalesce(jsonb_path_query_array(settings, '$.owners[*] ? (@.type() == "string")'), '[]')
                else '[]' end
$$;

-- Count a failed attempt: retry after `delay`, or, after `max_attempts`, make the turn a dead letter.
-- `failure` is oxy_ai.records.Failure. Returns retry or dead; null: the fence is lost.
create or replace function fail_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, failure jsonb, max_attempts integer,
    delay interval
) returns text
language plpgsql
as $$
declare
    v conversations;
    t turns;
begin
    perform enter_org(organization);
    -- The notice may create the owner's conversation, as an ingest does, so lock the instance first.
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    perform lock_instance(v.instance_id);
    v := held_conversation(organization, conversation, held_fence);
    if v.id is null then
        return null;
    end if;
    update turns set attempts = attempts + 1, reason = failure ->> 'reason', assistant = failure ->> 'role'
    where organization_id = organization and id = turn returning * into t;
    if t.attempts < max_attempts then
        perform postpone(v, clock_timestamp() + delay);
        return 'retry';
    end if;
    perform bury_turn(v, t, failure);
    return 'dead';
end $$;

-- Release a conversation with its turn still open: it is due again at `moment`.
create or replace function postpone(v conversations, moment timestamptz) returns void
language plpgsql
as $$
begin
    update conversations set lease_until = null, due_at = moment
    where organization_id = v.organization_id and id = v.id;
    perform wake_org(v.organization_id, moment);
end $$;

-- Make a turn a dead letter: the customer gets the apology, the first owner the notice. For an owner's own turn there
-- is no apology, and the notice goes to the same chat.
create or replace function bury_turn(v conversations, t turns, failure jsonb) returns void
language plpgsql
as $$
declare
    owner_chat conversations;
begin
    perform close_turn(t.organization_id, t.id, 'dead', t.reason, t.assistant);
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    values (t.organization_id, 'worker', 'turn_died', t.id, t.reason);
    if jsonb_typeof(failure -> 'apology') = 'object' then
        perform queue_text(v, t, failure -> 'apology', t.based_on);
        owner_chat := conversation_with_owner(v, failure -> 'owner');
    else
        owner_chat := v;
    end if;
    if owner_chat.id is not null then
        perform queue_text(owner_chat, t, failure -> 'notice', null);
    end if;
    perform record_interaction(t);
    perform release_conversation(v, t);
    perform wake_relay(v.instance_id);
end $$;

-- Find or create the conversation with an owner {chat, phone, phone_key}; all null: there is no owner.
create or replace function conversation_with_owner(v conversations, owner jsonb) returns conversations
language plpgsql
as $$
declare
    found_chat conversations;
begin
    if jsonb_typeof(owner) = 'object' then
        found_chat.id := conversation_of(
            v.organization_id, v.instance_id, owner ->> 'chat', null, owner ->> 'phone', owner ->> 'phone_key', null,
            false
        );
        select * into found_chat from conversations c
        where c.organization_id = v.organization_id and c.id = found_chat.id;
    end if;
    return found_chat;
end $$;
