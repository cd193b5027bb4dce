-- Messages that a pod publishes again, because what the platform stored of them may be lost. `settled` is what the pod's
-- journal says of them (oxy_core.envelopes.Settled); null: they are published for the first time.

-- What the pod says of a message that this database may have forgotten: one from before it was made, or set back. Of any
-- other message the database itself knows better: here it never came, whatever was said after it.
create or replace function settled_before(item jsonb) returns text
language sql stable security definer set search_path = public, pg_temp
as $$
    select item ->> 'settled' from database_state d
    where greatest(d.created_at, d.held_until)
        > clock_timestamp() - make_interval(secs => (item ->> 'age_seconds')::double precision)
$$;

-- The state of a message that would be open, had it just come. Lost: nobody can tell whether it was answered.
create or replace function state_published_again(state message_state, settled text) returns message_state
language sql immutable parallel safe
as $$
    select case
        when state is distinct from 'open' then state
        when settled = 'answered' then 'ignored'
        when settled = 'person' then 'person'
        when settled = 'unknown' then 'lost'
        else state
    end::message_state
$$;

create or replace function reason_published_again(state message_state) returns text
language sql immutable parallel safe
as $$
    select case state
        when 'ignored' then 'answered before the database began anew'
        when 'lost' then 'perhaps answered before the database began anew'
    end
$$;

-- The owner hears of a message of which nobody can tell whether it was answered.
create or replace function note_perhaps_answered(v conversations, m inbound_message) returns void
language sql
as $$
    select note_for_owner(l.organization_id, l.instance_id, 'stale', 'message:' || l.id)
    from messages l
    where l.state = 'lost' and m.kind <> 'undecryptable' and l.instance_id = v.instance_id and l.chat = m.chat
        and l.sender = m.sender and l.whatsapp_id = m.whatsapp_id and not l.placeholder
$$;

-- While turns wait, because this database is an older copy: settle a message that it has as open.
create or replace function settle_published_again(v conversations, m inbound_message, settled text) returns conversations
language plpgsql
as $$
declare
    final message_state := state_published_again('open', settled);
    turn bigint;
begin
    if settled is null or final = 'open' or may_claim(null, null) then
        return v;
    end if;
    update messages o
    set state = final, reason = reason_published_again(final), settled_at = clock_timestamp()
    where o.instance_id = v.instance_id and o.chat = m.chat and o.sender = m.sender and o.whatsapp_id = m.whatsapp_id
        and not o.placeholder and o.state = 'open'
    returning o.turn_id into turn;
    perform note_perhaps_answered(v, m);
    if turn = v.turn_id then
        perform replace_turn(v.organization_id, v.turn_id, 'human');
        v.turn_id := null;
    end if;
    return recount(v);
end $$;
