-- Whether the claim still holds; keeps others from claiming until the transaction ends.
create or replace function hold_turn(organization uuid, conversation bigint, held_fence bigint) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    perform 1 from conversations c
    where c.organization_id = organization and c.id = conversation and c.fence = held_fence and c.lease_until is not null
    for no key update;
    return found;
end $$;

create or replace function messages_document(organization uuid, conversation bigint, turn turns, wanted integer) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'inputs', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'kind', m.content, 'text', m.body,
                'age_seconds', extract(epoch from m.arrived_at - m.sent_at)
            ) order by m.id), '[]')
            from messages m
            where m.organization_id = organization and m.conversation_id = conversation
                and m.position between turn.from_seq and turn.upto_seq
        ),
        'history', (
            select coalesce(jsonb_agg(jsonb_build_object('author', h.author, 'text', h.body) order by h.id), '[]')
            from (
                select m.id, m.author, m.body from messages m
                where m.organization_id = organization and m.conversation_id = conversation
                    and (m.position is null or m.position < turn.from_seq) and m.content = 'text' and m.body is not null
                order by m.id desc limit wanted
            ) h
        )
    )
$$;

-- Open or resume the turn of a claimed conversation. Its inputs are fixed when it is created.
-- Returns null where there is nothing to do: the fence is lost, a person has the conversation, all is answered.
create or replace function open_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations%rowtype;
    t turns%rowtype;
    moment timestamptz := clock_timestamp();
    i instances%rowtype;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    if v.human_until > moment or (v.turn_id is null and v.inbound_seq <= v.answered_seq) then
        update turns set state = 'replaced', reason = 'human', finished_at = moment
        where organization_id = organization and id = v.turn_id and state = 'open';
        v.due_at := case when v.inbound_seq > v.answered_seq then v.human_until end;
        update conversations set turn_id = null, lease_until = null, due_at = v.due_at
        where organization_id = organization and id = conversation;
        if v.due_at is not null then
            perform wake_org(organization, v.due_at);
        end if;
        return null;
    end if;
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
    select * into i from instances where organization_id = organization and id = v.instance_id;
    return messages_document(organization, conversation, t, (i.settings -> 'ai' ->> 'context_messages')::integer)
    || jsonb_build_object(
        'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'instance', v.instance_id, 'settings', i.settings,
        'closed', i.closed_at is not null, 'chat', v.chat, 'self_chat', v.self_chat, 'contact', (
            select jsonb_build_object('id', c.id, 'name', c.name, 'phone', c.phone) from contacts c
            where c.organization_id = organization and c.id = v.contact_id
        ), 'steps', (
            select coalesce(jsonb_agg(jsonb_build_object('response', s.response, 'results', s.results) order by s.round), '[]')
            from turn_steps s where s.organization_id = organization and s.turn_id = t.id
        )
    );
end $$;

-- Return what the failure of a turn that cannot be opened needs, none of it from the settings that open_turn reads;
-- the turn is created where the conversation has none. Null: the fence is lost.
create or replace function unopened_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
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

-- Keep a model's response before its tools run. False: the fence is lost.
create or replace function store_step(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, step_round integer, step_model text,
    model_response jsonb, prompt integer, cached integer, completion integer, cost bigint, latency integer
) returns boolean
language plpgsql
as $$
begin
    if not hold_turn(organization, conversation, held_fence) then
        return false;
    end if;
    insert into turn_steps (
        organization_id, turn_id, round, model, response, prompt_tokens, cached_tokens, completion_tokens,
        cost_microdollars, latency_ms
    ) values (organization, turn, step_round, step_model, model_response, prompt, cached, completion, cost, latency);
    return true;
end $$;

-- Put a text to send into the outbox and into the conversation; once per turn and part.
create or replace function put_out(
    organization uuid, conversation bigint, turn turns, message jsonb, basis integer, keep_for interval
) returns void
language plpgsql
as $$
declare
    v conversations%rowtype;
begin
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    insert into outbox (
        organization_id, id, instance_id, conversation_id, turn_id, part, chat, body, based_on, trace, expires_at
    ) values (
        organization, (message ->> 'id')::uuid, v.instance_id, conversation, turn.id, (message ->> 'part')::smallint,
        v.chat, message ->> 'text', basis, turn.trace, now() + keep_for
    ) on conflict (organization_id, turn_id, part) do nothing;
    if found then
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, author, content, body, sent_at, outbox_id
        ) values (
            organization, v.instance_id, conversation, v.chat, v.chat, 'assistant', 'text', message ->> 'text',
            clock_timestamp(), (message ->> 'id')::uuid
        );
    end if;
