-- What became of the customers' messages. A check of the table holds that each has exactly one state; what follows shows
-- whether each open one is on its way to a final one.

-- An organization's messages by state and reason; `since`: when the oldest of them got there.
create or replace function message_counts(organization uuid)
returns table (state message_state, reason text, messages bigint, since timestamptz)
language plpgsql stable
as $$
begin
    return query
    select m.state, m.reason, count(*), min(coalesce(m.settled_at, m.arrived_at))
    from messages m where m.organization_id = organization and m.state is not null
    group by m.state, m.reason;
end $$;

-- Why nothing will happen to an open message; null: it waits for its conversation's due time, or its turn is open.
create or replace function stranded(m messages, v conversations, t turns) returns text
language sql immutable parallel safe
as $$
    select case
        when v.merged_into is not null then 'its conversation was merged into another'
        when v.pending_since is null then 'its conversation does not count it'
        when v.due_at is null then 'its conversation is not due'
        when m.turn_id is not null and t.state is distinct from 'open' then 'its turn has ended'
        when m.turn_id is not null and m.turn_id is distinct from v.turn_id then 'its turn was forgotten'
    end
$$;

-- An organization's open messages to which nothing will happen. None, unless the engine has a fault.
create or replace function stranded_messages(organization uuid)
returns table (message bigint, conversation bigint, wrong text, since timestamptz)
language plpgsql stable
as $$
begin
    return query
    select m.id, v.id, stranded(m, v, t), m.arrived_at
    from messages m
    join conversations v on v.organization_id = organization and v.id = m.conversation_id
    left join turns t on t.organization_id = organization and t.id = m.turn_id
    where m.organization_id = organization and m.state = 'open' and stranded(m, v, t) is not null;
end $$;
