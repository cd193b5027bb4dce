-- What the owners' assistant would do and has asked an owner about: one question at a time in a conversation. Only the first
-- turn that opens after the question answers it, so that no later yes, and no other owner's, is taken for one. A question is
-- withdrawn (undone before any turn answers it) if it names somebody who was forgotten: the first turn after it says so.

-- Whether a turn's newest response calls a tool several times, for different things: to close this day, and that one.
create or replace function calls_for_several(t_organization uuid, t_id bigint, tool text) returns boolean
language plpgsql stable
as $$
begin
    return (
        select count(distinct c.call ->> 'arguments') > 1 from (
            select s.response from turn_steps s
            where s.organization_id = t_organization and s.turn_id = t_id order by s.round desc limit 1
        ) newest, jsonb_array_elements(newest.response -> 'tool_calls') as c (call)
        where c.call ->> 'name' = tool
    );
end $$;

-- Keep what a tool of a turn proposes, before it is asked. One that proposes again corrects itself. False: the turn has
-- proposed something else, and the owner is told that there was more.
create or replace function prepare_proposal(t_organization uuid, t_id bigint, proposed jsonb) returns boolean
language plpgsql
as $$
begin
    insert into proposals as p (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent)
    select t.organization_id, t.instance_id, t.conversation_id, t.id, proposed ->> 'tool', proposed -> 'arguments',
        proposed ->> 'intent'
    from turns t where t.organization_id = t_organization and t.id = t_id
    on conflict (organization_id, turn_id) do update
    set arguments = excluded.arguments, intent = excluded.intent
    where p.tool = excluded.tool and p.state = 'prepared'
        and (not calls_for_several(t_organization, t_id, p.tool) or p.arguments = excluded.arguments);
    if not found then
        update proposals p set more = true where p.organization_id = t_organization and p.turn_id = t_id;
        return false;
    end if;
    return true;
end $$;

-- What a turn has prepared and not asked yet: oxy_ai.records.PreparedProposal; null: nothing.
create or replace function prepared_proposal(organization uuid, turn bigint) returns jsonb
language plpgsql stable
as $$
begin
    perform enter_org(organization);
    return (
        select jsonb_build_object('id', p.id, 'intent', p.intent, 'more', p.more) from proposals p
        where p.organization_id = organization and p.turn_id = turn and p.state = 'prepared'
    );
end $$;

-- A turn ends, with the question about what it has prepared, the text `question` of the outbox; null: with none.
create or replace function ask_proposal(v conversations, t turns, question uuid) returns void
language plpgsql
as $$
declare
    asked bigint;
begin
    perform leave_proposal_open(v, t);
    if question is null or t.state <> 'answered' then
        return;
    end if;
    update proposals p
    set state = case p.state when 'prepared' then 'open' else p.state end, question_id = question
    where p.organization_id = t.organization_id and p.turn_id = t.id and p.question_id is null
        and p.state in ('prepared', 'undone')
    returning p.id into asked;
    update conversations c set proposal_id = asked
    where c.organization_id = t.organization_id and c.id = t.conversation_id and asked is not null;
end $$;

-- A turn opens: it answers the question that was asked last, unless another has.
create or replace function answer_proposal(v conversations, t turns) returns void
language plpgsql
as $$
begin
    if v.proposal_id is not null then
        update proposals p set answer_turn = t.id
        where p.organization_id = v.organization_id and p.id = v.proposal_id and p.state in ('open', 'undone')
            and p.answer_turn is null;
    end if;
end $$;

-- A turn was no answer after all: it had nothing but a reaction that says neither yes nor no.
create or replace function leave_proposal_open(v conversations, t turns) returns void
language plpgsql
as $$
begin
    if v.proposal_id is not null and t.reason = 'reaction' then
        update proposals p set answer_turn = null
        where p.organization_id = v.organization_id and p.id = v.proposal_id and p.state in ('open', 'undone')
            and p.answer_turn = t.id;
    end if;
end $$;

-- The question that was asked last in a conversation, as a turn sees it: oxy_ai.records.Proposal; null: none was.
create or replace function proposal_document(v conversations, t turns, moment timestamptz) returns jsonb
language plpgsql stable
as $$
begin
    if v.proposal_id is null then
        return null;
    end if;
    return (
        select jsonb_build_object(
            'id', p.id, 'tool', p.tool, 'arguments', p.arguments, 'intent', p.intent, 'state', p.state,
            'outcome', p.outcome, 'answers', p.answer_turn = t.id is true, 'question', o.whatsapp_id,
            'withdrawn', (p.answer_turn = t.id and p.ended_at < t.created_at) is true,
            'asked_seconds', extract(epoch from moment - asked_at(o)),
            'just_ended', p.ended_at is not null and not exists (
                select from turns n where n.conversation_id = v.id and n.state = 'answered' and n.id > p.answer_turn
            )
        )
        from proposals p join outbox o on o.organization_id = p.organization_id and o.id = p.question_id
        where p.organization_id = v.organization_id and p.id = v.proposal_id
    );
