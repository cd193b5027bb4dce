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

-- Open or resume the turn of a claimed conversation. Its inputs are fixed when it is created; `limits`
-- (oxy_ai.records.TurnLimits) bounds how much of them is read.
-- Returns null if there is nothing to do: the fence is lost, a person has taken over and there is no emergency, messages
-- are missing, or none is open.
create or replace function open_turn(organization uuid, conversation bigint, held_fence bigint, limits jsonb)
returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
begin
    if v.id is null then
        return null;
    elsif (v.human_until > clock_timestamp() and v.urgent is null) or (v.turn_id is null and not is_ready(v)) then
        perform leave_unanswered(v);
        return null;
    end if;
    t := current_turn(v);
    return turn_document(v, t, limits);
end $$;

-- Whether a turn may open: it may take a message, and none is missing before it.
create or replace function is_ready(v conversations) returns boolean
language sql
as $$ select v.pending_since is not null and coalesce(gap_until(v) <= clock_timestamp(), true) and has_ready(v) $$;

-- Whether a person has asked for this turn after it had died.
create or replace function is_replayed(organization uuid, turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (select from turns t where t.organization_id = organization and t.id = turn and t.replayed);
end $$;

-- Close an open turn without an answer: a takeover or a merge has superseded it.
create or replace function replace_turn(organization uuid, turn bigint, why text) returns void
language plpgsql
as $$
begin
    perform close_turn(organization, t.id, 'replaced', why, null) from turns t
    where t.organization_id = organization and t.id = turn and t.state = 'open';
end $$;

-- The conversation's open turn, or a new one for all open messages but those that are awaited.
-- Without sequential scans, as `recount`.
create or replace function current_turn(v conversations) returns turns
language plpgsql set enable_seqscan to off
as $$
declare
    t turns;
begin
    if v.turn_id is not null then
        select * into t from turns where organization_id = v.organization_id and id = v.turn_id;
        return case when takes_more(t) or is_unaware(v, t) then take_more(v, t) else t end;
    end if;
    perform record_gaps(v);
    perform give_up_waiting(v);
    insert into turns (organization_id, conversation_id, instance_id, place, based_on, based_on_epoch, trace)
    values (v.organization_id, v.id, v.instance_id, v.place, newest_number(v), (v.place).epoch, (
        select m.trace from messages m where m.conversation_id = v.id and m.state = 'open'
        order by m.place desc limit 1
    )) returning * into t;
    update messages m set turn_id = t.id where m.conversation_id = v.id and m.state = 'open' and not is_awaited(m);
    update conversations set turn_id = t.id where organization_id = v.organization_id and id = v.id;
    perform answer_proposal(v, t);
    return t;
end $$;

-- Whether an open turn takes what has come since it opened: nothing has been made of its inputs yet. One that knows
-- nothing of an emergency does in any case: that is answered without a model.
create or replace function takes_more(t turns) returns boolean
language sql immutable parallel safe
as $$ select t.reason in ('late', 'rate', 'paused') is true $$;

-- Take the messages that are open in no turn, and not awaited, into an open one.
create or replace function take_more(v conversations, t turns) returns turns
language plpgsql set enable_seqscan to off
as $$
declare
    newest text;
begin
    select m.trace into newest from messages m where m.conversation_id = v.id and m.state = 'open'
    order by m.place desc limit 1;
    perform record_gaps(v);
    update messages m set turn_id = t.id
    where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null and not is_awaited(m);
    update turns
    set place = v.place, based_on = newest_number(v), based_on_epoch = (v.place).epoch, trace = newest, reason = null
    where organization_id = t.organization_id and id = t.id returning * into t;
    return t;
end $$;

-- Everything needed to answer a turn: oxy_ai.records.Turn.
create or replace function turn_document(v conversations, t turns, limits jsonb) returns jsonb
language plpgsql stable
as $$
declare
    moment timestamptz := clock_timestamp();
    missed integer := case when v.human_since is not null or v.handed_back is not null then missed_by(t, limits) else 0 end;
begin
    return (
        select jsonb_build_object(
            'read_at', moment, 'missed', missed, 'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'instance', v.instance_id, 'settings', i.settings,
            'replayed', t.replayed, 'closed', i.closed_at is not null, 'chat', v.chat, 'self_chat', v.self_chat,
            'contact', contact_document(c), 'exchanges', v.exchanges, 'regenerations', t.regenerations,
            'hand_over', t.hand_over, 'human', coalesce(v.human_until > moment, false),
            'proposal', proposal_document(v, t, moment), 'asked', asked_about(v, t, moment), 'owner', is_owner_of(i, c.phone_key, v.id),
            'emergency_seconds', extract(epoch from moment - last_emergency(v, moment)),
            'facts', jsonb_build_object('organization', o.facts_version, 'contact', c.facts_version),
            'rate_seconds', rate_wait(v, (i.settings -> 'limits' ->> 'contact_turns_per_hour')::integer, moment),
            'inputs', inputs_of(t, limits, moment), 'inputs_total', inputs_total(t), 'steps', steps_of(t),
            'history', history_of(
                t, greatest(missed, (i.settings -> 'ai' ->> 'context_messages')::integer), limits
            )
        )
        from instances i
        join organizations o on o.id = v.organization_id
        join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
        where i.organization_id = v.organization_id and i.id = v.instance_id
    );
end $$;

-- Seconds until a contact may be answered again that is answered at most `per_hour` times an hour; null: now. What the
-- clock shows to be in the future, because it was put back, does not count.
-- Without sequential scans, as `recount`.
create or replace function rate_wait(v conversations, per_hour integer, moment timestamptz) returns double precision
language plpgsql stable set enable_seqscan to off
as $$
declare
    hour interval := make_interval(hours => 1);
begin
    if per_hour > 0 is not true then
        return null;
    end if;
    return (
        select extract(epoch from t.finished_at + hour - moment) from turns t
        where t.conversation_id = v.id and (t.state = 'answered' or t.reason = 'draft')
            and t.finished_at > moment - hour
            and t.finished_at <= moment
        order by t.finished_at desc offset per_hour - 1 limit 1
    );
end $$;

-- When the customer was last told what to do in an emergency, as seen at `moment`; null: never.
-- Without sequential scans, as `recount`.
create or replace function last_emergency(v conversations, moment timestamptz) returns timestamptz
language plpgsql stable set enable_seqscan to off
as $$
begin
    return (
        select max(t.finished_at) from turns t
        where t.conversation_id = v.id and t.reason = 'emergency' and t.finished_at <= moment
    );
end $$;

-- The person at the other end: oxy_ai.records.Contact.
create or replace function contact_document(c contacts) returns jsonb
language plpgsql stable
as $$
begin
    return jsonb_build_object(
        'id', c.id, 'name', c.name, 'phone', c.phone, 'private', is_private(c), 'opt_out', c.opt_out,
        'opt_out_unconfirmed', c.opt_out_unconfirmed
    );
end $$;

-- A message's age in seconds.
create or replace function age_at(m messages, moment timestamptz) returns double precision
language sql immutable parallel safe
as $$ select m.age_seconds + extract(epoch from moment - m.arrived_at)::double precision $$;

-- The newest messages that a turn answers, oldest first, with their age at `moment`: oxy_ai.records.Input.
create or replace function inputs_of(t turns, limits jsonb, moment timestamptz) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(s.said || jsonb_build_object(
            'trace', (s.m).trace, 'age_seconds', age_at(s.m, moment)
        ) order by s.place, s.id), '[]')
        from (
            select w.*, sum(characters_of(w.said)) over (order by w.place desc, w.id desc) as so_far from (
                select n.*, as_said(n.m, limits) as said from (
                    select m, m.place, m.id from messages m where m.turn_id = t.id and m.state = 'open'
                    order by m.place desc, m.id desc limit (limits ->> 'messages')::integer
                ) n offset 0  -- so that each is read once
            ) w
        ) s where s.so_far <= (limits ->> 'characters')::integer
    );
