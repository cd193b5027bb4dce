-- People answer a conversation while the assistant is silent: after a turn has handed it over, a person has written from the
-- phone (takeover.sql), or a command says so. It ends after a time, or when they hand the conversation back.

-- Of two orders to hand over, the later one, unless only the earlier is urgent; null: none.
create or replace function more_urgent(earlier jsonb, later jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select case when later is null or (earlier ->> 'urgency' = 'urgent' and later ->> 'urgency' <> 'urgent') then earlier
                else later end
$$;

-- Have people take over when the turn ends. `ordered` is oxy_ai.records.HandOver.
create or replace function order_hand_over(organization uuid, turn bigint, ordered jsonb) returns void
language sql
as $$
    update turns t set hand_over = more_urgent(t.hand_over, ordered)
    where t.organization_id = organization and t.id = turn
$$;

-- Which order a turn ends with; null: none, a person has taken over meanwhile. `ordered`: the ending's own, the only one
-- that counts if answers are drafted, because the customer was told nothing.
create or replace function order_of(t turns, ordered jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select case when t.reason is distinct from 'human' then more_urgent(
        case when t.reason is distinct from 'draft' then t.hand_over end, nullif(ordered, 'null')
    ) end
$$;

-- Whether the owner learns of a hand-over from the notice of what caused it (oxy_ai.records.HandOverReason).
create or replace function is_told_by_cause(reason text) returns boolean
language sql immutable parallel safe
as $$ select reason in ('turn_died', 'model_outage') $$;

-- With which notice (oxy_ai.records.NoticeKind) the owner learns of a hand-over: nothing was promised to a machine.
create or replace function notice_of_hand_over(reason text, urgency text) returns text
language sql immutable parallel safe
as $$
    select case when reason = 'loop' then 'loop' when urgency = 'urgent' then 'hand_over_urgent' else 'hand_over' end
$$;

-- As a turn ends: hand its conversation over to people, and tell the owner. If it answered without (`ordered` is null),
-- the promise of an outage, or of a spent budget, is kept. An order that does not silence the assistant leaves what comes next to it.
create or replace function hand_over(v conversations, t turns, ordered jsonb) returns conversations
language plpgsql
as $$
declare
    silence boolean := (ordered ->> 'silences')::boolean is not false;
    h hand_overs;
begin
    if ordered is null then
        if t.state = 'answered' and (open_hand_over(v)).reason in ('model_outage', 'budget') then
            perform end_hand_over(v, 'assistant');
        end if;
        return v;
    end if;
    h := note_hand_over(v, t, ordered, silence);
    if silence then
        v := begin_human_mode(
            v, h.created_at, clock_timestamp(), make_interval(mins => (ordered ->> 'minutes')::integer), 'hand_over'
        );
        perform save_human_mode(v);
    end if;
    if not is_told_by_cause(h.reason) then
        perform note_for_owner(
            v.organization_id, v.instance_id, notice_of_hand_over(h.reason, h.urgency), 'hand_over:' || h.id
        );
    end if;
    return v;
end $$;

-- Note that a customer was promised a person. One who waits already does so since then.
create or replace function note_hand_over(v conversations, t turns, ordered jsonb, silence boolean) returns hand_overs
language plpgsql
as $$
declare
    h hand_overs;
begin
    select * into h from hand_overs o
    where o.organization_id = v.organization_id and o.conversation_id = v.id and o.ended_at is null for no key update;
    if h.id is null then
        insert into hand_overs (
            organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, summary, silences
        ) values (
            v.organization_id, v.instance_id, v.id, t.id, t.place, ordered ->> 'reason', ordered ->> 'urgency',
            ordered ->> 'summary', silence
        ) returning * into h;
        return h;
    end if;
    ordered := more_urgent(to_jsonb(h), ordered);
    update hand_overs o
    set turn_id = t.id, place = greatest(o.place, t.place), reason = ordered ->> 'reason',
        urgency = ordered ->> 'urgency', summary = ordered ->> 'summary', silences = o.silences or silence
    where o.organization_id = h.organization_id and o.id = h.id returning * into h;
    return h;
end $$;

-- The conversation's hand-over that nobody has ended; all null: there is none.
create or replace function open_hand_over(v conversations) returns hand_overs
language plpgsql stable
as $$
declare
    h hand_overs;
begin
    select * into h from hand_overs o
    where o.organization_id = v.organization_id and o.conversation_id = v.id and o.ended_at is null;
    return h;
end $$;

create or replace function end_hand_over(v conversations, how text) returns void
language sql
as $$
    update hand_overs o set ended_at = clock_timestamp(), ended = how
    where o.organization_id = v.organization_id and o.conversation_id = v.id and o.ended_at is null
$$;

-- The assistant is silent for `span` from `moment` on, or until later if it is so already. `since`: if it is not yet.
create or replace function begin_human_mode(
    v conversations, since timestamptz, moment timestamptz, span interval, reason text
) returns conversations
language plpgsql stable
as $$
begin
    if v.human_until > clock_timestamp() is not true or v.human_since is null then
        v.human_since := since;
        v.human_span := null;
    end if;
    if moment + span > v.human_until is not false then
        v.human_reason := reason;
    end if;
    v.human_until := takeover_end(v.human_until, moment, span);
    v.human_span := greatest(v.human_span, span);
    return v;
end $$;

-- A person has answered a customer who waited, if `answered`: the silence that lasted until then is over.
create or replace function end_waiting(v conversations, answered boolean) returns conversations
language plpgsql
as $$
begin
    if answered then
        perform end_hand_over(v, 'answered');
        v.human_until := case when v.human_reason <> 'hand_over' then v.human_until end;
    end if;
    return v;
end $$;

create or replace function save_human_mode(v conversations) returns void
language sql
as $$
    update conversations
    set human_until = v.human_until, human_since = v.human_since, human_reason = v.human_reason,
        human_span = v.human_span, handed_back = v.handed_back
    where organization_id = v.organization_id and id = v.id
$$;

-- The assistant answers again, what is open at once. No message of a person that precedes `at` silences it any more; `how`
-- says what ends a hand-over.
create or replace function hand_back(v conversations, at place, how text) returns conversations
language plpgsql
as $$
begin
    v.handed_back := greatest(v.handed_back, at);
    if v.human_until > clock_timestamp() and v.turn_id is not null and v.lease_until is null then
        v.due_at := least(v.due_at, clock_timestamp());  -- a replayed turn waits for the end
    end if;
    v.human_until := null;
    v.human_since := null;
    v.human_reason := null;
    v.human_span := null;
    perform end_hand_over(v, how);
    return v;
end $$;

-- A person told the assistant to answer again. It counts unless somebody has written, or the conversation was handed over
-- or taken over, since then.
create or replace function obey_hand_back(v conversations, at place, written_at timestamptz, sent_at timestamptz)
returns conversations
language plpgsql
as $$
begin
    if person_has_answered(v, at, sent_at) or (open_hand_over(v)).place >= at
        or (v.human_reason = 'command' and v.human_since > written_at) then
        return v;
    end if;
    return hand_back(v, at, 'handed_back');
end $$;

-- A turn may open because the time of human mode has passed: nobody answered, so the assistant does, and the owner is told.
-- If it has not, the turn is about an emergency.
create or replace function give_up_waiting(v conversations) returns void
language plpgsql
as $$
declare
    h hand_overs := open_hand_over(v);
begin
    if h.silences and v.human_until > clock_timestamp() is not true then
        perform end_hand_over(v, 'timed_out');
        perform note_for_owner(v.organization_id, v.instance_id, 'hand_over_unanswered', 'hand_over:' || h.id);
    end if;
end $$;

-- Promises of a person for whom nobody had time, although the customer has written nothing more: the owner has not heard
-- of that yet. One that silences the assistant lasts as long as the silence. What was noted for the owner alone is none.
create or replace function forgotten_promises(organization uuid) returns setof hand_overs
language sql stable
as $$
    select h.* from hand_overs h
    join conversations c on c.organization_id = h.organization_id and c.id = h.conversation_id
    join instances i on i.organization_id = h.organization_id and i.id = h.instance_id
    where h.organization_id = organization and h.ended_at is null and (h.silences or h.reason <> 'emergency')
        and clock_timestamp() >= coalesce(
            case when h.silences then c.human_until end,
            h.created_at + make_interval(mins => (i.settings #>> '{ai,handover_minutes}')::integer)
        )
        and not exists (
            select from owner_notices n
            where n.organization_id = h.organization_id and n.instance_id = h.instance_id
                and n.kind = 'hand_over_unanswered' and n.reference = 'hand_over:' || h.id
        )
$$;

create or replace function organizations_with_forgotten_promises() returns setof uuid
language plpgsql
as $$
declare
    organization uuid;
begin
    for organization in select * from known_organizations() loop
        perform enter_org(organization);
        if exists (select from forgotten_promises(organization)) then
            return next organization;
        end if;
    end loop;
end $$;

-- Tell the owners once; the customers stay on the list of those who wait. Returns how many there are.
create or replace function remind_of_promises(organization uuid) returns integer
language plpgsql
as $$
declare
    h hand_overs;
    reminded integer := 0;
begin
    for h in select * from forgotten_promises(organization) loop
        perform note_for_owner(h.organization_id, h.instance_id, 'hand_over_unanswered', 'hand_over:' || h.id);
        reminded := reminded + 1;
    end loop;
    return reminded;
end $$;

-- Two conversations turned out to be one: it is in the human mode that lasts longer, and waits since the first hand-over.
create or replace function merge_human_mode(source conversations, target conversations) returns conversations
language plpgsql
as $$
declare
    waiting hand_overs := open_hand_over(source);
    answered boolean;
begin
    if waiting.id is not null and (open_hand_over(target)).created_at <= waiting.created_at then
        perform end_hand_over(source, 'merged');
    elsif waiting.id is not null then
        perform end_hand_over(target, 'merged');
    end if;
    update hand_overs set conversation_id = target.id
    where organization_id = source.organization_id and conversation_id = source.id;
    waiting := open_hand_over(target);
    answered := person_has_answered(target, waiting.place, 'infinity');  -- in the same journal; of others, nobody knows
    source := end_waiting(source, answered);
    target := end_waiting(target, answered);
    if source.human_until > coalesce(target.human_until, '-infinity') then
        target.human_until := source.human_until;
        target.human_since := source.human_since;
        target.human_reason := source.human_reason;
        target.human_span := source.human_span;
    end if;
    target.handed_back := greatest(target.handed_back, source.handed_back);
    return target;
end $$;

-- How many messages the assistant has not seen since its last text because people answered, of the newest that `limits`
-- allow, beside the turn's inputs.
create or replace function missed_by(t turns, limits jsonb) returns integer
language plpgsql stable
as $$
begin
    return (
        select case when bool_or(s.author = 'phone') then count(*) else 0 end from (
            select n.author, bool_or(n.author = 'assistant') over (order by n.place desc, n.id desc) as seen from (
                select m.author, m.place, m.id from messages m
                where m.conversation_id = t.conversation_id and m.place <= t.place
                    and m.turn_id is distinct from t.id and is_shown(m) and was_said(m)
                order by m.place desc, m.id desc limit (limits ->> 'missed')::integer
            ) n
        ) s where not s.seen
    );
end $$;
