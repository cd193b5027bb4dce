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

-- Reopen a dead turn with new attempts: it is due at once, and a worker claims it like any other.
-- Returns replayed, missing (no such dead turn) or busy (the conversation has another open turn).
create or replace function replay_turn(organization uuid, turn bigint, who text) returns text
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    select c.* into v from conversations c join turns t on t.organization_id = organization and t.id = turn
        and t.state = 'dead' and t.conversation_id = c.id
    where c.organization_id = organization for no key update of c;
    if not found then
        return 'missing';
    elsif v.turn_id is not null or v.lease_until is not null then
        return 'busy';
    end if;
    update turns set state = 'open', attempts = 0, reason = null, finished_at = null
    where organization_id = organization and id = turn;
    update messages m set state = 'open', reason = null, settled_at = null
    where m.turn_id = turn and m.state = 'dead';
    update conversations set turn_id = turn, due_at = clock_timestamp()
    where organization_id = organization and id = v.id;
    insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'turn_replayed', turn);
    perform wake_org(organization, clock_timestamp());
    return 'replayed';
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
