-- When a person of the business answers from the phone, the assistant is silent for spec.ai.takeoverMinutes.

-- When the silence after a person's message ends; never earlier than the current end.
create or replace function takeover_end(until_now timestamptz, written_at timestamptz, silence interval)
returns timestamptz
language sql immutable parallel safe
as $$ select greatest(until_now, written_at + silence) $$;

-- How long the assistant is silent after a person wrote.
create or replace function silence_of(ai jsonb) returns interval
language sql immutable parallel safe
as $$ select make_interval(mins => (ai ->> 'takeover_minutes')::integer) $$;

-- Whether what a person wrote, as noted in one journal of the chat, answers a message: what precedes it in the journal;
-- between journals, what was not sent after it.
create or replace function answers(j chat_journals, at place, sent_at timestamptz) returns boolean
language sql immutable parallel safe
as $$
    select case when j.epoch = at.epoch then j.own_sequence > at.sequence else j.own_sent_at >= sent_at end is true
$$;

create or replace function person_has_answered(v conversations, at place, sent_at timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return exists (select from chat_journals j where j.conversation_id = v.id and answers(j, at, sent_at));
end $$;

-- Settle the open messages that a person has answered, but not those of a turn that a person has asked for. An open turn that had one of them as input is replaced, and its
-- other inputs are open again; a running one is left to its worker: end_turn discards its answer.
-- Without sequential scans, as `recount`.
create or replace function settle_answered(v conversations) returns conversations
language plpgsql set enable_seqscan to off
as $$
declare
    in_turn boolean;
begin
    with answered as (
        update messages m set state = 'person', settled_at = clock_timestamp()
        where m.conversation_id = v.id and m.state = 'open' and not is_replayed(v.organization_id, m.turn_id)
            and exists (
                select from chat_journals j where j.conversation_id = v.id and answers(j, m.place, m.sent_at)
            )
        returning m.turn_id
    )
    select coalesce(bool_or(a.turn_id = v.turn_id), false) into in_turn from answered a;
    if in_turn and v.lease_until is null then
        perform replace_turn(v.organization_id, v.turn_id, 'human');
        v.turn_id := null;
    end if;
    return recount(v);
end $$;

-- A person wrote at `written_at`: silence the assistant, and settle what precedes the message. Whoever was handed over has
-- an answer now, and the silence is a takeover's; but a message from before that, stored late, changes nothing of it, nor
-- does one from before people handed back.
create or replace function person_takes_over(v conversations, at place, written_at timestamptz, silence interval)
returns conversations
language plpgsql
as $$
begin
    if v.handed_back >= at is not true then
        v := end_waiting(v, (open_hand_over(v)).place < at);
        v := begin_human_mode(v, written_at, written_at, silence, 'answered');
    end if;
    return settle_answered(v);
end $$;

-- Release a claimed conversation without answering: a person has taken over, messages are missing, or none is open. A
-- replayed turn stays open until the takeover ends.
create or replace function leave_unanswered(v conversations) returns void
language plpgsql
as $$
begin
    if is_replayed(v.organization_id, v.turn_id) then
        perform postpone(v, v.human_until);
        return;
    end if;
    perform replace_turn(v.organization_id, v.turn_id, 'human');
    v.turn_id := null;
    perform release(v);
end $$;