end $$;

-- How many messages a turn answers, including those beyond the limits.
create or replace function inputs_total(t turns) returns integer
language plpgsql stable
as $$
begin
    return (select count(*) from messages m where m.turn_id = t.id and m.state = 'open');
end $$;

-- Whether a message may be shown to the model as said: an assistant's only if it was sent, or is about to be.
-- Its cost lets the planner walk a chat from its newest message until it has enough, instead of sorting the whole chat.
create or replace function was_said(m messages) returns boolean
language plpgsql stable cost 10000
as $$
begin
    return m.outbox_id is null or exists (
        select from outbox o where o.organization_id = m.organization_id and o.id = m.outbox_id
            and o.state in ('pending', 'accepted', 'sent', 'delivered', 'read')
    );
end $$;

-- Whether a message is shown beside a turn's inputs: not what only changes another one or tells of the chat.
create or replace function is_shown(m messages) returns boolean
language sql immutable parallel safe
as $$
    select m.state is distinct from 'open' and says_something(m.kind) and (m.kind <> 'text' or m.body is not null)
        and not m.command
$$;

-- The newest `wanted` messages of the conversation beside the turn's inputs, oldest first: oxy_ai.records.HistoryMessage.
-- Planned for any chat, and without bitmaps: the planner would rather look for all messages of the organization, which
-- row-level security asks for as well and which it takes for one of average size, than ask `was_said` of a few more.
create or replace function history_of(t turns, wanted integer, limits jsonb) returns jsonb
language plpgsql stable set enable_bitmapscan to off set plan_cache_mode to force_generic_plan
as $$
begin
    return (
        select coalesce(jsonb_agg(
            jsonb_build_object('author', (s.m).author) || s.said order by s.place, s.id
        ), '[]')
        from (
            select w.*, sum(characters_of(w.said)) over (order by w.place desc, w.id desc) as so_far from (
                select n.*, as_said(n.m, limits) as said from (
                    select m, m.place, m.id from messages m
                    where m.conversation_id = t.conversation_id and m.place <= t.place
                        and m.turn_id is distinct from t.id and is_shown(m) and was_said(m)
                    order by m.place desc, m.id desc limit wanted
                ) n offset 0  -- as in inputs_of
            ) w
        ) s where s.so_far <= (limits ->> 'characters')::integer
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
        from turn_steps s where s.organization_id = t.organization_id and s.turn_id = t.id and s.round >= 0
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

-- Store a step (oxy_ai.records.NewStep) with the call that it came from.
create or replace function store_step(organization uuid, turn bigint, step jsonb) returns void
language plpgsql
as $$
begin
    insert into turn_steps (organization_id, turn_id, round, response)
    values (organization, turn, (step ->> 'round')::smallint, step -> 'response');
    perform record_call(organization, step -> 'call');
end $$;

-- Store the step that a turn ends with, if there is one; `used`: its text is the answer.
create or replace function store_last_step(organization uuid, turn bigint, step jsonb, used boolean) returns void
language plpgsql
as $$
begin
    if jsonb_typeof(step) = 'object' then
        perform store_step(organization, turn, case when used then step
            else jsonb_set(step, '{call,outcome}', '"discarded"') end);
    end if;
end $$;

-- Store a tool's result, in the transaction of the tool's own writes. Returns the turn's order to hand over.
create or replace function store_result(organization uuid, turn bigint, step_round integer, tool_call text, result text)
returns jsonb
language plpgsql
as $$
begin
    update turn_steps set results = results || jsonb_build_object(tool_call, result)
    where organization_id = organization and turn_id = turn and round = step_round;
    return (select t.hand_over from turns t where t.organization_id = organization and t.id = turn);
end $$;

-- End a turn: store its answers and mark its inputs as answered, or as stale, in one transaction. `ending` is
-- oxy_ai.records.TurnEnding; `last_step` is the final response, null if it is stored already or no model was asked.
-- Returns {state, more}; `more`: the conversation has messages left to answer. Null: the fence is lost. A replayed turn
-- that a takeover has interrupted waits for its end, and one of whose inputs was revoked is tried again without it (state
-- waiting). If `may_regenerate` allows it, an answer to which a message has come meanwhile is discarded (state
-- regenerated). What is `urgent` counts although people answer.
create or replace function end_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, ending jsonb
) returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    people_answer boolean := v.human_until > clock_timestamp() and (ending ->> 'urgent')::boolean is not true;
    late boolean := (ending ->> 'may_regenerate')::boolean and ending ->> 'state' = 'answered' and has_late(v);
    t turns;
