-- A turn from its opening to its end. Every step first checks that its worker still holds the conversation.

-- The claimed conversation, locked until the transaction ends; all null: the fence is lost.
create or replace function held_conversation(organization uuid, conversation bigint, held_fence bigint)
returns conversations
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    select * into v from conversations c
    where c.organization_id = organization and c.id = conversation and c.fence = held_fence
        and c.lease_until is not null
    for no key update;
    return v;
end $$;

-- Whether the claim still holds; if so, nobody else can claim the conversation until the transaction ends.
create or replace function hold_turn(organization uuid, conversation bigint, held_fence bigint) returns boolean
language sql
as $$ select (held_conversation(organization, conversation, held_fence)).id is not null $$;

-- Open or resume the turn of a claimed conversation. Its inputs are fixed when it is created.
-- Returns null if there is nothing to do: the fence is lost, a person has taken over, or everything is answered.
create or replace function open_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
begin
    if v.id is null then
        return null;
    elsif v.human_until > clock_timestamp() or (v.turn_id is null and v.inbound_seq <= v.answered_seq) then
        perform leave_unanswered(v);
        return null;
    end if;
    return turn_document(v, current_turn(v));
end $$;

-- Close an open turn without an answer: a takeover or a merge has superseded it.
create or replace function replace_turn(organization uuid, turn bigint, why text) returns void
language plpgsql
as $$
begin
    if turn is not null then
        update turns set state = 'replaced', reason = why, finished_at = clock_timestamp()
        where organization_id = organization and id = turn and state = 'open';
    end if;
end $$;

-- The conversation's open turn, or a new one for all pending messages.
create or replace function current_turn(v conversations) returns turns
language plpgsql
as $$
declare
    t turns;
begin
    if v.turn_id is not null then
        select * into t from turns where organization_id = v.organization_id and id = v.turn_id;
        return t;
    end if;
    insert into turns (organization_id, conversation_id, instance_id, from_seq, upto_seq, based_on, trace)
    values (v.organization_id, v.id, v.instance_id, v.answered_seq + 1, v.inbound_seq, v.chat_sequence, (
        select m.trace from messages m
        where m.organization_id = v.organization_id and m.conversation_id = v.id and m.position is not null
        order by m.id desc limit 1
    )) returning * into t;
    update conversations set turn_id = t.id where organization_id = v.organization_id and id = v.id;
    return t;
end $$;

-- Everything needed to answer a turn: oxy_ai.records.Turn.
create or replace function turn_document(v conversations, t turns) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'instance', v.instance_id, 'settings', i.settings,
            'closed', i.closed_at is not null, 'chat', v.chat, 'self_chat', v.self_chat,
            'contact', jsonb_build_object('id', c.id, 'name', c.name, 'phone', c.phone),
            'inputs', inputs_of(t), 'steps', steps_of(t),
            'history', history_before(t, (i.settings -> 'ai' ->> 'context_messages')::integer)
        )
        from instances i
        join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
        where i.organization_id = v.organization_id and i.id = v.instance_id
    );
end $$;

-- The messages that a turn answers, with their age in seconds on arrival.
create or replace function inputs_of(t turns) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'kind', m.kind, 'text', m.body, 'trace', m.trace,
            'age_seconds', extract(epoch from m.arrived_at - m.sent_at)
        ) order by m.id), '[]')
        from messages m
        where m.organization_id = t.organization_id and m.conversation_id = t.conversation_id
            and m.position between t.from_seq and t.upto_seq
    );
end $$;

-- The newest `wanted` texts that precede the turn's inputs, oldest first.
create or replace function history_before(t turns, wanted integer) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('author', h.author, 'text', h.body) order by h.id), '[]')
        from (
            select m.id, m.author, m.body from messages m
            where m.organization_id = t.organization_id and m.conversation_id = t.conversation_id
                and (m.position is null or m.position < t.from_seq) and m.kind = 'text' and m.body is not null
            order by m.id desc limit wanted
        ) h
    );
end $$;

create or replace function steps_of(t turns) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(
            jsonb_build_object('response', s.response, 'results', s.results) order by s.round
        ), '[]')
        from turn_steps s where s.organization_id = t.organization_id and s.turn_id = t.id
    );
end $$;

-- Store a model's response before its tools run. False: the fence is lost.
create or replace function keep_step(organization uuid, conversation bigint, held_fence bigint, turn bigint, step jsonb)
returns boolean
language plpgsql
as $$
begin
    if not hold_turn(organization, conversation, held_fence) then
        return false;
    end if;
    perform store_step(organization, turn, step);
    return true;
end $$;

