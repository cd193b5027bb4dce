-- What administrators see and do of the conversations that people answer (`oxy conversations`).

-- Conversations that people answer, or are to answer: oxy_ai.engine.conversations.Conversation; `everything`: the others as
-- well. Whoever waits longest for a person comes first.
create or replace function human_conversations(organization uuid, instance_name text, everything boolean, most integer)
returns setof jsonb
language plpgsql stable
as $$
begin
    return query
    select jsonb_build_object(
        'number', v.id, 'instance', i.name, 'name', c.name, 'phone', c.phone, 'state', human_state(v, h),
        'reason', coalesce(h.reason, v.human_reason), 'urgency', h.urgency, 'summary', nullif(h.summary, ''),
        'waiting_since', waiting_since(v, h), 'since', v.human_since, 'until', v.human_until
    )
    from conversations v
    join instances i on i.organization_id = organization and i.id = v.instance_id
    join contacts c on c.organization_id = organization and c.id = v.contact_id
    left join hand_overs h
        on h.organization_id = organization and h.conversation_id = v.id and h.ended_at is null
    where v.organization_id = organization and v.merged_into is null and is_personal(v.chat) and not v.self_chat
        and i.name = coalesce(instance_name, i.name)
        and (everything or h.id is not null or v.human_until > clock_timestamp())
    order by waiting_since(v, h) nulls last, v.human_since nulls last, v.last_inbound_at desc nulls last, v.id
    limit most;
end $$;

-- Who answers: a person is awaited, a person does, or the assistant.
create or replace function human_state(v conversations, h hand_overs) returns text
language sql stable parallel safe
as $$
    select case when h.id is not null then 'waiting' when v.human_until > clock_timestamp() then 'person' else 'assistant' end
$$;

-- Since when the customer waits for a person; null: nobody does.
create or replace function waiting_since(v conversations, h hand_overs) returns timestamptz
language sql stable parallel safe
as $$ select coalesce(h.created_at, case when v.human_until > clock_timestamp() then v.pending_since end) $$;

-- The conversation that an administrator names, locked; one that was merged into another stands for that. All null: there
-- is none.
create or replace function named_conversation(organization uuid, conversation bigint) returns conversations
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    select * into v from conversations c
    where c.organization_id = organization and c.id = kept_conversation(organization, conversation)
        and is_personal(c.chat) and not c.self_chat
    for no key update;
    return v;
end $$;

-- People answer a conversation from now on, for `span`, because `who` says so. Returns until when; null: there is no such
-- conversation.
create or replace function command_takeover(organization uuid, conversation bigint, span interval, who text)
returns timestamptz
language plpgsql
as $$
declare
    v conversations := named_conversation(organization, conversation);
begin
    if v.id is null then
        return null;
    end if;
    v := begin_human_mode(v, clock_timestamp(), clock_timestamp(), span, 'command');
    perform save_conversation(reschedule(v, ai_settings(v)));
    insert into audit_log (organization_id, actor, action, detail)
    values (organization, who, 'conversation_taken_over', 'conversation:' || v.id);
    return v.human_until;
end $$;

-- The assistant answers a conversation again, because `who` says so. Returns {outcome, open}: handed_back, with the number
-- of messages that it answers now; assistant (nobody else answers it); missing (there is no such conversation).
create or replace function command_hand_back(organization uuid, conversation bigint, who text) returns jsonb
language plpgsql
as $$
declare
    v conversations := named_conversation(organization, conversation);
begin
    if v.id is null then
        return '{"outcome": "missing", "open": 0}';
    elsif human_state(v, open_hand_over(v)) = 'assistant' then
        return '{"outcome": "assistant", "open": 0}';
    end if;
    v := reschedule(hand_back(v, v.place, 'handed_back'), ai_settings(v));
    perform save_conversation(v);
    if v.due_at is not null then
        perform wake_org(organization, v.due_at);
    end if;
    insert into audit_log (organization_id, actor, action, detail)
    values (organization, who, 'conversation_handed_back', 'conversation:' || v.id);
    return jsonb_build_object('outcome', 'handed_back', 'open', (
        select count(*) from messages m where m.conversation_id = v.id and m.state = 'open'
    ));
end $$;