begin
    if v.id is null then
        return null;
    elsif is_replayed(organization, turn) and (people_answer or leave_out_revoked(turn)) then
        perform postpone(v, greatest(v.human_until, clock_timestamp()));
        return '{"state": "waiting", "more": false}';
    end if;
    people_answer := people_answer is true or has_settled_input(turn);
    late := late is true and not people_answer;
    perform store_last_step(organization, turn, ending -> 'last_step', not people_answer and not late);
    if late then
        return regenerate(v, turn);
    elsif people_answer then
        -- A person took over, or an input was revoked, while the model was answering: the cost is kept, nothing is sent.
        ending := ending || '{"state": "skipped", "reason": "human", "answers": [], "draft": null, "exchanges": null}';
    elsif ending ->> 'state' = 'answered' then
        perform settle_stale(v, turn, ending -> 'age_limit');
        perform confirm_opt_out(v, ending ->> 'confirms_opt_out');
    end if;
    v.exchanges := coalesce(with_end(ending -> 'exchanges', clock_timestamp()), v.exchanges);
    t := close_turn(organization, turn, ending ->> 'state', ending ->> 'reason', ending ->> 'role');
    perform queue_answers(v, t, ending);
    perform keep_draft(t, ending ->> 'draft');
    v := release(hand_over(without_turn(v, t), t, order_of(t, ending -> 'hand_over')));
    if ending -> 'answers' <> '[]' then
        perform send_queued(v.organization_id, v.instance_id);
    end if;
    return jsonb_build_object('state', t.state, 'more', v.due_at is not null);
