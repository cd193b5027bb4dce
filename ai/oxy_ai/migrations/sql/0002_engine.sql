-- The engine's steps. Each is one function that names its organization itself: one round trip.
-- Row locks are always taken in the order: instance (advisory), conversation, organization's queue, relay's queue.

create function schema_version() returns integer
language sql stable
as $$ select max(version_num)::integer from alembic_version $$;

create function enter_org(organization uuid) returns void
language sql
as $$ select set_config('oxy.org', organization::text, true) $$;

create function lock_instance(instance uuid) returns void
language sql
as $$ select pg_advisory_xact_lock(hashtextextended(instance::text, 0)) $$;

---------------------------------------------------------------------------------------------------------- scheduler

-- GCRA (ITU-T I.371): after a turn at `moment`, when may the next one start? `per_second` 0 lifts the limit.
create function gcra(
    arrival timestamptz, moment timestamptz, per_second double precision, burst integer,
    out next_arrival timestamptz, out next_open timestamptz
)
language plpgsql immutable
as $$
declare
    spacing interval;
begin
    if per_second <= 0 then
        next_arrival := moment;
        next_open := moment;
        return;
    end if;
    spacing := make_interval(secs => 1 / per_second);
    next_arrival := greatest(arrival, moment) + spacing;
    next_open := next_arrival - spacing * (burst - 1);
end $$;

create function enqueue_instance(organization uuid, instance uuid, instance_account text) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    insert into org_queue (organization_id) values (organization) on conflict do nothing;
    insert into relay_queue as q (instance_id, organization_id, account)
    values (instance, organization, instance_account)
    on conflict (instance_id) do update set account = excluded.account, closed = false
    where q.account <> excluded.account or q.closed;
end $$;