end $$;

create or replace function record_interaction(organization uuid, turn turns, role text) returns void
language sql
as $$
    insert into ai_interactions (
        organization_id, turn_id, conversation_id, assistant, model, rounds, prompt_tokens, cached_tokens,
        completion_tokens, cost_microdollars, latency_ms
    )
    select organization, turn.id, turn.conversation_id, role, (array_agg(s.model order by s.round desc))[1], count(*),
        sum(s.prompt_tokens), sum(s.cached_tokens), sum(s.completion_tokens),
        case when bool_and(s.cost_microdollars is not null) then sum(s.cost_microdollars) end, sum(s.latency_ms)
    from turn_steps s where s.organization_id = organization and s.turn_id = turn.id
    having count(*) > 0
    on conflict (organization_id, turn_id) do update
    set rounds = excluded.rounds, prompt_tokens = excluded.prompt_tokens, cached_tokens = excluded.cached_tokens,
        completion_tokens = excluded.completion_tokens, cost_microdollars = excluded.cost_microdollars,
        latency_ms = excluded.latency_ms, model = excluded.model
$$;

create or replace function release_conversation(organization uuid, conversation bigint, turn turns) returns timestamptz
language plpgsql
as $$
declare
    next_due timestamptz;
begin
    update conversations c
    set answered_seq = greatest(c.answered_seq, turn.upto_seq), turn_id = null, lease_until = null,
        pending_since = case when c.inbound_seq > greatest(c.answered_seq, turn.upto_seq) then c.last_inbound_at end,
        due_at = case
            when c.inbound_seq <= greatest(c.answered_seq, turn.upto_seq) then null
            when c.human_until > clock_timestamp() then c.human_until
            else c.last_inbound_at + make_interval(secs => (i.settings -> 'ai' ->> 'debounce_seconds')::double precision)
        end
    from instances i
    where c.organization_id = organization and c.id = conversation
        and i.organization_id = organization and i.id = c.instance_id
    returning c.due_at into next_due;
    if next_due is not null then
        perform wake_org(organization, next_due);
    end if;
    return next_due;
end $$;

-- End a turn: its answers, its cost and its inputs' state in one transaction.
-- `answers` holds objects {id, part, text}; `last_step` is the turn_steps row of the response that is the answer,
-- null where it is stored already or no model was asked.
-- Returns the turn's state and whether the conversation has more to answer; null where the fence is lost.
create or replace function end_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, final_state text, why text, role text,
    answers jsonb, last_step jsonb
) returns jsonb
language plpgsql
as $$
declare
    t turns%rowtype;
    answer jsonb;
    keep_for interval;
    next_due timestamptz;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    insert into turn_steps (
        organization_id, turn_id, round, model, response, prompt_tokens, cached_tokens, completion_tokens,
        cost_microdollars, latency_ms
    )
    select organization, turn, s.round, s.model, s.response, s.prompt_tokens, s.cached_tokens, s.completion_tokens,
        s.cost_microdollars, s.latency_ms
    from jsonb_populate_record(null::turn_steps, last_step) s where last_step is not null;
    if exists (
        select from conversations c
        where c.organization_id = organization and c.id = conversation and c.human_until > clock_timestamp()
    ) then
        final_state := 'skipped';
        why := 'human';
        answers := '[]';
    end if;
    update turns set state = final_state, reason = why, assistant = role, finished_at = clock_timestamp()
    where organization_id = organization and id = turn returning * into t;
    select make_interval(secs => (i.settings ->> 'max_answer_age_seconds')::double precision) into keep_for
    from instances i where i.organization_id = organization and i.id = t.instance_id;
    for answer in select * from jsonb_array_elements(answers) loop
        perform put_out(organization, conversation, t, answer, t.based_on, keep_for);
    end loop;
    perform record_interaction(organization, t, role);
    next_due := release_conversation(organization, conversation, t);
    if jsonb_array_length(answers) > 0 then
        perform wake_relay(t.instance_id);
    end if;
    return jsonb_build_object('state', final_state, 'more', next_due is not null);
end $$;

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