end $$;

-- Whether a message has come since a conversation's turn opened, and none before it is missing.
create or replace function has_late(v conversations) returns boolean
language plpgsql stable set enable_seqscan to off
as $$
begin
    return coalesce(gap_until(v) <= clock_timestamp(), true) and exists (
        select from messages m
        where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null and not is_awaited(m)
    );
end $$;

-- Discard what was made of a turn, but not what it cost: the turn is tried again, with what has come since, once the
-- customer has stopped writing.
create or replace function regenerate(v conversations, turn bigint) returns jsonb
language plpgsql
as $$
declare
    ai jsonb := ai_settings(v);
begin
    update turn_steps s set round = d.least - 1 - s.round from (
        select least(min(o.round), 0) as least from turn_steps o
        where o.organization_id = v.organization_id and o.turn_id = turn
    ) d where s.organization_id = v.organization_id and s.turn_id = turn and s.round >= 0;
    update turns set reason = 'late', regenerations = regenerations + 1, hand_over = null, attachments = '[]'
    where organization_id = v.organization_id and id = turn;
    perform postpone(v, greatest(clock_timestamp(), due_time(
        clock_timestamp(), v.pending_since, v.last_inbound_at, null, null,
        make_interval(secs => (ai ->> 'debounce_seconds')::double precision),
        make_interval(secs => (ai ->> 'debounce_max_seconds')::double precision)
    )));
    return '{"state": "regenerated", "more": true}';
end $$;

-- Keep the answer that an assistant would have given; null: none.
create or replace function keep_draft(t turns, answer text) returns void
language sql
as $$
    insert into drafts (organization_id, turn_id, conversation_id, body)
    select t.organization_id, t.id, t.conversation_id, answer where answer is not null
$$;

-- A conversation's exchanges (oxy_ai.records.Exchanges) once the last has ended; null: it has none.
create or replace function with_end(exchanges jsonb, moment timestamptz) returns jsonb
language sql stable parallel safe
as $$
    select case when jsonb_typeof(exchanges) = 'object'
                then exchanges || jsonb_build_object('ended_at', moment) end
$$;

-- Settle those inputs of a turn that were too old for its answer, also of those that it did not read. `age_limit` is
-- oxy_ai.records.AgeLimit; null: none was.
create or replace function settle_stale(v conversations, turn bigint, age_limit jsonb) returns void
language plpgsql
as $$
begin
    update messages m set state = 'ignored', reason = 'stale', settled_at = clock_timestamp()
    where m.turn_id = turn and m.state = 'open'
        and age_at(m, (age_limit ->> 'read_at')::timestamptz) > (age_limit ->> 'seconds')::double precision;
    if found then
        perform note_for_owner(v.organization_id, v.instance_id, 'stale', 'turn:' || turn);
    end if;
end $$;

-- Whether a person has answered one of a turn's inputs, or its sender has revoked it.
create or replace function has_settled_input(turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from messages m
        where m.turn_id = turn and (m.state = 'person' or m.state = 'ignored' and m.reason = revoked_by_sender())
    );
end $$;

-- What becomes of a turn's inputs as it ends: open again, if a person's message or a merge cut it short.
create or replace function state_after_turn(final_state text, why text) returns message_state
language sql immutable parallel safe
as $$
    select case
        when final_state = 'answered' then 'answered'
        when final_state = 'dead' then 'dead'
        when final_state = 'replaced' or why = 'human' then 'open'
        else 'ignored'
    end::message_state
$$;

create or replace function close_turn(organization uuid, turn bigint, final_state text, why text, role text)
returns turns
language plpgsql
as $$
declare
    t turns;
begin
    update turns set state = final_state, reason = why, assistant = role, finished_at = clock_timestamp()
    where organization_id = organization and id = turn returning * into t;
    perform settle_inputs(t, state_after_turn(final_state, why));
    return t;
end $$;

create or replace function settle_inputs(t turns, final_state message_state) returns void
language plpgsql
as $$
begin
    if final_state = 'open' then
        update messages set turn_id = null where turn_id = t.id and state = 'open';
    else
        update messages
        set state = final_state, settled_at = clock_timestamp(),
            reason = case when final_state in ('ignored', 'dead') then coalesce(t.reason, t.state) end
        where turn_id = t.id and state = 'open';
    end if;
    if t.reason = 'stale' then
        perform note_for_owner(t.organization_id, t.instance_id, 'stale', 'turn:' || t.id);
    end if;
end $$;