create function dequeue_instance(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ update relay_queue set closed = true, ready_at = 'infinity' where instance_id = instance $$;

create function route(sender_account text, out instance uuid, out closed boolean)
language sql stable security definer set search_path = public, pg_temp
as $$ select q.instance_id, q.closed from relay_queue q where q.account = sender_account $$;

create function wake_org(organization uuid, at timestamptz) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update org_queue set ready_at = greatest(at, open_at)
    where organization_id = organization and ready_at > greatest(at, open_at)
$$;

create function wake_relay(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ update relay_queue set ready_at = least(ready_at, clock_timestamp()) where instance_id = instance and not closed $$;

-- The pod is heard of again: try at once what waits for it. Only a hint, so it never waits for a lock.
create function retry_relay(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue set ready_at = clock_timestamp()
    where instance_id = (
        select q.instance_id from relay_queue q
        where q.instance_id = instance and q.failures > 0 and q.ready_at < 'infinity' for update skip locked
    )
$$;

-- Claim due conversations, the organization that waits longest first, within each organization's rate.
-- `wait` is the time in seconds until something more may be due, null if nothing is planned.
create function claim_conversations(
    how_many integer, lease interval, per_second double precision, burst integer
) returns jsonb
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz;
    queue org_queue%rowtype;
    pick record;
    next_due timestamptz;
    claimed jsonb := '[]';
begin
    while jsonb_array_length(claimed) < how_many loop
        moment := clock_timestamp();
        -- The second condition lets the planner use the partial index: it cannot know that a moment is finite.
        select * into queue from org_queue where ready_at <= moment and ready_at < 'infinity'
        order by ready_at limit 1 for no key update skip locked;
        exit when not found;
        perform enter_org(queue.organization_id);
        select c.id, c.fence into pick from conversations c
        where c.organization_id = queue.organization_id and c.due_at <= moment
        order by c.due_at limit 1 for no key update skip locked;
        if found then
            update conversations
            set fence = pick.fence + 1, lease_until = moment + lease, due_at = moment + lease
            where organization_id = queue.organization_id and id = pick.id;
            claimed := claimed || jsonb_build_object(
                'organization', queue.organization_id, 'conversation', pick.id, 'fence', pick.fence + 1
            );
            select g.next_arrival, g.next_open into queue.arrival_at, queue.open_at
            from gcra(queue.arrival_at, moment, per_second, burst) g;
        else
            moment := moment + interval '5 milliseconds';  -- due but locked by an ingest: let it commit
        end if;
        select min(c.due_at) into next_due from conversations c
        where c.organization_id = queue.organization_id and c.due_at is not null;
        update org_queue
        set arrival_at = queue.arrival_at, open_at = queue.open_at,
            ready_at = greatest(coalesce(next_due, 'infinity'), queue.open_at, moment)
        where organization_id = queue.organization_id;
    end loop;
    return jsonb_build_object('claimed', claimed, 'wait', (
        select extract(epoch from min(q.ready_at) - clock_timestamp()) from org_queue q where q.ready_at < 'infinity'
    ));
end $$;

-- Prolong the leases of turns in flight. A row that is locked right now is prolonged by the next beat.
create function renew_leases(organizations uuid[], conversation_ids bigint[], fences bigint[], lease interval) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    held record;
begin
    for held in select * from unnest(organizations, conversation_ids, fences) as t (organization, conversation, fence) loop
        perform enter_org(held.organization);
        perform 1 from conversations c
        where c.organization_id = held.organization and c.id = held.conversation and c.fence = held.fence
            and c.lease_until is not null
        for no key update skip locked;
        if found then
            update conversations set lease_until = clock_timestamp() + lease, due_at = clock_timestamp() + lease
            where organization_id = held.organization and id = held.conversation;
        end if;
    end loop;
end $$;

-------------------------------------------------------------------------------------------------------------- ingest

-- Apply the settings of an instance. An older revision of the bucket changes nothing.
create function apply_instance(
    organization uuid, instance uuid, document jsonb, bucket_revision bigint
) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    insert into organizations (id, name) values (organization, document ->> 'organization') on conflict (id) do nothing;
    insert into instances as i (organization_id, id, name, settings, generation, revision)
    values (organization, instance, document ->> 'instance', document, (document ->> 'generation')::bigint, bucket_revision)
    on conflict (organization_id, id) do update
    set settings = excluded.settings, generation = excluded.generation, revision = excluded.revision, closed_at = null
    where excluded.revision > i.revision or excluded.generation > i.generation;
    if not found then
        return false;
    end if;
    perform enqueue_instance(organization, instance, document ->> 'account');
    return true;
end $$;

create function close_instance(organization uuid, instance uuid, bucket_revision bigint) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    update instances set closed_at = now(), revision = bucket_revision
    where organization_id = organization and id = instance and closed_at is null and revision < bucket_revision;
    if not found then
        return false;
    end if;
    update outbox set state = 'failed', error = 'InstanceDeleted', closed_at = now()
    where organization_id = organization and instance_id = instance and state = 'pending';
    perform dequeue_instance(instance);
    return true;
end $$;

-- Move everything of the conversation `gone` into `kept`: both turned out to be one chat. The gone one's pending
-- messages are appended to the kept one's; a turn in flight loses its fence and is answered as part of the kept one.
create function merge_conversations(organization uuid, kept bigint, gone bigint) returns void
language plpgsql
as $$
declare
    target conversations%rowtype;
    source conversations%rowtype;
begin
    perform 1 from conversations c where c.organization_id = organization and c.id in (kept, gone)
    order by c.id for no key update;
    select * into target from conversations c where c.organization_id = organization and c.id = kept;
    select * into source from conversations c where c.organization_id = organization and c.id = gone;
    update messages m
    set conversation_id = kept,
        position = case when m.position > source.answered_seq
                        then target.inbound_seq + m.position - source.answered_seq end
    where m.organization_id = organization and m.conversation_id = gone;
    update turns set state = 'replaced', reason = 'merged', finished_at = now()
    where organization_id = organization and id = source.turn_id and state = 'open';
    update outbox set conversation_id = kept where organization_id = organization and conversation_id = gone;
    update bookings set contact_id = target.contact_id
    where organization_id = organization and contact_id = source.contact_id;
    update contacts c set phone = coalesce(c.phone, s.phone), name = coalesce(c.name, s.name)
    from contacts s
    where c.organization_id = organization and c.id = target.contact_id
        and s.organization_id = organization and s.id = source.contact_id;
    update chat_alias set conversation_id = kept where organization_id = organization and conversation_id = gone;
    update conversations
    set merged_into = kept, answered_seq = inbound_seq, due_at = null, lease_until = null, turn_id = null, fence = fence + 1
    where organization_id = organization and id = gone;
    update conversations
    set inbound_seq = target.inbound_seq + source.inbound_seq - source.answered_seq,
        human_until = greatest(target.human_until, source.human_until),
        pending_since = least(target.pending_since, source.pending_since),
        due_at = case when target.lease_until is null and target.turn_id is null and source.inbound_seq > source.answered_seq
                      then least(target.due_at, clock_timestamp()) else target.due_at end
    where organization_id = organization and id = kept;
end $$;

-- The conversation of a chat, created where there is none. `alias` is the chat's other address, if known: a phone
-- number and a hidden address (LID) of one person are one conversation.
create function conversation_of(
    organization uuid, instance uuid, chat_jid text, alias text, contact_name text, self boolean
) returns bigint
language plpgsql
as $$
declare
    known bigint[];
    found_id bigint;
    contact bigint;
    number text := '+' || split_part(case when chat_jid like '%@s.whatsapp.net' then chat_jid
                                          when alias like '%@s.whatsapp.net' then alias end, '@', 1);
begin
    select array_agg(distinct a.conversation_id order by a.conversation_id) into known
    from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias);
    if known is null then
        insert into contacts (organization_id, instance_id, phone, name)
        values (organization, instance, number, contact_name) returning id into contact;
        insert into conversations (organization_id, instance_id, contact_id, chat, self_chat)
        values (organization, instance, contact, chat_jid, self) returning id into found_id;
    else
        found_id := known[1];
        if cardinality(known) > 1 then
            -- Keep the conversation of the hidden address: it is the one that WhatsApp does not change.
            select coalesce(min(a.conversation_id) filter (where a.jid like '%@lid'), known[1]) into found_id
            from chat_alias a where a.instance_id = instance and a.jid in (chat_jid, alias);
            perform merge_conversations(organization, found_id, case when known[1] = found_id then known[2] else known[1] end);
        end if;
        update contacts c set phone = coalesce(c.phone, number), name = coalesce(contact_name, c.name)
        from conversations v
        where v.organization_id = organization and v.id = found_id
            and c.organization_id = organization and c.id = v.contact_id
            and (c.phone is null and number is not null or c.name is distinct from coalesce(contact_name, c.name));
    end if;
    insert into chat_alias (organization_id, instance_id, jid, conversation_id)
    select organization, instance, j, found_id from unnest(array[chat_jid, alias]) j where j is not null
    on conflict do nothing;
    return found_id;
end $$;

-- Whether an own message is one that the platform sent: known by its WhatsApp id, or, while the pod has not yet
-- reported that id, by its text.
create function is_echo(organization uuid, instance uuid, conversation bigint, wanted_id text, wanted_text text) returns boolean
language sql stable
as $$
    select exists (
        select from outbox o where o.organization_id = organization and o.instance_id = instance and o.whatsapp_id = wanted_id
    ) or exists (
        select from outbox o
        where o.organization_id = organization and o.conversation_id = conversation and o.state in ('pending', 'accepted')
            and o.body = wanted_text and o.created_at > now() - interval '10 minutes'
    )
$$;

-- Store a message; returns what became of it and when its conversation is due now.
create function ingest_message(
    organization uuid, instance uuid, report jsonb, out outcome text, out due timestamptz
)
language plpgsql
as $$
declare
    m jsonb := report -> 'body';
    own boolean := (m ->> 'from_me')::boolean;
    self boolean := (m ->> 'self_chat')::boolean;
    unreadable boolean := m ->> 'kind' = 'undecryptable';
    personal boolean := m ->> 'chat' like '%@s.whatsapp.net' or m ->> 'chat' like '%@lid';
    counts boolean := personal and not unreadable and (not own or self);
    moment timestamptz := clock_timestamp();
    ai jsonb;
    v conversations%rowtype;
    takeover_until timestamptz;
    gap boolean;
begin
    select i.settings -> 'ai' into ai from instances i where i.organization_id = organization and i.id = instance;
    v.id := conversation_of(
        organization, instance, m ->> 'chat', m ->> 'chat_alias', case when not own then m ->> 'push_name' end, self
    );
    select * into v from conversations c where c.organization_id = organization and c.id = v.id for no key update;
    if own and is_echo(organization, instance, v.id, m ->> 'whatsapp_id', m ->> 'text') then
        outcome := 'echo';
    else
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, placeholder, author, position,
            content, body, quoted_id, sent_at, trace
        ) values (
            organization, instance, v.id, m ->> 'chat', m ->> 'sender', m ->> 'whatsapp_id', unreadable,
            case when own and not self then 'phone' else 'customer' end, case when counts then v.inbound_seq + 1 end,
            m ->> 'kind', m ->> 'text', m ->> 'quoted_id', (m ->> 'sent_at')::timestamptz, report ->> 'trace'
        ) on conflict (instance_id, chat, sender, whatsapp_id, placeholder) do nothing;
        if not found then
            outcome := 'duplicate';
            return;
        end if;
        outcome := 'stored';
    end if;

    gap := v.journal_epoch = (report ->> 'journal_epoch')::uuid and v.chat = m ->> 'chat'
        and (m ->> 'chat_sequence')::integer > v.chat_sequence + 1;
    if v.journal_epoch = (report ->> 'journal_epoch')::uuid and v.chat = m ->> 'chat' then
        v.chat_sequence := greatest(v.chat_sequence, (m ->> 'chat_sequence')::integer);
    else
        v.chat_sequence := (m ->> 'chat_sequence')::integer;
    end if;
    v.gaps := v.gaps + coalesce(gap, false)::integer;

    if counts and outcome = 'stored' then
        v.inbound_seq := v.inbound_seq + 1;
        v.last_inbound_at := moment;
        v.pending_since := coalesce(v.pending_since, moment);
        if v.lease_until is null and v.turn_id is null then
            due := case
                when v.human_until > moment then v.human_until
                else least(
                    moment + make_interval(secs => (ai ->> 'debounce_seconds')::double precision),
                    v.pending_since + make_interval(secs => (ai ->> 'debounce_max_seconds')::double precision)
                ) + case when gap then interval '2 seconds' else interval '0' end
            end;
            v.due_at := due;
        end if;
    elsif own and personal and outcome = 'stored' and not unreadable then
        -- A person answers from the phone: everything up to here is answered, and the assistant keeps silent.
        takeover_until := (m ->> 'sent_at')::timestamptz + make_interval(mins => (ai ->> 'takeover_minutes')::integer);
        v.human_until := greatest(v.human_until, takeover_until);
        v.answered_seq := v.inbound_seq;
        v.pending_since := null;
        if v.lease_until is null then
            update turns set state = 'replaced', reason = 'human', finished_at = moment
            where organization_id = organization and id = v.turn_id and state = 'open';
            v.turn_id := null;
            v.due_at := null;
        end if;
    end if;

    update conversations
    set chat = m ->> 'chat', journal_epoch = (report ->> 'journal_epoch')::uuid, chat_sequence = v.chat_sequence,
        gaps = v.gaps, inbound_seq = v.inbound_seq, answered_seq = v.answered_seq, pending_since = v.pending_since,
        last_inbound_at = v.last_inbound_at, human_until = v.human_until, turn_id = v.turn_id, due_at = v.due_at
    where organization_id = organization and id = v.id;
end $$;

-- Store a batch of reports, given in journal order. Each item holds the account that sent it, the organization and
-- instance that its envelope claims, and the envelope. Returns one outcome an item:
-- stored, duplicate, echo, unknown (the account has no settings yet: keep the report), foreign (the envelope
-- claims somebody else's identity), closed (the instance is deleted).
create function ingest(batch jsonb) returns text[]
language plpgsql
as $$
declare
    item record;
    destination record;
    result record;
    outcomes text[] := '{}';
    woken jsonb := '{}';
    key uuid;
begin
    for key in select distinct (t ->> 'instance')::uuid from jsonb_array_elements(batch) t order by 1 loop
        perform lock_instance(key);
    end loop;
    for item in
        select t ->> 'account' as account, (t ->> 'organization')::uuid as organization,
            (t ->> 'instance')::uuid as instance, t -> 'report' as report
        from jsonb_array_elements(batch) with ordinality as b (t, n) order by n
    loop
        select * into destination from route(item.account);
        if destination.instance is null then
            outcomes := outcomes || 'unknown'::text;
            continue;
        elsif destination.instance <> item.instance then
            outcomes := outcomes || 'foreign'::text;
            continue;
        elsif destination.closed then
            outcomes := outcomes || 'closed'::text;
            continue;
        end if;
        perform enter_org(item.organization);
        case item.report -> 'body' ->> 'type'
        when 'message' then
            select * into result from ingest_message(item.organization, item.instance, item.report);
            if result.due < coalesce((woken ->> item.organization::text)::timestamptz, 'infinity') then
                woken := woken || jsonb_build_object(item.organization, result.due);
            end if;
            outcomes := outcomes || result.outcome;
        when 'send_result' then
            update outbox
            set state = item.report -> 'body' ->> 'outcome', whatsapp_id = item.report -> 'body' ->> 'whatsapp_id',
                error = item.report -> 'body' ->> 'error', closed_at = clock_timestamp()
            where organization_id = item.organization and instance_id = item.instance
                and id = (item.report -> 'body' ->> 'request_id')::uuid and closed_at is null;
            outcomes := outcomes || case when found then 'stored' else 'duplicate' end;
        else
            update instances
            set connection = item.report -> 'body' ->> 'state', connection_reason = item.report -> 'body' ->> 'reason',
                connection_at = (item.report ->> 'occurred_at')::timestamptz
            where organization_id = item.organization and id = item.instance
                and coalesce(connection_at, '-infinity') <= (item.report ->> 'occurred_at')::timestamptz;
            outcomes := outcomes || case when found then 'stored' else 'duplicate' end;
        end case;
    end loop;
    for item in select k::uuid as organization, at::timestamptz as at from jsonb_each_text(woken) as w (k, at) order by 1 loop
        perform wake_org(item.organization, item.at);
    end loop;
    for key in select distinct (t ->> 'instance')::uuid from jsonb_array_elements(batch) t order by 1 loop
        perform retry_relay(key);
    end loop;
    return outcomes;
end $$;

--------------------------------------------------------------------------------------------------------------- turns

-- Whether the claim still holds; keeps others from claiming until the transaction ends.
create function hold_turn(organization uuid, conversation bigint, held_fence bigint) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    perform 1 from conversations c
    where c.organization_id = organization and c.id = conversation and c.fence = held_fence and c.lease_until is not null
    for no key update;
    return found;
end $$;

create function messages_document(organization uuid, conversation bigint, turn turns, wanted integer) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'inputs', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'kind', m.content, 'text', m.body,
                'age_seconds', extract(epoch from m.arrived_at - m.sent_at)
            ) order by m.id), '[]')
            from messages m
            where m.organization_id = organization and m.conversation_id = conversation
                and m.position between turn.from_seq and turn.upto_seq
        ),
        'history', (
            select coalesce(jsonb_agg(jsonb_build_object('author', h.author, 'text', h.body) order by h.id), '[]')
            from (
                select m.id, m.author, m.body from messages m
                where m.organization_id = organization and m.conversation_id = conversation
                    and (m.position is null or m.position < turn.from_seq) and m.content = 'text' and m.body is not null
                order by m.id desc limit wanted
            ) h
        )
    )
