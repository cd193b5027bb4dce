-- The pause before the next attempt is the caller's to choose: a model's endpoint may ask for a longer one.

-- Count a failed attempt. Below `max_attempts` the turn is tried again after `delay`; then it is a
-- dead letter: the customer gets `apology`, the first owner gets `notice` (an owner's own turn: the notice alone).
-- Returns retry, dead, or null where the fence is lost.
create or replace function fail_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, why text, role text, max_attempts integer,
    delay interval, apology jsonb, notice jsonb
) returns text
language plpgsql
as $$
declare
    t turns%rowtype;
    instance uuid;
    owner_phone text;
    owner_conversation bigint;
    again_at timestamptz;
begin
    perform enter_org(organization);
    select c.instance_id into instance from conversations c where c.organization_id = organization and c.id = conversation;
    perform lock_instance(instance);
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    update turns set attempts = attempts + 1, reason = why, assistant = role
    where organization_id = organization and id = turn returning * into t;
    if t.attempts < max_attempts then
        again_at := clock_timestamp() + delay;
        update conversations set lease_until = null, due_at = again_at
        where organization_id = organization and id = conversation;
        perform wake_org(organization, again_at);
        return 'retry';
    end if;
    update turns set state = 'dead', finished_at = clock_timestamp() where organization_id = organization and id = turn;
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    values (organization, 'worker', 'turn_died', turn, why);
    if apology is not null then
        perform put_out(organization, conversation, t, apology, t.based_on, interval '6 hours');
        select i.settings -> 'owners' ->> 0 into owner_phone
        from instances i where i.organization_id = organization and i.id = instance;
        if owner_phone is not null then
            owner_conversation := conversation_of(
                organization, instance, substr(owner_phone, 2) || '@s.whatsapp.net', null, null, false
            );
        end if;
    else
        owner_conversation := conversation;
    end if;
    if owner_conversation is not null then
        perform put_out(organization, owner_conversation, t, notice, null, interval '24 hours');
    end if;
    perform record_interaction(organization, t, role);
    perform release_conversation(organization, conversation, t);
    perform wake_relay(instance);
    return 'dead';
end $$;
