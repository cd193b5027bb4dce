-- From pods' reports to due conversations: one transaction per batch, one function per decision.

-- The role of a message in its conversation:
-- inbound: needs an answer; takeover: a person of the business answered from the phone; aside: neither.
create or replace function role_of_message(m inbound_message) returns text
language sql immutable parallel safe
as $$
    select case
        when not is_personal(m.chat) or m.kind = 'undecryptable' then 'aside'
        when m.self_chat or not m.from_me then 'inbound'
        else 'takeover'
    end
$$;

-- Whether messages are missing between the last one seen in the chat's journal and this one. A new journal, or another
-- address of the chat, starts a new sequence: no gap can be detected.
create or replace function has_gap(v conversations, epoch uuid, chat text, sequence integer) returns boolean
language sql immutable parallel safe
as $$ select coalesce(v.journal_epoch = epoch and v.chat = chat and sequence > v.chat_sequence + 1, false) $$;

-- The chat's highest sequence number after a message, which may be an older one that was redelivered.
create or replace function newest_sequence(v conversations, epoch uuid, chat text, sequence integer) returns integer
language sql immutable parallel safe
as $$
    select case when v.journal_epoch = epoch and v.chat = chat then greatest(v.chat_sequence, sequence)
                else sequence end
$$;

-- Store a batch of reports, given in journal order. Each item is oxy_ai.records.InboundReport: {account, organization,
-- instance, phone, phone_key, report}; `account` sent it, `organization` and `instance` are what the report claims.
-- Returns one outcome per item: stored, duplicate, echo, ignored, or why it was refused (`refusal`).
create or replace function ingest(batch jsonb, gap_wait interval) returns text[]
language plpgsql
as $$
declare
    instances uuid[] := array(select (t ->> 'instance')::uuid from jsonb_array_elements(batch) t);
    item jsonb;
    result record;
    outcome text;
    outcomes text[] := '{}';
    unknown text[] := '{}';
    woken uuid[] := '{}';
    due_times timestamptz[] := '{}';
begin
    perform lock_instances(instances);
    for item in select b.t from jsonb_array_elements(batch) with ordinality as b (t, n) order by b.n loop
        -- Settings may arrive during this loop. An account whose first report was unknown stays unknown for the whole
        -- batch; otherwise its later reports would overtake the earlier ones, which are retried.
        outcome := case when item ->> 'account' = any (unknown) then 'unknown'
                        else refusal(item ->> 'account', (item ->> 'instance')::uuid) end;
        if outcome is null then
            select * into result from ingest_report(item, gap_wait);
            outcome := result.outcome;
            if result.due is not null then
                woken := woken || (item ->> 'organization')::uuid;
                due_times := due_times || result.due;
            end if;
        elsif outcome = 'unknown' then
            unknown := unknown || (item ->> 'account');
        end if;
        outcomes := outcomes || outcome;
    end loop;
    perform wake_orgs(woken, due_times);
    perform retry_relays(instances);
    return outcomes;
end $$;

-- Store one report. Returns its outcome and, if it makes a conversation due, when.
create or replace function ingest_report(item jsonb, gap_wait interval, out outcome text, out due timestamptz)
language plpgsql
as $$
declare
    body jsonb := item -> 'report' -> 'body';
    organization uuid := item ->> 'organization';
begin
    perform enter_org(organization);
    case body ->> 'type'
    when 'message' then
        select i.outcome, i.due into outcome, due
        from ingest_message(item, jsonb_populate_record(null::inbound_message, body), gap_wait) i;
    when 'send_result' then
        outcome := close_request(organization, (item ->> 'instance')::uuid, body);
    else
        outcome := 'ignored';  -- connection changes: not used yet
    end case;
end $$;

-- Store a message and update its conversation. Returns the outcome and, if the message makes it due, when.
create or replace function ingest_message(
    item jsonb, m inbound_message, gap_wait interval, out outcome text, out due timestamptz
)
language plpgsql
as $$
declare
    v conversations := lock_conversation(item, m);
    epoch uuid := item -> 'report' ->> 'journal_epoch';
    ai jsonb := ai_settings(v);
    gap boolean := has_gap(v, epoch, m.chat, m.chat_sequence);
