-- A turn that cannot be opened fails as any other does: its attempts are counted, and then it is a dead letter.

-- Return what the failure of a turn that cannot be opened needs, none of it from the settings that open_turn reads;
-- the turn is created where the conversation has none. Null: the fence is lost.
create function unopened_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations%rowtype;
    t turns%rowtype;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    if v.turn_id is null then
        insert into turns (organization_id, conversation_id, instance_id, from_seq, upto_seq, based_on, trace)
        values (organization, conversation, v.instance_id, v.answered_seq + 1, v.inbound_seq, v.chat_sequence, (
            select m.trace from messages m
            where m.organization_id = organization and m.conversation_id = conversation and m.position is not null
            order by m.id desc limit 1
        )) returning * into t;
        update conversations set turn_id = t.id where organization_id = organization and id = conversation;
    else
        select * into t from turns where organization_id = organization and id = v.turn_id;
    end if;
    return (
        select jsonb_build_object(
            'turn', t.id, 'attempts', t.attempts, 'organization', o.name, 'instance', i.id,
            'instance_name', i.name, 'self_chat', v.self_chat, 'contact', (
                select jsonb_build_object('id', c.id, 'name', c.name, 'phone', c.phone) from contacts c
                where c.organization_id = organization and c.id = v.contact_id
            ), 'owners', case
                when jsonb_typeof(i.settings -> 'owners') = 'array' then (
                    select coalesce(jsonb_agg(owner), '[]') from jsonb_array_elements_text(i.settings -> 'owners') owner
                ) else '[]'
            end
        )
        from instances i join organizations o on o.id = i.organization_id
        where i.organization_id = organization and i.id = v.instance_id
    );
end $$;

revoke all on function unopened_turn(uuid, bigint, bigint) from public;
grant execute on function unopened_turn(uuid, bigint, bigint) to oxy_app;
