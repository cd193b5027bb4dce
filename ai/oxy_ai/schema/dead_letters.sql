-- Turns that failed for good: listing, replaying and dropping them.

-- A page of the dead turns of all organizations, or of one, the first death first: those after (`since`, `last`) that had
-- died by `until`. `only_at`: only those of instances of this name. Each page asks every organization's index once.
create or replace function dead_turns(
    only_of uuid, only_at text, since timestamptz, last bigint, until timestamptz, how_many integer
) returns setof dead_turn
language sql
as $$
    select d.* from (select k from known_organizations() k where only_of is null or k = only_of) o,
        dead_turns_of(o.k, only_at, since, last, until, how_many) d
    order by d.at, d.turn limit how_many
$$;

create or replace function dead_turns_of(
    key uuid, only_at text, since timestamptz, last bigint, until timestamptz, how_many integer
) returns setof dead_turn
language plpgsql
as $$
begin
    perform enter_org(key);
    return query
    select d.* from turns t, dead_turn_of(key, t.id) d
    where t.organization_id = key and t.state = 'dead' and (t.finished_at, t.id) > (since, last)
        and t.finished_at <= until and (only_at is null or d.instance = only_at)
    order by t.finished_at, t.id limit how_many;
end $$;

-- A dead turn as it is listed; no row: there is none with this id.
create or replace function dead_turn_of(key uuid, turn bigint) returns setof dead_turn
language sql stable
as $$
    select t.id, o.name, i.name, coalesce(t.reason, t.state), t.attempts, t.finished_at, c.phone, t.replay_asked is not null
    from turns t
    join organizations o on o.id = key
    join instances i on i.organization_id = key and i.id = t.instance_id
    join conversations v on v.organization_id = key and v.id = t.conversation_id
    join contacts c on c.organization_id = key and c.id = v.contact_id
    where t.organization_id = key and t.id = turn and t.state = 'dead'
$$;

-- Reopen a dead turn with new attempts because a person asked for it (`who`): it is answered whatever its age, but not
-- while a person of the business is writing: then it waits for the end of the takeover. If the conversation was merged
-- into another, it goes on there. `unless_answered`: only if no person has written since. If another turn of the
-- conversation is open, or an earlier one waits to be replayed, it keeps its place behind that: `asked_replays`.
-- Returns {outcome, due}; outcome: replayed, queued (it is replayed later), missing (no such dead turn) or answered (a
-- person has written since).
create or replace function replay_turn(organization uuid, turn bigint, who text, unless_answered boolean) returns jsonb
language plpgsql
as $$
declare
    v conversations;
    due timestamptz;
begin
    perform enter_org(organization);
    v := conversation_of_dead_turn(organization, turn);
    unless_answered := unless_answered and not is_asked_always(organization, turn);
    if v.id is null then
        return '{"outcome": "missing"}';
    elsif unless_answered and is_answered_by_person(v, turn) then
        update turns set replay_asked = null where organization_id = organization and id = turn;
        return '{"outcome": "answered"}';
    elsif v.turn_id is not null or v.lease_until is not null or is_behind_replay(v, turn) then
        perform queue_replay(organization, turn, who, unless_answered);
        return '{"outcome": "queued"}';
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

-- Whether a person has asked for a dead turn by its id.
create or replace function is_asked_always(organization uuid, turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from turns t where t.organization_id = organization and t.id = turn and t.replay_asked = 'always'
    );
end $$;

-- Whether an earlier dead turn of a conversation waits to be replayed.
create or replace function is_behind_replay(v conversations, turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from turns t where t.conversation_id = v.id and t.replay_asked is not null and t.id < turn
    );
end $$;

-- Remember that a person has asked for a dead turn, until its conversation is free.
create or replace function queue_replay(organization uuid, turn bigint, who text, unless_answered boolean) returns void
language plpgsql
as $$
declare
    wanted text := case when unless_answered then 'unless_answered' else 'always' end;
begin
    update turns set replay_asked = wanted
    where organization_id = organization and id = turn and replay_asked is distinct from 'always'
        and replay_asked is distinct from wanted;
    if found then
        insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'replay_asked', turn);
    end if;
end $$;

-- Two conversations turned out to be one: the open turn that a person has asked for waits in its old place once more, a
-- dead letter with its steps and inputs. False: it is none.
create or replace function set_replay_back(organization uuid, turn bigint) returns boolean
language plpgsql
as $$
begin
    if not is_replayed(organization, turn) then
        return false;
    end if;
    perform close_turn(organization, turn, 'dead', 'merged', t.assistant) from turns t
    where t.organization_id = organization and t.id = turn;
    perform queue_replay(organization, turn, 'worker', false);
    return true;
end $$;

-- The first dead turn of each conversation that a person has asked for and that may be replayed now.
create or replace function asked_replays() returns table (organization uuid, turn bigint, unless_answered boolean)
language plpgsql
as $$
begin
    for organization in select * from known_organizations() loop
        perform enter_org(organization);
        return query
        select organization, t.id, t.replay_asked = 'unless_answered' from (
            select distinct on (t.conversation_id) t.* from turns t
            where t.organization_id = organization and t.replay_asked is not null order by t.conversation_id, t.id
        ) t
        join conversations v on v.organization_id = organization and v.id = t.conversation_id
        where v.turn_id is null and v.lease_until is null;
    end loop;
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

-- Open a dead turn again, in this conversation. It no longer depends on what was said when it opened first, and answers what
-- a person has answered while it was dying, too; but not what was revoked.
create or replace function reopen_turn(organization uuid, turn bigint, conversation bigint) returns void
language plpgsql
as $$
begin
    update turns
    set state = 'open', replayed = true, replay_asked = null, conversation_id = conversation, attempts = 0, waits = 0, waiting_since = null,
        reason = null, hand_over = null, finished_at = null, based_on = null, based_on_epoch = null
    where organization_id = organization and id = turn;
    update messages set state = 'open', reason = null, settled_at = null
    where turn_id = turn and state in ('dead', 'person');
    perform leave_out_revoked(turn);
end $$;

-- A turn that a person has asked for goes on without the inputs that were revoked. False: there are none, or no others.
create or replace function leave_out_revoked(turn bigint) returns boolean
language plpgsql
as $$
begin
    update messages r set turn_id = null
    where r.turn_id = turn and r.state = 'ignored' and r.reason = revoked_by_sender()
        and exists (select from messages m where m.turn_id = turn and m.state = 'open');
    return found;
end $$;

create or replace function drop_turn(organization uuid, turn bigint, who text) returns text
language plpgsql
as $$
begin
    perform enter_org(organization);
    update turns set state = 'dropped', replay_asked = null where organization_id = organization and id = turn and state = 'dead';
    if not found then
        return 'missing';
    end if;
    insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'turn_dropped', turn);
    return 'dropped';
end $$;
