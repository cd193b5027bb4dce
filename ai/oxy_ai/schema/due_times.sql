-- When a conversation is due.

-- When to answer, as seen at `moment`: `debounce` after the newest open message, but at most `debounce_max` after the
-- first; during a takeover, when that ends. Missing messages are waited for until `gap_until`. Null: none is open.
create or replace function due_time(
    moment timestamptz, pending_since timestamptz, last_inbound_at timestamptz, human_until timestamptz,
    gap_until timestamptz, debounce interval, debounce_max interval
) returns timestamptz
language sql immutable parallel safe
as $$
    select case when pending_since is not null then greatest(
        case when human_until > moment then human_until
             else least(last_inbound_at + debounce, pending_since + debounce_max) end,
        gap_until
    ) end
$$;

-- A customer seems to write of an emergency at this place; null: he does not. A turn looks at it soon, whoever answers and
-- whatever the open turn waits for.
create or replace function raise_alarm(v conversations, at place) returns conversations
language plpgsql stable
as $$
begin
    if at is not null then
        v.urgent := greatest(v.urgent, at);
        if v.lease_until is null and v.turn_id is not null then
            v.due_at := least(v.due_at, clock_timestamp());
        end if;
    end if;
    return v;
end $$;

-- When to try an open turn again: at `moment`, or now if an emergency has come that it does not know of.
create or replace function next_attempt(v conversations, moment timestamptz) returns timestamptz
language plpgsql stable
as $$
begin
    return case when v.urgent is not null and exists (
        select from turns t
        where t.organization_id = v.organization_id and t.id = v.turn_id and is_unaware(v, t)
    ) then least(moment, clock_timestamp()) else moment end;
end $$;

-- The conversation once this turn has ended.
create or replace function without_turn(v conversations, t turns) returns conversations
language plpgsql stable
as $$
begin
    v.turn_id := null;
    v.urgent := case when is_unaware(v, t) then v.urgent end;
    return v;
end $$;

-- Set when the conversation is due. The inputs of an open or running turn are fixed, so its due time (the retry, or the
-- end of the lease) does not change. An emergency is looked at while people answer, too.
create or replace function reschedule(v conversations, ai jsonb) returns conversations
language plpgsql stable
as $$
begin
    if v.lease_until is null and v.turn_id is null then
        v.due_at := due_by_files(v, ai, due_time(
            clock_timestamp(), v.pending_since, v.last_inbound_at,
            case when v.urgent is null then v.human_until end, gap_until(v),
            make_interval(secs => (ai ->> 'debounce_seconds')::double precision),
            make_interval(secs => (ai ->> 'debounce_max_seconds')::double precision)
        ));
    end if;
    return v;
end $$;

-- When a conversation is due that would be at `moment` if no file was waited for. An emergency waits for none.
create or replace function due_by_files(v conversations, ai jsonb, moment timestamptz) returns timestamptz
language plpgsql stable
as $$
begin
    return case when moment is not null and v.media_until > clock_timestamp() and (v.urgent is null or not has_ready(v))
                then greatest(moment, due_with_files(v, ai)) else moment end;
end $$;

-- Read from the messages since when the conversation has open ones, and how long their files are waited for.
-- Without sequential scans: row-level security keeps the planner from knowing that few messages are open.
create or replace function recount(v conversations) returns conversations
language plpgsql stable set enable_seqscan to off
as $$
begin
    -- Materialized, or the planner might look for the minimum by walking all messages in the order of their arrival.
    with waiting as materialized (
        select m.arrived_at, m.awaited_until from messages m where m.conversation_id = v.id and m.state = 'open'
    )
    select min(w.arrived_at), coalesce(max(w.arrived_at), v.last_inbound_at), max(w.awaited_until)
    into v.pending_since, v.last_inbound_at, v.media_until
    from waiting w;
    return v;
end $$;

-- Release a claimed conversation and set when it is due next.
create or replace function release(v conversations) returns conversations
language plpgsql
as $$
begin
    v.lease_until := null;
    v := reschedule(recount(v), ai_settings(v));
    update conversations
    set turn_id = v.turn_id, lease_until = null, claims = default, pending_since = v.pending_since,
        media_until = v.media_until, last_inbound_at = v.last_inbound_at, due_at = v.due_at, exchanges = v.exchanges, urgent = v.urgent
    where organization_id = v.organization_id and id = v.id;
    if v.due_at is not null then
        perform wake_org(v.organization_id, v.due_at);
    end if;
    return v;
end $$;