$$;

-- Open or resume the turn of a claimed conversation. Its inputs are fixed when it is created.
-- Returns null where there is nothing to do: the fence is lost, a person has the conversation, all is answered.
create function open_turn(organization uuid, conversation bigint, held_fence bigint) returns jsonb
language plpgsql
as $$
declare
    v conversations%rowtype;
    t turns%rowtype;
    moment timestamptz := clock_timestamp();
    i instances%rowtype;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    if v.human_until > moment or (v.turn_id is null and v.inbound_seq <= v.answered_seq) then
        update turns set state = 'replaced', reason = 'human', finished_at = moment
        where organization_id = organization and id = v.turn_id and state = 'open';
        v.due_at := case when v.inbound_seq > v.answered_seq then v.human_until end;
        update conversations set turn_id = null, lease_until = null, due_at = v.due_at
        where organization_id = organization and id = conversation;
        if v.due_at is not null then
            perform wake_org(organization, v.due_at);
        end if;
        return null;
    end if;
    if v.turn_id is null then
        insert into turns (organization_id, conversation_id, instance_id, from_seq, upto_seq, based_on, trace)
        values (organization, conversation, v.instance_id, v.answered_seq + 1, v.inbound_seq, v.chat_sequence, (
            select m.trace from messages m
            where m.organization_id = organization and m.conversation_id = conversation and m.position is not null
            order by m.id desc limit 1
        )) returning * into t;
        update conversations set turn_id = t.id where organization_id = organization and id = conversation;
    else
        select * into t from turns where organization_id = organization and id = v.turn_id;
    end if;
    select * into i from instances where organization_id = organization and id = v.instance_id;
    return messages_document(organization, conversation, t, (i.settings -> 'ai' ->> 'context_messages')::integer)
    || jsonb_build_object(
        'turn', t.id, 'attempts', t.attempts, 'trace', t.trace, 'instance', v.instance_id, 'settings', i.settings,
        'closed', i.closed_at is not null, 'chat', v.chat, 'self_chat', v.self_chat, 'contact', (
            select jsonb_build_object('id', c.id, 'name', c.name, 'phone', c.phone) from contacts c
            where c.organization_id = organization and c.id = v.contact_id
        ), 'steps', (
            select coalesce(jsonb_agg(jsonb_build_object('response', s.response, 'results', s.results) order by s.round), '[]')
            from turn_steps s where s.organization_id = organization and s.turn_id = t.id
        )
    );
