-- What models hear in voice notes and see in pictures. A message whose file is to be read is waited for: until it is read
-- or given up, a turn leaves it open and takes the others. Each file that is stored and not read has a row in
-- reading_queue; a worker (oxy_ai.engine.media_reader) decides whether anybody may hear it, and reads it.

-- How the file of a message is to be read; null: not at all. What may be looked at once is for people alone.
create or replace function way_of_reading(m inbound_message, ai jsonb) returns text
language sql immutable parallel safe
as $$
    select case
        when m.content -> 'file' ->> 'id' is null or m.content ->> 'view_once' = 'true' then null
        when m.kind in ('voice_note', 'audio') and ai -> 'transcription' ->> 'enabled' is distinct from 'false'
            then 'heard'
        when m.kind = 'image' and ai -> 'vision' ->> 'enabled' is distinct from 'false' then 'seen'
    end
$$;

-- Wait for the file of a message that has just been stored, for `file_wait` at most (null: not at all).
create or replace function await_file(v conversations, m inbound_message, ai jsonb, file_wait interval)
returns conversations
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp() + file_wait;
begin
    if moment is null or way_of_reading(m, ai) is null then
        return v;
    end if;
    update messages n set awaited_until = moment
    where n.instance_id = v.instance_id and n.whatsapp_id = m.whatsapp_id and n.chat = m.chat and n.sender = m.sender
        and not n.placeholder;
    v.media_until := greatest(v.media_until, moment);
    return v;
end $$;

-- Whether a message is left open by a turn that takes others.
create or replace function is_awaited(m messages) returns boolean
language sql stable parallel safe
as $$ select m.awaited_until > clock_timestamp() is true $$;

-- Whether a turn may take one of the conversation's open messages now.
-- Without sequential scans, as `recount`.
create or replace function has_ready(v conversations) returns boolean
language plpgsql stable set enable_seqscan to off
as $$
begin
    return v.media_until > clock_timestamp() is not true or exists (
        select from messages m
        where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null and not is_awaited(m)
    );
end $$;

-- When a conversation is due of whose open messages some are awaited: the others wait for them as long as for more to be
-- written. An awaited one alone waits until it is given up.
-- Without sequential scans, as `recount`.
create or replace function due_with_files(v conversations, ai jsonb) returns timestamptz
language plpgsql stable set enable_seqscan to off
as $$
begin
    return (
        select coalesce(
            min(m.arrived_at) filter (where not is_awaited(m))
                + make_interval(secs => (ai ->> 'debounce_max_seconds')::double precision),
            min(m.awaited_until)
        )
        from messages m where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null
    );
end $$;

-- Whether a turn knows nothing of the conversation's newest emergency: it came later, or was heard later.
create or replace function is_unaware(v conversations, t turns) returns boolean
language plpgsql stable
as $$
begin
    return v.urgent is not null and (v.urgent > t.place or exists (
        select from messages m
        join readings r on r.organization_id = m.organization_id and r.message_id = m.id and r.settled_at > t.created_at
        where m.conversation_id = v.id and m.place = v.urgent and m.state = 'open' and m.turn_id is distinct from t.id
    ));
end $$;

-- Take note of what is to be read, once its message and its file are known.
create or replace function announce_reading(organization uuid, instance uuid, file uuid, message bigint) returns void
language plpgsql
as $$
begin
    insert into readings (organization_id, instance_id, media_id, message_id, way)
    select organization, instance, file, m.id, case when m.kind = 'image' then 'seen' else 'heard' end
    from messages m where m.organization_id = organization and m.id = message and m.awaited_until is not null
    on conflict (instance_id, media_id) do nothing;
    if found and exists (
        select from media f where f.instance_id = instance and f.id = file and f.state not in ('announced', 'arriving')
    ) then
        perform queue_reading(organization, instance, file);
    end if;
end $$;

-- Something became of a file: look at its reading, unless that has ended otherwise than by its loss.
create or replace function look_at_reading(organization uuid, instance uuid, file uuid) returns void
language plpgsql
as $$
begin
    update readings r set failure = null, settled_at = null
    where r.organization_id = organization and r.instance_id = instance and r.media_id = file
        and coalesce(r.failure = 'lost', r.settled_at is null);
    if found then
        perform queue_reading(organization, instance, file);
    end if;
end $$;

