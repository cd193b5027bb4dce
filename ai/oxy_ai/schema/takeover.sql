-- When a person of the business answers from the phone, the assistant is silent for spec.ai.takeoverMinutes.

-- When the silence after a person's message ends; never earlier than the current end.
create or replace function takeover_end(until_now timestamptz, sent_at timestamptz, silence interval)
returns timestamptz
language sql immutable parallel safe
as $$ select greatest(until_now, sent_at + silence) $$;

-- Count everything so far as answered and silence the assistant. A running turn is left alone: end_turn discards its
-- answer.
create or replace function person_takes_over(v conversations, sent_at timestamptz, silence interval)
returns conversations
language plpgsql
as $$
begin
    v.human_until := takeover_end(v.human_until, sent_at, silence);
    v.answered_seq := v.inbound_seq;
    v.pending_since := null;
    if v.lease_until is null then
        perform replace_turn(v.organization_id, v.turn_id, 'human');
        v.turn_id := null;
        v.due_at := null;
    end if;
    return v;
end $$;

-- Release a claimed conversation without answering: a person has taken over, or nothing is pending. Pending messages
-- are due when the takeover ends.
create or replace function leave_unanswered(v conversations) returns void
language plpgsql
as $$
begin
    perform replace_turn(v.organization_id, v.turn_id, 'human');
    v.due_at := case when v.inbound_seq > v.answered_seq then v.human_until end;
    update conversations set turn_id = null, lease_until = null, due_at = v.due_at
    where organization_id = v.organization_id and id = v.id;
    if v.due_at is not null then
        perform wake_org(v.organization_id, v.due_at);
    end if;
end $$;