end $$;

-- Keep a model's response before its tools run. False: the fence is lost.
create function store_step(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, step_round integer, step_model text,
    model_response jsonb, prompt integer, cached integer, completion integer, cost bigint, latency integer
) returns boolean
language plpgsql
as $$
begin
    if not hold_turn(organization, conversation, held_fence) then
        return false;
    end if;
    insert into turn_steps (
        organization_id, turn_id, round, model, response, prompt_tokens, cached_tokens, completion_tokens,
        cost_microdollars, latency_ms
    ) values (organization, turn, step_round, step_model, model_response, prompt, cached, completion, cost, latency);
    return true;
end $$;

-- Put a text to send into the outbox and into the conversation; once per turn and part.
create function put_out(
    organization uuid, conversation bigint, turn turns, message jsonb, basis integer, keep_for interval
) returns void
language plpgsql
as $$
declare
    v conversations%rowtype;
begin
    select * into v from conversations c where c.organization_id = organization and c.id = conversation;
    insert into outbox (
        organization_id, id, instance_id, conversation_id, turn_id, part, chat, body, based_on, trace, expires_at
    ) values (
        organization, (message ->> 'id')::uuid, v.instance_id, conversation, turn.id, (message ->> 'part')::smallint,
        v.chat, message ->> 'text', basis, turn.trace, now() + keep_for
    ) on conflict (organization_id, turn_id, part) do nothing;
    if found then
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, author, content, body, sent_at, outbox_id
        ) values (
            organization, v.instance_id, conversation, v.chat, v.chat, 'assistant', 'text', message ->> 'text',
            clock_timestamp(), (message ->> 'id')::uuid
        );
    end if;
