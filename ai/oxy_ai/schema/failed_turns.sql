-- What follows a failed attempt at a turn: a wait for the model, a retry, or a dead letter.

-- The data for failing a turn that cannot be opened (oxy_ai.records.UnopenedTurn), readable even if the settings are
-- damaged. Creates the turn if the conversation has none. Null: the fence is lost.
create or replace function unopened_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
begin
    if v.id is null then
        return null;
    end if;
    t := current_turn(v);
    return (
        select jsonb_build_object(
            'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'organization', o.name, 'instance', i.id,
            'instance_name', i.name, 'self_chat', v.self_chat, 'owners', owners_of(i.settings),
            'owner', is_owner_of(i, c.phone_key, v.id), 'ai', i.settings -> 'ai', 'queues', i.settings -> 'queues',
            'contact', contact_document(c)
        )
        from instances i
        join organizations o on o.id = i.organization_id
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where i.organization_id = organization and i.id = v.instance_id
    );
end $$;

-- The owners' numbers and hidden addresses, even from damaged settings.
create or replace function owners_of(settings jsonb) returns jsonb
language sql immutable parallel safe
as $$ select texts_in(settings, 'owners') || texts_in(settings, 'owner_lids') $$;

-- The texts of a list in a document, whatever else is there.
create or replace function texts_in(document jsonb, field text) returns jsonb
language sql immutable parallel safe
as $$
    select case when jsonb_typeof(document -> field) = 'array'
                then coalesce(jsonb_path_query_array(document -> field, '$[*] ? (@.type() == "string")'), '[]')
                else '[]' end
$$;

-- A number in a document; null: there is none, whatever else is there.
create or replace function number_in(document jsonb, path text[]) returns double precision
language sql immutable parallel safe
as $$
    select case when jsonb_typeof(document #> path) = 'number' then (document #>> path)::double precision end
$$;

-- The business's own number, even from damaged settings; null: they have none.
create or replace function own_phone_of(settings jsonb) returns text
language sql immutable parallel safe
as $$ select case when jsonb_typeof(settings -> 'phone_number') = 'string' then settings ->> 'phone_number' end $$;

-- Count a failed attempt, in a transaction of its own: whatever fails next, the count stays, so no turn fails for ever.
-- Returns the attempts so far; null: the fence is lost.
create or replace function count_attempt(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, why text, role text
) returns integer
language plpgsql
as $$
declare
    counted integer;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    update turns set attempts = attempts + 1, reason = why, assistant = role
    where organization_id = organization and id = turn returning attempts into counted;
    return counted;
end $$;

-- Try a turn again after `delay`. Null: the fence is lost.
create or replace function retry_turn(organization uuid, conversation bigint, held_fence bigint, delay interval)
returns boolean
language sql
as $$
    select postpone(v, clock_timestamp() + delay)
    from held_conversation(organization, conversation, held_fence) v where v.id is not null
$$;

-- Release a conversation with its turn still open: it is due again at `moment`. Returns true.
create or replace function postpone(v conversations, moment timestamptz) returns boolean
language plpgsql
as $$
begin
    moment := next_attempt(v, moment);
    update conversations set lease_until = null, claims = default, due_at = moment
    where organization_id = v.organization_id and id = v.id;
    perform wake_org(v.organization_id, moment);
    return true;
end $$;

-- Try a turn again after `delay`, and say why: its instance is away, or its contact was answered too often. Null: the fence
-- is lost.
create or replace function keep_waiting(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, why text, role text, delay interval
) returns boolean
language plpgsql
as $$
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    update turns set reason = why, assistant = role where organization_id = organization and id = turn;
    return retry_turn(organization, conversation, held_fence, delay);
end $$;

create or replace function is_away(i instances) returns boolean
language sql immutable parallel safe
as $$ select i.closed_at is not null or i.settings ->> 'suspended' is not distinct from 'true' $$;

create or replace function is_paused(i instances) returns boolean
language sql immutable parallel safe
as $$ select i.settings #>> '{ai,paused}' is not distinct from 'true' $$;

-- Whether the conversation's turn waits for its instance, which is back.
create or replace function awaits_returned(v conversations) returns boolean
language plpgsql stable
as $$
begin
    return v.lease_until is null and v.due_at > clock_timestamp() and exists (
        select from turns t join instances i on i.organization_id = v.organization_id and i.id = v.instance_id
        where t.organization_id = v.organization_id and t.id = v.turn_id and not is_away(i)
            and (t.reason in ('closed', 'suspended') or t.reason = 'paused' and not is_paused(i))
    );
end $$;

-- Conversations whose turn waits for an instance that is back, of some organizations (null: of all). Whoever has waited
-- longest comes first.
create or replace function returned_turns(organizations uuid[]) returns table (organization uuid, conversation bigint)
language plpgsql
as $$
begin
    foreach organization in array coalesce(organizations, array(select * from known_organizations())) loop
        perform enter_org(organization);
        return query
        select c.organization_id, c.id from conversations c
        where c.organization_id = organization and c.due_at > clock_timestamp() and c.turn_id is not null
            and awaits_returned(c)
        order by c.pending_since;
    end loop;
end $$;

-- Have a conversation's turn tried now if its instance is back: before the turns of whoever wrote later. False: it waits
-- for something else.
create or replace function wake_if_returned(organization uuid, conversation bigint) returns boolean
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    select * into v from conversations c
    where c.organization_id = organization and c.id = conversation for no key update;
    if not awaits_returned(v) then
        return false;
    end if;
    update conversations set due_at = least(pending_since, clock_timestamp())
    where organization_id = organization and id = conversation;
    perform wake_org(organization, clock_timestamp());
    return true;
end $$;

-- Keep a turn open while the model's endpoint is out: no attempt counts. It is due again after a pause that doubles
-- with each wait, and is at least `asked`. A turn that has waited for `patience` promises its customer that a person
-- will answer. `outage` is oxy_ai.records.ModelOutage. Returns waiting or promised; null: the fence is lost.
create or replace function wait_for_model(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, outage jsonb, asked interval,
    shortest interval, longest interval, patience interval, quiet interval
) returns text
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
    current_outage model_outages;
    promised boolean := false;
begin
    if v.id is null then
        return null;
    end if;
    update turns
    set waits = waits + 1, waiting_since = coalesce(waiting_since, clock_timestamp()), reason = outage ->> 'reason',
        assistant = outage ->> 'role'
    where organization_id = organization and id = turn returning * into t;
    current_outage := note_outage(v, quiet);
    perform postpone(v, clock_timestamp() + greatest(asked, relay_backoff(t.waits - 1, shortest, longest)));
    if t.waiting_since + patience <= clock_timestamp() then
        promised := promise_person(v, t, outage, current_outage);
    end if;
    return case when promised then 'promised' else 'waiting' end;
end $$;

-- The current outage of an instance's model endpoint. It is over, and another one begins, if nobody failed for `quiet`.
create or replace function note_outage(v conversations, quiet interval) returns model_outages
language plpgsql
as $$
declare
    noted model_outages;
begin
    insert into model_outages as o (organization_id, instance_id) values (v.organization_id, v.instance_id)
    on conflict (organization_id, instance_id) do update
    set id = case when o.failed_at + quiet < excluded.failed_at then excluded.id else o.id end,
        began_at = case when o.failed_at + quiet < excluded.failed_at then excluded.began_at else o.began_at end,
        failed_at = excluded.failed_at
    returning * into noted;
    return noted;
end $$;

-- Promise a customer, once per outage, that a person will answer, and note the outage for the owner; for an owner's own
-- turn, only the latter. Returns whether there is a text to send.
create or replace function promise_person(v conversations, t turns, outage jsonb, o model_outages) returns boolean
language plpgsql
as $$
begin
    perform note_for_owner(v.organization_id, v.instance_id, outage ->> 'notice', 'outage:' || o.id);
    if jsonb_typeof(outage -> 'promise') <> 'object' or is_promised(v, o.began_at) then
        return false;
    end if;
    perform queue_text(v, t, outage -> 'promise', t.based_on);
    if jsonb_typeof(outage -> 'hand_over') = 'object' then
        perform note_hand_over(v, t, outage -> 'hand_over', false);
    end if;
    perform send_queued(v.organization_id, v.instance_id);
    return true;
end $$;

-- Whether the customer has heard since then that a person will answer.
create or replace function is_promised(v conversations, since timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o where o.conversation_id = v.id and o.part = 1 and o.created_at >= since
    );
end $$;

-- Whether the customer hears that a turn has died: not again while he waits for the person whom he was promised so, or two
-- machines would go on for ever. What has no order is an explanation to an owner.
create or replace function is_apology_due(v conversations, failure jsonb) returns boolean
language plpgsql stable
as $$
begin
    return jsonb_typeof(failure -> 'apology') is not distinct from 'object' and (
        jsonb_typeof(failure -> 'hand_over') is distinct from 'object'
        or is_told_by_cause((open_hand_over(v)).reason) is not true
    );
end $$;

-- Make a turn a dead letter. The customer gets the apology, and an owner the explanation of what became of his own
-- turn; of a customer's turn, the owner gets a notice. While a person answers, nobody is promised one. `failure` is
-- oxy_ai.records.Failure. False: the fence is lost.
create or replace function bury_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, failure jsonb
) returns boolean
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    people_answer boolean := v.human_until > clock_timestamp() is true or is_answered_by_person(v, turn);
    t turns;
