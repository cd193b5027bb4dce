-- From pods' reports to due conversations: one transaction per batch, one function per decision.

-- Whether somebody says something with a message of this kind; the others change an earlier message, tell of the chat, or
-- could not be read.
create or replace function says_something(kind text) returns boolean
language sql immutable parallel safe
as $$
    select kind <> all ('{edit,revoke,reaction,vote,event_reply,notice,album,undecryptable}'::text[])
$$;

-- Whether a person wrote a message, not the WhatsApp Business app by itself.
create or replace function is_by_person(source text) returns boolean
language sql immutable parallel safe
as $$ select coalesce(source, '') <> all ('{greeting,away,automatic}'::text[]) $$;

-- The role of a message in its conversation:
-- inbound: needs an answer; takeover: a person of the business answered from the phone; hand_back: or told the assistant to
-- answer again; aside: none of them.
create or replace function role_of_message(m inbound_message) returns text
language sql immutable parallel safe
as $$
    select case
        when m.command then case when is_personal(m.chat) and not m.self_chat then 'hand_back' else 'aside' end
        when not is_personal(m.chat) or not says_something(m.kind) or not is_by_person(m.source) then 'aside'
        when m.self_chat or not m.from_me then case when m.before_pairing then 'aside' else 'inbound' end
        when m.kind = 'missed_call' then 'aside'
        else 'takeover'
    end
$$;

-- A message's state on arrival. Null: the business wrote it. `answered`: a person has answered it already; `revoked`: its
-- sender has revoked it.
create or replace function state_on_arrival(m inbound_message, answered boolean, revoked boolean) returns message_state
language sql immutable parallel safe
as $$
    select case
        when m.from_me and not m.self_chat then null
        when not is_personal(m.chat) or m.before_pairing then 'ignored'
        when m.kind = 'undecryptable' then 'lost'
        when not says_something(m.kind) or not is_by_person(m.source) or m.command or revoked then 'ignored'
        when answered then 'person'
        else 'open'
    end::message_state
$$;

-- Why a message is ignored or lost on arrival.
create or replace function reason_on_arrival(m inbound_message, state message_state, revoked boolean) returns text
language sql immutable parallel safe
as $$
    select case
        when state = 'ignored' and not is_personal(m.chat) then 'not a chat with one person'
        when state = 'ignored' and m.before_pairing then before_pairing()
        when state = 'lost' and m.content ->> 'placeholder_reason' = 'lost' then 'lost'
        when state = 'lost' and m.kind = 'undecryptable' then 'undecryptable'
        when state = 'ignored' and (not says_something(m.kind) or not is_by_person(m.source) or m.command)
            then 'needs no answer'
        when state = 'ignored' and revoked then revoked_by_sender()
        else reason_published_again(state)
    end
$$;

-- Store a batch of reports. Each item is oxy_ai.records.InboundReport: {account, organization, instance, phone, phone_key,
-- age_seconds, published_at, wish, urgent, report}; `account` sent it, `organization` and `instance` are what the report claims.
-- Returns one outcome per item: stored, duplicate, echo, erased (of a person who was forgotten since), or why
-- it was refused (`refusal`).
create or replace function ingest(batch jsonb, gap_wait interval, file_wait interval default null) returns text[]
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
            select * into result from ingest_report(item, gap_wait, file_wait);
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
    perform note_receipts(batch, outcomes);
    perform note_connections(batch, outcomes);
    perform note_events(batch, outcomes);
    perform retry_relays(instances);
    return outcomes;
end $$;

-- Store one report, unless it is of somebody who was forgotten since. Returns its outcome and, if it makes a conversation
-- due, when.
create or replace function ingest_report(
    item jsonb, gap_wait interval, file_wait interval, out outcome text, out due timestamptz
)
language plpgsql
as $$
begin
    perform enter_org((item ->> 'organization')::uuid);
    if is_of_erased(item) then
        perform refuse_file(item);
        outcome := 'erased';
    else
        select s.outcome, s.due into outcome, due from store_report(item, gap_wait, file_wait) s;
    end if;
end $$;

create or replace function store_report(
    item jsonb, gap_wait interval, file_wait interval, out outcome text, out due timestamptz
)
language plpgsql
as $$
declare
    body jsonb := item -> 'report' -> 'body';
    organization uuid := item ->> 'organization';
begin
    case body ->> 'type'
    when 'message' then
        select i.outcome, i.due into outcome, due
        from ingest_message(item, message_of(body || jsonb_build_object('command', item -> 'command')), gap_wait, file_wait) i;
        if body -> 'file' ->> 'id' is not null then
            perform announce_file(item);
        end if;
    when 'send_result' then
        perform place_of_report(item);
        outcome := close_request(organization, (item ->> 'instance')::uuid, body);
    when 'file_arrived' then
        perform place_of_report(item);
        outcome := file_arrived(item);
    when 'file_failed' then
        perform place_of_report(item);
        outcome := file_failed(item);
    when 'number_changed' then
        due := change_number(item);
        outcome := 'stored';
    when 'contact_erased' then
        perform place_of_report(item);
        outcome := contact_erased(item);
    when 'message_lost' then
        outcome := lose_message(item, message_of(body || '{"kind": "undecryptable", "self_chat": false}'));
    else
        perform place_of_report(item);
        outcome := 'stored';  -- by note_receipts or note_connections
    end case;
end $$;

-- The message in the body of a report.
create or replace function message_of(body jsonb) returns inbound_message
language plpgsql immutable parallel safe
as $$
declare
    m inbound_message := jsonb_populate_record(null::inbound_message, body);