begin
    if m.from_me and is_echo(v, m.whatsapp_id) then
        outcome := 'echo';
    elsif store_message(v, m, item -> 'report' ->> 'trace') then
        outcome := 'stored';
    else
        outcome := 'duplicate';  -- redelivered: its conversation has counted it
        return;
    end if;
    -- An echo, too, advances the chat's sequence.
    v := place_in_chat(v, epoch, m, gap);
    if outcome = 'stored' then
        case role_of_message(m)
        when 'inbound' then
            v := count_inbound(v, ai, case when gap then gap_wait else interval '0' end);
            -- An open or running turn sets the next due time when it ends.
            due := case when v.lease_until is null and v.turn_id is null then v.due_at end;
        when 'takeover' then
            v := person_takes_over(v, m.sent_at, make_interval(mins => (ai ->> 'takeover_minutes')::integer));
        else
        end case;
    end if;
    perform save_conversation(v);
end $$;

-- Find or create the conversation of a message, and lock it.
create or replace function lock_conversation(item jsonb, m inbound_message) returns conversations
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    v conversations;
begin
    v.id := conversation_of(
        organization, (item ->> 'instance')::uuid, m.chat, m.chat_alias, item ->> 'phone', item ->> 'phone_key',
        case when not m.from_me then m.push_name end, m.self_chat
    );
    select * into v from conversations c where c.organization_id = organization and c.id = v.id for no key update;
    return v;
end $$;

create or replace function ai_settings(v conversations) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select i.settings -> 'ai' from instances i where i.organization_id = v.organization_id and i.id = v.instance_id
    );
end $$;

-- Whether the platform sent this message of the account. Pods recognise such messages by a secret and do not report
-- them; this check is for a pod that has lost its journal.
create or replace function is_echo(v conversations, wanted_id text) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o
        where o.organization_id = v.organization_id and o.instance_id = v.instance_id and o.whatsapp_id = wanted_id
    );
end $$;

-- Store a message; false: it is a duplicate. A message that needs an answer gets its conversation's next number.
create or replace function store_message(v conversations, m inbound_message, trace_parent text) returns boolean
language plpgsql
as $$
begin
    insert into messages (
        organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, placeholder, author, position,
        kind, body, quoted_id, sent_at, trace
    ) values (
        v.organization_id, v.instance_id, v.id, m.chat, m.sender, m.whatsapp_id, m.kind = 'undecryptable',
        case when m.from_me and not m.self_chat then 'phone' else 'customer' end,
        case when role_of_message(m) = 'inbound' then v.inbound_seq + 1 end,
        m.kind, m.text, m.quoted_id, m.sent_at, trace_parent
    ) on conflict (instance_id, chat, sender, whatsapp_id, placeholder) do nothing;
    return found;
end $$;

-- Record the chat's current address and its position in the journal.
create or replace function place_in_chat(v conversations, epoch uuid, m inbound_message, gap boolean)
returns conversations
language plpgsql immutable
as $$
begin
    v.chat_sequence := newest_sequence(v, epoch, m.chat, m.chat_sequence);
    v.gaps := v.gaps + gap::integer;
    v.chat := m.chat;
    v.journal_epoch := epoch;
    return v;
end $$;

-- Count a message that needs an answer. The inputs of an open or running turn are fixed, so its due time (the retry, or
-- the end of the lease) does not change.
create or replace function count_inbound(v conversations, ai jsonb, gap_wait interval) returns conversations
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    v.inbound_seq := v.inbound_seq + 1;
    v.last_inbound_at := moment;
    v.pending_since := coalesce(v.pending_since, moment);
    if v.lease_until is null and v.turn_id is null then
        v.due_at := due_after_message(
            moment, v.pending_since, v.human_until,
            make_interval(secs => (ai ->> 'debounce_seconds')::double precision),
            make_interval(secs => (ai ->> 'debounce_max_seconds')::double precision), gap_wait
        );
    end if;
    return v;
end $$;

create or replace function save_conversation(v conversations) returns void
language plpgsql
as $$
begin
    update conversations
    set chat = v.chat, journal_epoch = v.journal_epoch, chat_sequence = v.chat_sequence, gaps = v.gaps,
        inbound_seq = v.inbound_seq, answered_seq = v.answered_seq, pending_since = v.pending_since,
        last_inbound_at = v.last_inbound_at, human_until = v.human_until, turn_id = v.turn_id, due_at = v.due_at
    where organization_id = v.organization_id and id = v.id;
end $$;