end $$;

create function record_interaction(organization uuid, turn turns, role text) returns void
language sql
as $$
    insert into ai_interactions (
        organization_id, turn_id, conversation_id, assistant, model, rounds, prompt_tokens, cached_tokens,
        completion_tokens, cost_microdollars, latency_ms
    )
    select organization, turn.id, turn.conversation_id, role, (array_agg(s.model order by s.round desc))[1], count(*),
        sum(s.prompt_tokens), sum(s.cached_tokens), sum(s.completion_tokens),
        case when bool_and(s.cost_microdollars is not null) then sum(s.cost_microdollars) end, sum(s.latency_ms)
    from turn_steps s where s.organization_id = organization and s.turn_id = turn.id
    having count(*) > 0
    on conflict (organization_id, turn_id) do update
    set rounds = excluded.rounds, prompt_tokens = excluded.prompt_tokens, cached_tokens = excluded.cached_tokens,
        completion_tokens = excluded.completion_tokens, cost_microdollars = excluded.cost_microdollars,
        latency_ms = excluded.latency_ms, model = excluded.model
$$;

-- Let go of a conversation whose turn ended; messages that came meanwhile make it due again, after the debounce.
create function release_conversation(organization uuid, conversation bigint, turn turns) returns void
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
end $$;

-- End a turn: its answers, its cost and its inputs' state in one transaction.
-- `messages` holds objects {id, part, text}. Returns the turn's state, or null where the fence is lost.
create function finish_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, final_state text, why text, role text,
    answers jsonb
) returns text
language plpgsql
as $$
declare
    t turns%rowtype;
    answer jsonb;
    keep_for interval;