begin
    m.content := body - '{type,whatsapp_id,chat,chat_alias,sender,from_me,self_chat,push_name,kind,text,quoted_id,sent_at,
        delay_seconds,chat_sequence,chat_type,source,offline,before_pairing,command}'::text[];
    m.command := coalesce(m.command, false);
    if m.content in ('{}', '{"mentions": [], "view_once": false, "forwarded": false}') then
        m.content := null;
    end if;
    return m;
end $$;

-- Store a message and update its conversation. Returns the outcome and, unless a worker holds the conversation, when it
-- is due.
create or replace function ingest_message(
    item jsonb, m inbound_message, gap_wait interval, file_wait interval, out outcome text, out due timestamptz
)
language plpgsql
as $$
declare
    at place := place_of_report(item);
    v conversations := lock_conversation(item, m, at);
    settled text := case when item ? 'settled' then settled_before(item) end;
    revoked boolean := is_revoked(v, m);
    answered boolean := person_has_answered(v, at, m.sent_at);
    state message_state := state_published_again(state_as_answer(v, m, state_on_arrival(m, answered, revoked)), settled);
    age double precision := coalesce((item ->> 'age_seconds')::double precision, 0);
    ai jsonb := ai_settings(v);
    echo boolean := m.from_me and is_echo(v, m.whatsapp_id);
begin
    perform note_in_journal(v, at, m, role_of_message(m) = 'takeover' and not echo, gap_wait);
    if echo then
        outcome := 'echo';
    elsif store_message(v, m, at, state, reason_on_arrival(m, state, revoked), age, item -> 'report' ->> 'trace') then
        outcome := 'stored';
        perform heed(v, m, item ->> 'wish', at);
        if state = 'open' then
            v := await_file(count_open(v), m, ai, file_wait);
            v := raise_alarm(v, case when item ->> 'urgent' = 'true' then at end);
        elsif role_of_message(m) in ('takeover', 'hand_back') then
            v := heed_person(v, m, at, clock_timestamp() - make_interval(secs => age), silence_of(ai));
        elsif state = 'lost' then
            perform note_perhaps_answered(v, m);
        elsif m.kind = 'revoke' then
            v := settle_revoked(v, target_of(m));
        end if;
    else
        outcome := 'duplicate';
        v := settle_published_again(v, m, settled);
    end if;
    v := reschedule(note_message(advance(v, at, m.chat), m, age), ai);
    perform save_conversation(v);
    due := case when v.lease_until is null then v.due_at end;
end $$;

-- The business wrote a message at `written_at`: a person may take over by it, or hand back.
create or replace function heed_person(
    v conversations, m inbound_message, at place, written_at timestamptz, silence interval
) returns conversations
language plpgsql
as $$
begin
    return case role_of_message(m)
        when 'takeover' then person_takes_over(v, at, written_at, silence)
        when 'hand_back' then obey_hand_back(v, at, written_at, m.sent_at)
        else v
    end;
end $$;

-- Carry out what a new message means beside that it may need an answer.
create or replace function heed(v conversations, m inbound_message, wish text, at place) returns void
language plpgsql
as $$
begin
    perform settle_placeholder(v, m);
    if wish is not null and not m.from_me and m.before_pairing is not true and is_personal(m.chat) then
        perform note_wish(v, wish, at);
    end if;
end $$;

-- Find or create the conversation of a message, and lock it.
create or replace function lock_conversation(item jsonb, m inbound_message, at place) returns conversations
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    v conversations;
begin
    v.id := conversation_of(
        organization, (item ->> 'instance')::uuid, m.chat, m.chat_alias, item ->> 'phone', item ->> 'phone_key',
        case when not m.from_me then m.push_name end, m.self_chat, at
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

-- Store a message; false: it is a duplicate.
create or replace function store_message(
    v conversations, m inbound_message, at place, state message_state, reason text, age double precision,
    trace_parent text
) returns boolean
language plpgsql
as $$
begin
    insert into messages (
        organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, placeholder, author, place, state,
        reason, settled_at, kind, body, command, content, source, quoted_id, target_id, sent_at, age_seconds, trace
    ) values (
        v.organization_id, v.instance_id, v.id, m.chat, m.sender, m.whatsapp_id, m.kind = 'undecryptable',
        case when state is null then 'phone' else 'customer' end, at, state,
        reason, case when state <> 'open' then clock_timestamp() end,
        m.kind, m.text, m.command, m.content, m.source, m.quoted_id, target_of(m), m.sent_at, age, trace_parent
    ) on conflict (instance_id, whatsapp_id, chat, sender, placeholder) do nothing;
    return found;
end $$;

-- Record the chat's newest address and the place of its newest message.
create or replace function advance(v conversations, at place, chat text) returns conversations
language plpgsql immutable
as $$
begin
    if at >= v.place then
        v.place := at;
        v.chat := chat;
    end if;
    return v;
end $$;

-- Note when the conversation's newest message came; `age` is in seconds.
create or replace function note_message(v conversations, m inbound_message, age double precision) returns conversations
language plpgsql
as $$
begin
    if says_something(m.kind) then
        v.last_message_at := greatest(v.last_message_at, clock_timestamp() - make_interval(secs => age));
    end if;
    return v;
end $$;

create or replace function count_open(v conversations) returns conversations
language plpgsql
as $$
begin
    v.last_inbound_at := clock_timestamp();
    v.pending_since := coalesce(v.pending_since, v.last_inbound_at);
    return v;
end $$;

create or replace function save_conversation(v conversations) returns void
language plpgsql
as $$
begin
    update conversations
    set chat = v.chat, place = v.place, pending_since = v.pending_since, media_until = v.media_until,
        last_inbound_at = v.last_inbound_at,
        last_message_at = greatest(last_message_at, v.last_message_at),
        turn_id = v.turn_id, due_at = v.due_at, urgent = v.urgent
    where organization_id = v.organization_id and id = v.id;
    perform save_human_mode(v);
end $$;