begin
    if v.id is null then
        return false;
    end if;
    t := close_turn(organization, turn, 'dead', failure ->> 'reason', failure ->> 'role');
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    values (organization, 'worker', 'turn_died', turn, t.reason);
    if not people_answer and is_apology_due(v, failure) then
        perform queue_text(v, t, failure -> 'apology', t.based_on);
    end if;
    if failure ->> 'notice' is not null then
        perform note_death(t, failure ->> 'notice');
    end if;
    perform release(hand_over(without_turn(v, t), t, case when not people_answer
        then coalesce(t.hand_over, nullif(failure -> 'hand_over', 'null')) end));
    perform send_queued(v.organization_id, v.instance_id);
    return true;
end $$;

-- Make a turn a dead letter with as little as possible, after bury_turn has failed: the owner is told, the customer
-- hears nothing. False: the fence is lost.
create or replace function bury_plainly(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, failure jsonb
) returns boolean
language plpgsql
as $$
declare
    v conversations := held_conversation(organization, conversation, held_fence);
    t turns;
begin
    if v.id is null then
        return false;
    end if;
    t := close_turn(organization, turn, 'dead', failure ->> 'reason', failure ->> 'role');
    perform release(without_turn(v, t));
    perform note_death(t, 'turn_failed');
    return true;
end $$;

-- Note for the owner that a turn has died. What he was told of an earlier death of it is not this one: a person had it
-- replayed since, so without another notice he takes it for answered.
create or replace function note_death(t turns, kind text) returns void
language plpgsql
as $$
begin
    if t.replayed then
        delete from owner_notices n
        where n.organization_id = t.organization_id and n.reference = 'turn:' || t.id and n.outbox_id is not null;
    end if;
    perform note_for_owner(t.organization_id, t.instance_id, kind, 'turn:' || t.id);
end $$;
