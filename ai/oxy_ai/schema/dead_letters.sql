-- Turns that failed for good: listing, replaying and dropping them.

-- The ids of all organizations' dead turns.
create or replace function dead_turns() returns table (organization uuid, turn bigint)
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    key uuid;
begin
    for key in select q.organization_id from org_queue q order by 1 loop
        perform enter_org(key);
        return query
        select t.organization_id, t.id from turns t where t.organization_id = key and t.state = 'dead' order by 2;
    end loop;
    perform set_config('oxy.org', '', true);
end $$;

-- Reopen a dead turn with new attempts because a person asked for it (`who`): it is answered whatever its age, but not
-- while a person of the business is writing: then it waits for the end of the takeover. If the conversation was merged
-- into another, it goes on there. `unless_answered`: only if no person has written since.
-- Returns {outcome, due}; outcome: replayed, missing (no such dead turn), busy (the conversation has another open turn)
-- or answered (a person has written since).
create or replace function replay_turn(organization uuid, turn bigint, who text, unless_answered boolean) returns jsonb
language plpgsql
as $$
declare
    v conversations;
    due timestamptz;
begin
    perform enter_org(organization);
    v := conversation_of_dead_turn(organization, turn);
    if v.id is null then
        return '{"outcome": "missing"}';
    elsif v.turn_id is not null or v.lease_until is not null then
        return '{"outcome": "busy"}';
    elsif unless_answered and is_answered_by_person(v, turn) then
        return '{"outcome": "answered"}';
    end if;
    if v.human_reason = 'hand_over' then  -- nobody is writing: people were to answer, and ask for this answer instead
        v := hand_back(v, v.place, 'replayed');
        perform save_human_mode(v);
    elsif (open_hand_over(v)).turn_id = turn then  -- its death has silenced nobody
        perform end_hand_over(v, 'replayed');
    end if;
    perform reopen_turn(organization, turn, v.id);
    due := greatest(v.human_until, clock_timestamp());
    update conversations set turn_id = turn, due_at = due, pending_since = coalesce(pending_since, clock_timestamp())
    where organization_id = organization and id = v.id;
    insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'turn_replayed', turn);
    perform wake_org(organization, due);
    return jsonb_build_object('outcome', 'replayed', 'due', case when due > clock_timestamp() then due end);
end $$;

-- The conversation in which a dead turn goes on, locked; all null: there is no such turn.
create or replace function conversation_of_dead_turn(organization uuid, turn bigint) returns conversations
language plpgsql
as $$
declare
    v conversations;
begin
    select c.* into v from turns t
    join conversations c on c.organization_id = organization and c.id = kept_conversation(organization, t.conversation_id)
    where t.organization_id = organization and t.id = turn and t.state = 'dead'
    for no key update of c;
    return v;
end $$;

-- Whether a person of the business has written in the chat since a turn's inputs.
create or replace function is_answered_by_person(v conversations, turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from messages m where m.turn_id = turn and person_has_answered(v, m.place, m.sent_at)
    );
end $$;

-- Open a dead turn again, in this conversation. It no longer depends on what was said when it opened first.
create or replace function reopen_turn(organization uuid, turn bigint, conversation bigint) returns void
language plpgsql
as $$
begin
    update turns
    set state = 'open', replayed = true, conversation_id = conversation, attempts = 0, waits = 0, waiting_since = null,
        reason = null, hand_over = null, finished_at = null, based_on = null, based_on_epoch = null
    where organization_id = organization and id = turn;
    update messages set state = 'open', reason = null, settled_at = null where turn_id = turn and state = 'dead';
end $$;

create or replace function drop_turn(organization uuid, turn bigint, who text) returns text
language plpgsql
as $$
begin
    perform enter_org(organization);
    update turns set state = 'dropped' where organization_id = organization and id = turn and state = 'dead';
    if not found then
        return 'missing';
    end if;
    insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'turn_dropped', turn);
    return 'dropped';
end $$;