create or replace function queue_reading(organization uuid, instance uuid, file uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into reading_queue (organization_id, instance_id, media_id) values (organization, instance, file)
    on conflict (instance_id, media_id) do update set due_at = clock_timestamp(), claims = 0, held = false
$$;

create or replace function unqueue_reading(instance uuid, file uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from reading_queue where instance_id = instance and media_id = file $$;

-- Claim readings that are due, until `due_at`, which tells this claim from others, as in claim_due_files. Whoever has
-- fewest in hand comes first, and nobody has more than `most_each`, so that one organization's hundred voice notes, or an
-- endpoint of its own that hangs, do not keep the others' waiting.
create or replace function claim_readings(how_many integer, lease interval, most_each integer)
returns table (organization uuid, instance uuid, file uuid, claimed integer, held_until timestamptz)
language sql security definer set search_path = public, pg_temp
as $$
    update reading_queue q set due_at = clock_timestamp() + lease, claims = q.claims + 1, held = true
    from (
        select d.instance_id, d.media_id from reading_queue d join (
            select w.instance_id, w.media_id, w.due_at,
                row_number() over (partition by w.organization_id order by w.held desc, w.due_at) as turn
            from reading_queue w where w.held or w.due_at <= clock_timestamp()
        ) n on n.instance_id = d.instance_id and n.media_id = d.media_id
        where d.due_at <= clock_timestamp() and n.turn <= most_each order by n.turn, n.due_at limit how_many
        for no key update of d skip locked
    ) due
    where q.instance_id = due.instance_id and q.media_id = due.media_id
    returning q.organization_id, q.instance_id, q.media_id, q.claims, q.due_at
$$;

-- End a claim: the reading is looked at again after `pause`, or no more (null). False: it was claimed again since, or
-- something became of its file.
create or replace function end_reading_claim(instance uuid, file uuid, held_until timestamptz, pause interval)
returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    if pause is null then
        delete from reading_queue q where q.instance_id = instance and q.media_id = file and q.due_at = held_until;
    else
        update reading_queue q set due_at = clock_timestamp() + pause, claims = 0, held = false
        where q.instance_id = instance and q.media_id = file and q.due_at = held_until;
    end if;
    return found;
end $$;

-- All that a worker must know to read a file: oxy_ai.engine.readings.ReadingTask; null: there is nothing to read.
create or replace function reading_task(organization uuid, instance uuid, file uuid) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'settings', i.settings, 'closed', i.closed_at is not null, 'conversation', v.id, 'self_chat', v.self_chat,
            'owner', is_owner_of(i, c.phone_key, v.id),
            'contact', contact_document(c), 'message', m.id, 'trace', m.trace, 'message_state', m.state,
            'revoked', m.reason is not distinct from revoked_by_sender() or changes_of(m) ? 'revoke',
            'forwarded', coalesce((m.content ->> 'forwarded')::boolean, false),
            'age_seconds', age_at(m, clock_timestamp()), 'claimed_seconds', m.content -> 'file' -> 'seconds',
            'way', r.way, 'attempts', r.attempts, 'file_state', f.state, 'size_bytes', f.size_bytes,
            'lately', read_lately(v)
        )
        from readings r
        join instances i on i.organization_id = organization and i.id = instance
        join media f on f.instance_id = instance and f.id = file
        join messages m on m.organization_id = organization and m.id = r.message_id
        join conversations v on v.organization_id = organization and v.id = m.conversation_id
        join contacts c on c.organization_id = organization and c.id = v.contact_id
        where r.organization_id = organization and r.instance_id = instance and r.media_id = file
            and r.settled_at is null
    );
end $$;

-- How many files of a conversation were read within the last hour.
create or replace function read_lately(v conversations) returns bigint
language plpgsql stable
as $$
begin
    return (
        select count(*) from messages m
        join readings r on r.organization_id = m.organization_id and r.message_id = m.id
        where m.conversation_id = v.id and r.text is not null
            and r.settled_at > clock_timestamp() - make_interval(hours => 1)
    );
end $$;

-- The conversation of a message whose reading ends, both locked; nobody merges it before the transaction ends. A reading is
-- locked before its row in the queue, here and where something becomes of its file.
create or replace function lock_for_reading(organization uuid, instance uuid, file uuid, message bigint)
returns conversations
language plpgsql
as $$
declare
    v conversations;
begin
    perform lock_instance(instance);
    perform from readings r where r.instance_id = instance and r.media_id = file for no key update;
    select c.* into v from conversations c
    join messages m on m.organization_id = organization and m.id = message and m.conversation_id = c.id
    where c.organization_id = organization for no key update of c;
    return v;
end $$;