end $$;

-- When a question was sent; null: it was not, as far as anybody knows.
create or replace function asked_at(o outbox) returns timestamptz
language sql immutable parallel safe
as $$
    select case when o.state in ('sent', 'delivered', 'read') then coalesce(o.closed_at, o.accepted_at)
                when o.state in ('accepted', 'ambiguous') then o.accepted_at end
$$;

-- A message's state on arrival if it may answer the open question with a reaction: that needs an answer, too.
create or replace function state_as_answer(v conversations, m inbound_message, state message_state) returns message_state
language plpgsql stable
as $$
begin
    return case when m.kind = 'reaction' and state = 'ignored'
            and (may_answer(v, target_of(m)) or may_confirm(v, target_of(m))) then 'open' else state end;
end $$;

-- Whether a reaction to the message `target` may answer the open question of its conversation: nobody else's would open a
-- turn. A question whose id is not known yet may be the one.
create or replace function may_answer(v conversations, target text) returns boolean
language plpgsql stable
as $$
begin
    return v.proposal_id is not null and exists (
        select from proposals p join outbox o on o.organization_id = p.organization_id and o.id = p.question_id
        where p.organization_id = v.organization_id and p.id = v.proposal_id and p.state in ('open', 'undone')
            and p.answer_turn is null and coalesce(o.whatsapp_id = target, true)
    );
end $$;

-- Whether a turn may carry out a proposal now, under the lock of its conversation: it was not settled before, and the owner
-- has neither taken his yes back nor sent anything else, though it be a voice note that nobody has heard yet.
-- Without sequential scans, as `recount`.
create or replace function may_carry_out(v conversations, turn bigint, proposal bigint) returns boolean
language plpgsql set enable_seqscan to off
as $$
begin
    return not has_settled_input(turn) and not exists (
        select from messages m where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null
    ) and exists (
        select from proposals p
        where p.organization_id = v.organization_id and p.id = proposal and p.state = 'open' and p.answer_turn = turn
        for no key update
    );
end $$;

-- Settle a question: `how` is done, undone (it could not be done any more), declined, set_aside (the owner wrote of
-- something else) or expired; `said` is what he is told. Each is in the audit log, once.
create or replace function settle_proposal(
    organization uuid, turn bigint, proposal bigint, how text, said text, who text
) returns boolean
language plpgsql
as $$
declare
    p proposals;
begin
    update proposals q set state = how, outcome = said, ended_at = clock_timestamp()
    where q.organization_id = organization and q.id = proposal and q.state = 'open' returning * into p;
    if p.id is null then
        return false;
    end if;
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    values (organization, who, 'proposal_' || how, turn, p.tool || ': ' || p.intent || E'\n' || said);
    return true;
end $$;

-- Whether a question is open that no turn answers: none has come, or it has ended without, because it died or people took
-- the chat over.
create or replace function is_unanswered(p proposals) returns boolean
language plpgsql stable
as $$
begin
    return p.state = 'open' and not exists (
        select from turns t where t.organization_id = p.organization_id and t.id = p.answer_turn and t.state = 'open'
    );
end $$;

-- Questions that were sent, and that nobody has answered within `patience`. A message that waits for its turn may.
create or replace function unanswered_proposals(patience interval)
returns table (organization uuid, instance uuid, proposal bigint, intent text)
language plpgsql
as $$
begin
    for organization in select * from known_organizations() loop
        perform enter_org(organization);
        return query
        select p.organization_id, p.instance_id, p.id, p.intent from proposals p
        join outbox o on o.organization_id = p.organization_id and o.id = p.question_id
        join conversations v on v.organization_id = p.organization_id and v.proposal_id = p.id
        where p.organization_id = organization and p.state = 'open' and is_unanswered(p)
            and asked_at(o) + patience <= clock_timestamp() and v.pending_since is null;
    end loop;
end $$;

-- Settle a question that nobody has answered in time, and tell the owner with `message` (oxy_ai.records.Answer). False: he
-- has written meanwhile.
create or replace function expire_proposal(organization uuid, proposal bigint, message jsonb) returns boolean
language plpgsql
as $$
declare
    v conversations;
    t turns;
begin
    perform enter_org(organization);
    select * into v from conversations c where c.organization_id = organization and c.proposal_id = proposal
    for no key update;
    select * into t from turns a where a.organization_id = organization and a.id = (
        select p.turn_id from proposals p
        where p.organization_id = organization and p.id = proposal and is_unanswered(p)
    );
    if v.pending_since is not null or t.id is null
        or not settle_proposal(organization, t.id, proposal, 'expired', message ->> 'text', 'worker') then
        return false;
    end if;
    perform queue_text(v, t, message, null);
    perform send_queued(v.organization_id, v.instance_id);
    return true;
end $$;