-- Store a step, given as a row of turn_steps in JSON.
create or replace function store_step(organization uuid, turn bigint, step jsonb) returns void
language plpgsql
as $$
begin
    insert into turn_steps (
        organization_id, turn_id, round, model, response, prompt_tokens, cached_tokens, completion_tokens,
        cost_microdollars, latency_ms
    )
    select organization, turn, s.round, s.model, s.response, s.prompt_tokens, s.cached_tokens, s.completion_tokens,
        s.cost_microdollars, s.latency_ms
    from jsonb_populate_record(null::turn_steps, step) s;
end $$;

-- Store a tool's result, in the transaction of the tool's own writes.
create or replace function store_result(organization uuid, turn bigint, step_round integer, tool_call text, result text)
returns void
language plpgsql
as $$
begin
    update turn_steps set results = results || jsonb_build_object(tool_call, result)
    where organization_id = organization and turn_id = turn and round = step_round;
end $$;

-- End a turn: store its answers and cost and mark its inputs as answered, in one transaction. `ending` is
-- oxy_ai.records.TurnEnding; `last_step` is the final response, null if it is stored already or no model was asked.
-- Returns {state, more}; `more`: the conversation has messages left to answer. Null: the fence is lost.
create or replace function end_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, ending jsonb
) returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
    next_due timestamptz;
begin
    if v.id is null then
        return null;
    end if;
    if jsonb_typeof(ending -> 'last_step') = 'object' then
        perform store_step(organization, turn, ending -> 'last_step');
    end if;
    if v.human_until > clock_timestamp() then
        -- A person took over while the model was answering: record the cost, send nothing.
        ending := ending || '{"state": "skipped", "reason": "human", "answers": []}';
    end if;
    t := close_turn(organization, turn, ending ->> 'state', ending ->> 'reason', ending ->> 'role');
    perform queue_text(v, t, answer, t.based_on) from jsonb_array_elements(ending -> 'answers') answer;
    perform record_interaction(t);
    next_due := release_conversation(v, t);
    if ending -> 'answers' <> '[]' then
        perform wake_relay(v.instance_id);
    end if;
    return jsonb_build_object('state', t.state, 'more', next_due is not null);
end $$;

create or replace function close_turn(organization uuid, turn bigint, final_state text, why text, role text)
returns turns
language plpgsql
as $$
declare
    t turns;
begin
    update turns set state = final_state, reason = why, assistant = role, finished_at = clock_timestamp()
    where organization_id = organization and id = turn returning * into t;
    return t;
end $$;

-- Sum up the tokens, cost and latency of a turn's steps. Null cost: one of its models has no known price.
create or replace function record_interaction(turn turns) returns void
language plpgsql
as $$
begin
    insert into ai_interactions (
        organization_id, turn_id, conversation_id, assistant, model, rounds, prompt_tokens, cached_tokens,
        completion_tokens, cost_microdollars, latency_ms
    )
    select turn.organization_id, turn.id, turn.conversation_id, turn.assistant,
        (array_agg(s.model order by s.round desc))[1], count(*),
        sum(s.prompt_tokens), sum(s.cached_tokens), sum(s.completion_tokens),
        case when bool_and(s.cost_microdollars is not null) then sum(s.cost_microdollars) end, sum(s.latency_ms)
    from turn_steps s where s.organization_id = turn.organization_id and s.turn_id = turn.id
    having count(*) > 0
    on conflict (organization_id, turn_id) do update
    set rounds = excluded.rounds, prompt_tokens = excluded.prompt_tokens, cached_tokens = excluded.cached_tokens,
        completion_tokens = excluded.completion_tokens, cost_microdollars = excluded.cost_microdollars,
        latency_ms = excluded.latency_ms, model = excluded.model;
end $$;

-- Release a conversation whose turn ended. Returns when it is due again, for messages that arrived meanwhile; null:
-- everything is answered.
create or replace function release_conversation(v conversations, turn turns) returns timestamptz
language plpgsql
as $$
begin
    -- A takeover during the turn may have answered more than the turn's own inputs.
    v.answered_seq := greatest(v.answered_seq, turn.upto_seq);
    v.due_at := case when v.inbound_seq > v.answered_seq then due_after_turn(
        v.inbound_seq, v.answered_seq, clock_timestamp(), v.last_inbound_at, v.human_until,
        make_interval(secs => (ai_settings(v) ->> 'debounce_seconds')::double precision)
    ) end;
    update conversations
    set answered_seq = v.answered_seq, turn_id = null, lease_until = null, due_at = v.due_at,
        pending_since = case when v.inbound_seq > v.answered_seq then v.last_inbound_at end
    where organization_id = v.organization_id and id = v.id;
    if v.due_at is not null then
        perform wake_org(v.organization_id, v.due_at);
    end if;
    return v.due_at;
end $$;