-- Store what was read of a file, or why nothing was; `result` is oxy_ai.engine.readings.ReadingResult, null: nobody may
-- read it. The message waits no longer, and what it wishes counts as if it were written. False: the claim does not hold
-- any more.
create or replace function settle_reading(
    organization uuid, instance uuid, file uuid, held_until timestamptz, message bigint, result jsonb
) returns boolean
language plpgsql
as $$
declare
    v conversations;
    m messages;
begin
    perform enter_org(organization);
    v := lock_for_reading(organization, instance, file, message);
    if not end_reading_claim(instance, file, held_until, null) then
        return false;
    end if;
    if result is null then
        delete from readings r where r.instance_id = instance and r.media_id = file;
    else
        update readings r set text = result ->> 'text', failure = result ->> 'failure', settled_at = clock_timestamp()
        where r.instance_id = instance and r.media_id = file;
    end if;
    update messages o set awaited_until = null where o.organization_id = organization and o.id = message returning * into m;
    if result ->> 'wish' is not null then
        perform note_wish(v, result ->> 'wish', m.place);
    end if;
    if result ->> 'urgent' = 'true' then
        v := hear_emergency(v, m);
    end if;
    perform wait_no_longer(v);
    return true;
end $$;

-- A message that was heard turns out to be about an emergency. One that was answered unheard, or is being so by a turn that
-- a worker has in hand, is open again.
create or replace function hear_emergency(v conversations, m messages) returns conversations
language plpgsql
as $$
begin
    if m.state = 'answered' or m.state = 'open' and m.turn_id = v.turn_id and v.lease_until is not null then
        update messages o set state = 'open', turn_id = null, settled_at = null
        where o.organization_id = m.organization_id and o.id = m.id;
    elsif m.state <> 'open' then
        return v;
    end if;
    return raise_alarm(recount(v), m.place);
end $$;

-- The endpoint does not answer: the reading is tried again after `pause`, but its message waits for it no longer than for
-- more to be written. `counts`: it was an attempt. False: the claim does not hold any more.
create or replace function put_off_reading(
    organization uuid, instance uuid, file uuid, held_until timestamptz, message bigint, pause interval, counts boolean
) returns boolean
language plpgsql
as $$
declare
    v conversations;
    longest interval;
begin
    perform enter_org(organization);
    v := lock_for_reading(organization, instance, file, message);
    if not end_reading_claim(instance, file, held_until, pause) then
        return false;
    end if;
    longest := make_interval(secs => (ai_settings(v) ->> 'debounce_max_seconds')::double precision);
    update readings r set failure = 'unavailable', attempts = r.attempts + counts::integer
    where r.instance_id = instance and r.media_id = file;
    update messages m set awaited_until = least(m.awaited_until, m.arrived_at + longest)
    where m.organization_id = organization and m.id = message;
    perform wait_no_longer(v);
    return true;
end $$;

-- Fewer files of a conversation are waited for: it may be due earlier.
create or replace function wait_no_longer(v conversations) returns void
language plpgsql
as $$
begin
    v := reschedule(recount(v), ai_settings(v));
    perform save_conversation(v);
    if v.lease_until is null and v.due_at is not null then
        perform wake_org(v.organization_id, v.due_at);
    end if;
end $$;

-- What is known of the file of a message, beside what came with it: oxy_ai.messages.Reading, its text cut to `longest`
-- (null: whole). Null: it is not read.
create or replace function reading_of(m messages, longest integer) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'way', r.way, 'text', coalesce(left(r.text, longest), r.text), 'cut', length(r.text) > longest,
            'failure', r.failure
        )
        from readings r
        where r.organization_id = m.organization_id and r.message_id = m.id
    );
end $$;

-- Whether the file of a message should be read, and nothing could be.
create or replace function is_unread(m messages) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from readings r
        where r.organization_id = m.organization_id and r.message_id = m.id and r.text is null
    );
end $$;

-- The words that were heard in a message; null: none.
create or replace function heard_in(m messages) returns text
language plpgsql stable
as $$
begin
    return (
        select r.text from readings r
        where r.organization_id = m.organization_id and r.message_id = m.id and r.way = 'heard'
    );
end $$;

-- Readings are looked at after `longest` at most. Returns how many lay further ahead.
create or replace function bring_readings_forward(longest interval) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with ahead as (
        update reading_queue set due_at = clock_timestamp() + longest
        where due_at > clock_timestamp() + longest returning media_id
    )
    select count(*) from ahead
$$;