begin
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
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
    perform release_conversation(organization, conversation, t);
    if jsonb_array_length(answers) > 0 then
        perform wake_relay(t.instance_id);
    end if;
    return final_state;
end $$;

-- Count a failed attempt. Below `max_attempts` the turn is tried again after `delay` doubled each time; then it is a
-- dead letter: the customer gets `apology`, the first owner gets `notice` (an owner's own turn: the notice alone).
-- Returns retry, dead, or null where the fence is lost.
create function fail_turn(
    organization uuid, conversation bigint, held_fence bigint, turn bigint, why text, role text, max_attempts integer,
    delay interval, apology jsonb, notice jsonb
) returns text
language plpgsql
as $$
declare
    t turns%rowtype;
    instance uuid;
    owner_phone text;
    owner_conversation bigint;
    again_at timestamptz;
begin
    perform enter_org(organization);
    select c.instance_id into instance from conversations c where c.organization_id = organization and c.id = conversation;
    perform lock_instance(instance);
    if not hold_turn(organization, conversation, held_fence) then
        return null;
    end if;
    update turns set attempts = attempts + 1, reason = why, assistant = role
    where organization_id = organization and id = turn returning * into t;
    if t.attempts < max_attempts then
        again_at := clock_timestamp() + delay * (2 ^ (t.attempts - 1));
        update conversations set lease_until = null, due_at = again_at
        where organization_id = organization and id = conversation;
        perform wake_org(organization, again_at);
        return 'retry';
    end if;
    update turns set state = 'dead', finished_at = clock_timestamp() where organization_id = organization and id = turn;
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    values (organization, 'worker', 'turn_died', turn, why);
    if apology is not null then
        perform put_out(organization, conversation, t, apology, t.based_on, interval '6 hours');
        select i.settings -> 'owners' ->> 0 into owner_phone
        from instances i where i.organization_id = organization and i.id = instance;
        if owner_phone is not null then
            owner_conversation := conversation_of(
                organization, instance, substr(owner_phone, 2) || '@s.whatsapp.net', null, null, false
            );
        end if;
    else
        owner_conversation := conversation;
    end if;
    if owner_conversation is not null then
        perform put_out(organization, owner_conversation, t, notice, null, interval '24 hours');
    end if;
    perform record_interaction(organization, t, role);
    perform release_conversation(organization, conversation, t);
    perform wake_relay(instance);
    return 'dead';
end $$;

--------------------------------------------------------------------------------------------------------------- relay

create function relay_due(how_many integer) returns table (organization uuid, instance uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
    select q.organization_id, q.instance_id from relay_queue q
    where q.ready_at <= clock_timestamp() and q.ready_at < 'infinity' and q.held_until <= clock_timestamp()
    order by q.ready_at limit how_many
$$;

-- Hold the instance's relay row; returns its account, or null while another relay holds it.
create function hold_relay(instance uuid, relay uuid, lease interval) returns text
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue set holder = relay, held_until = clock_timestamp() + lease
    where instance_id = instance and not closed and (holder = relay or held_until <= clock_timestamp())
    returning account
$$;

-- Let go of the relay row: nothing is left to send, or the pod does not accept (it is tried again with back-off).
create function release_relay(instance uuid, failed boolean) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue
    set holder = null, held_until = '-infinity',
        failures = case when failed then failures + 1 else 0 end,
        ready_at = case when failed
            then clock_timestamp() + least(interval '250 milliseconds' * (2 ^ least(failures, 8)), interval '10 seconds')
            else 'infinity' end
    where instance_id = instance
$$;

-- Mark what the pod accepted and return what it is to be sent next, oldest first within its lane; null while
-- another relay holds the instance. With nothing left, or after a failure, the instance is let go.
create function relay_step(
    organization uuid, instance uuid, relay uuid, lease interval, accepted_ids uuid[], failed boolean, how_many integer
) returns jsonb
language plpgsql
as $$
declare
    destination text;
    next_rows jsonb := '[]';
begin
    perform enter_org(organization);
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

------------------------------------------------------------------------------------------------------------- pet shop

-- What an assistant is told of the shop and of the customer: the applied catalogue and the coming bookings.
create function petshop_brief(organization uuid, contact bigint) returns jsonb
language plpgsql
as $$
begin
    perform enter_org(organization);
    return jsonb_build_object(
        'catalogue', (select c.document from catalogues c where c.organization_id = organization),
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

-------------------------------------------------------------------------------------------------------- dead letters

-- The dead turns of all organizations, by their ids alone.
create function dead_turns() returns table (organization uuid, turn bigint)
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    key uuid;
begin
    for key in select q.organization_id from org_queue q order by 1 loop
        perform enter_org(key);
        return query select t.organization_id, t.id from turns t where t.organization_id = key and t.state = 'dead' order by t.id;
    end loop;
    perform set_config('oxy.org', '', true);
end $$;

-- Give a dead turn new attempts: it falls due at once and a worker takes it under the lease like any other.
-- Returns replayed, missing (no such dead turn) or busy (the conversation has another open turn).
create function replay_turn(organization uuid, turn bigint, who text) returns text
language plpgsql
as $$
declare
    v conversations%rowtype;
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
    update conversations set turn_id = turn, due_at = clock_timestamp()
    where organization_id = organization and id = v.id;
    insert into audit_log (organization_id, actor, action, turn_id) values (organization, who, 'turn_replayed', turn);
    perform wake_org(organization, clock_timestamp());
    return 'replayed';
end $$;

create function drop_turn(organization uuid, turn bigint, who text) returns text
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

do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('revoke all on function %s from public', f);
        execute format('grant execute on function %s to oxy_app, oxy_scheduler', f);
    end loop;
    for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef loop
        execute format('alter function %s owner to oxy_scheduler', f);
    end loop;
end $$;
