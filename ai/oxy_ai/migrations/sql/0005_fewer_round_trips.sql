-- A turn in fewer round trips: claimed and opened in one, its last response kept where it ends. What this replaces
-- (finish_turn, petshop_brief) stays for workers of the version before, until they are gone.

-- Claim due conversations and open their turns; each of `claimed` is {claim, opened, turn}. `turn` is the text of
-- what open_turn returns, null: there is nothing to do. A turn that cannot be opened is claimed all the same
-- (`opened` false), so that it fails by itself and holds up no other.
create function take_turns(how_many integer, lease interval, per_second double precision, burst integer) returns jsonb
language plpgsql
as $$
declare
    found jsonb := claim_conversations(how_many, lease, per_second, burst);
    claim jsonb;
    taken jsonb := '[]';
begin
    for claim in select * from jsonb_array_elements(found -> 'claimed') loop
        begin
            taken := taken || jsonb_build_object('claim', claim, 'opened', true, 'turn', open_turn(
                (claim ->> 'organization')::uuid, (claim ->> 'conversation')::bigint, (claim ->> 'fence')::bigint
            )::text);
        exception when others then
            taken := taken || jsonb_build_object('claim', claim, 'opened', false);
        end;
    end loop;
    return jsonb_build_object('claimed', taken, 'wait', found -> 'wait');
end $$;

-- Let go of a conversation whose turn ended; messages that came meanwhile make it due again, after the debounce.
-- Returns when that is; null: all is answered.
drop function release_conversation(uuid, bigint, turns);
create function release_conversation(organization uuid, conversation bigint, turn turns) returns timestamptz
language plpgsql
as $$
declare
    next_due timestamptz;
begin
    update conversations c
    set answered_seq = greatest(c.answered_seq, turn.upto_seq), turn_id = null, lease_until = null,
        pending_since = case when c.inbound_seq > greatest(c.answered_seq, turn.upto_seq) then c.last_inbound_at end,
        due_at = case
            when c.inbound_seq <= greatest(c.answered_seq, turn.upto_seq) then null
            when c.human_until > clock_timestamp() then c.human_until
            else c.last_inbound_at + make_interval(secs => (i.settings -> 'ai' ->> 'debounce_seconds')::double precision)
        end
    from instances i
    where c.organization_id = organization and c.id = conversation
        and i.organization_id = organization and i.id = c.instance_id
    returning c.due_at into next_due;
    if next_due is not null then
        perform wake_org(organization, next_due);
    end if;
    return next_due;
end $$;

-- End a turn: its answers, its cost and its inputs' state in one transaction.
-- `answers` holds objects {id, part, text}; `last_step` is the turn_steps row of the response that is the answer,
-- null where it is stored already or no model was asked.
-- Returns the turn's state and whether the conversation has more to answer; null where the fence is lost.
create function end_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, final_state text, why text, role text,
    answers jsonb, last_step jsonb
) returns jsonb
language plpgsql
as $$
declare
    t turns%rowtype;
    answer jsonb;
    keep_for interval;
    next_due timestamptz;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    insert into turn_steps (
        organization_id, turn_id, round, model, response, prompt_tokens, cached_tokens, completion_tokens,
        cost_microdollars, latency_ms
    )
    select organization, turn, s.round, s.model, s.response, s.prompt_tokens, s.cached_tokens, s.completion_tokens,
        s.cost_microdollars, s.latency_ms
    from jsonb_populate_record(null::turn_steps, last_step) s where last_step is not null;
    if exists (
        select from conversations c
        where c.organization_id = organization and c.id = conversation and c.human_until > clock_timestamp()
    ) then
        final_state := 'skipped';
        why := 'human';
        answers := '[]';
    end if;
    update turns set state = final_state, reason = why, assistant = role, finished_at = clock_timestamp()
    where organization_id = organization and id = turn returning * into t;
    select make_interval(secs => (i.settings ->> 'max_answer_age_seconds')::double precision) into keep_for
    from instances i where i.organization_id = organization and i.id = t.instance_id;
    for answer in select * from jsonb_array_elements(answers) loop
        perform put_out(organization, conversation, t, answer, t.based_on, keep_for);
    end loop;
    perform record_interaction(organization, t, role);
    next_due := release_conversation(organization, conversation, t);
    if jsonb_array_length(answers) > 0 then
        perform wake_relay(t.instance_id);
    end if;
    return jsonb_build_object('state', final_state, 'more', next_due is not null);
end $$;

create or replace function relay_step(
    organization uuid, instance uuid, relay uuid, lease interval, accepted_ids uuid[], failed boolean, how_many integer
) returns jsonb
language plpgsql
as $$
declare
    destination text;
    next_rows jsonb := '[]';
begin
    perform enter_org(organization);
    -- What a crash of the server takes back here is done again: a pod that is offered a text twice sends it once.
    perform set_config('synchronous_commit', 'off', true);
    destination := hold_relay(instance, relay, lease);
    if cardinality(accepted_ids) > 0 then
        update outbox set state = 'accepted', accepted_at = clock_timestamp()
        where organization_id = organization and id = any (accepted_ids) and state = 'pending';
    end if;
    if destination is null then
        return null;
    end if;
    if not failed then
        select coalesce(jsonb_agg(to_jsonb(r) - 'position' order by r.lane, r.position), '[]') into next_rows from (
            select o.id, o.chat, o.body as text, o.lane, o.position, o.based_on, o.created_at, o.expires_at, o.trace
            from outbox o where o.organization_id = organization and o.instance_id = instance and o.state = 'pending'
            order by o.lane, o.position limit how_many
        ) r;
    end if;
    if next_rows = '[]' then
        perform release_relay(instance, failed);
    end if;
    return (
        select jsonb_build_object(
            'account', destination, 'organization', i.settings ->> 'organization', 'instance', i.name, 'rows', next_rows
        ) from instances i where i.organization_id = organization and i.id = instance
    );
end $$;

-- What an assistant is told of the shop and of the customer: the applied catalogue, as text so that a worker may
-- recognise one that it has read before, and the coming bookings.
create function petshop_facts(organization uuid, contact bigint) returns jsonb
language plpgsql
as $$
begin
    perform enter_org(organization);
    return jsonb_build_object(
        'catalogue', (select c.document::text from catalogues c where c.organization_id = organization),
        'bookings', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'service', s.name, 'pet', b.pet_name, 'starts_at', b.starts_at
            ) order by b.starts_at), '[]')
            from bookings b join services s on s.organization_id = organization and s.id = b.service_id
            where b.organization_id = organization and b.contact_id = contact and b.status = 'confirmed'
                and b.starts_at > now()
        )
    );
end $$;

revoke all on function
    take_turns(integer, interval, double precision, integer), release_conversation(uuid, bigint, turns),
    end_turn(uuid, bigint, bigint, bigint, text, text, text, jsonb, jsonb),
    petshop_facts(uuid, bigint)
from public;
grant execute on function
    take_turns(integer, interval, double precision, integer), release_conversation(uuid, bigint, turns),
    end_turn(uuid, bigint, bigint, bigint, text, text, text, jsonb, jsonb),
    petshop_facts(uuid, bigint)
to oxy_app;
