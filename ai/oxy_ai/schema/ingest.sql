-- Whether an own message is one that the platform sent: known by its WhatsApp id, or, while the pod has not yet
-- reported that id, by its text.
create or replace function is_echo(organization uuid, instance uuid, conversation bigint, wanted_id text, wanted_text text) returns boolean
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
create or replace function ingest_message(
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

-- Settings may be stored while a batch is: an account that was unknown at its first report of a batch stays unknown to
-- the end of it, or its later reports would overtake the earlier ones, which are kept for the next batch.
create or replace function ingest(batch jsonb) returns text[]
language plpgsql
as $$
declare
    item record;
    destination record;
    result record;
    outcomes text[] := '{}';
    unknown text[] := '{}';
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
        if item.account = any (unknown) then
            outcomes := outcomes || 'unknown'::text;
            continue;
        end if;
        select * into destination from route(item.account);
        if destination.instance is null then
            unknown := unknown || item.account;
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
