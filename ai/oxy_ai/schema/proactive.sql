-- What a number sends without being asked: texts of campaigns, automations and reports. They wait as `held` in the outbox,
-- until a relay releases one that the number's reputation allows (reputation.sql) and its contact wants; from then on it is
-- a text as any other. The relay looks when relay_queue.proactive_at has come, and never at more than a batch, so
-- however many wait, no answer waits for them.

-- Have a text sent to a contact as soon as it may be; `message` is oxy_ai.reputation.ProactiveMessage. Returns its id in the
-- outbox, also if it is there already; null: the contact has no chat.
create or replace function queue_proactive(organization uuid, instance uuid, contact bigint, message jsonb) returns uuid
language plpgsql
as $$
declare
    v conversations := chat_of_contact(organization, contact);
begin
    if v.id is null then
        return null;
    end if;
    insert into outbox (
        organization_id, id, instance_id, conversation_id, part, lane, chat, body, content, trace, expires_at, state,
        purpose, reference, as_queued, held_until, held_for
    ) values (
        organization, (message ->> 'id')::uuid, instance, v.id, 8, (message ->> 'lane')::lane, v.chat,
        message ->> 'text', message -> 'content', message ->> 'trace',
        clock_timestamp() + make_interval(secs => (message ->> 'keep_seconds')::double precision), 'held',
        message ->> 'purpose', message ->> 'reference',
        jsonb_build_object('text', message -> 'text', 'introduction', message -> 'introduction', 'shown', message -> 'shown'),
        (message ->> 'not_before')::timestamptz, case when message ->> 'not_before' is not null then 'not_before' end
    ) on conflict (id) do nothing;
    if found and not wake_proactive(instance) then
        perform fail_texts(organization, instance);
    end if;
    return (message ->> 'id')::uuid;
end $$;

-- The newest chat with a contact, also if that was merged into another; null: he has none, or was forgotten.
create or replace function chat_of_contact(organization uuid, contact bigint) returns conversations
language plpgsql stable
as $$
declare
    v conversations;
begin
    select * into v from conversations c where c.organization_id = organization and c.id = (
        select kept_conversation(organization, n.id) from conversations n
        where n.organization_id = organization and n.contact_id = contact
        order by n.merged_into is null desc, n.last_inbound_at desc nulls last, n.id desc limit 1
    ) and is_personal(c.chat);
    return v;
end $$;

-- Have a relay look at the held texts of an instance now. False: it is closed.
create or replace function wake_proactive(instance uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz := clock_timestamp();
    is_open boolean;
begin
    update relay_queue q
    set proactive_at = least(q.proactive_at, moment),
        ready_at = case when q.failures = 0 or q.ready_at = 'infinity' then least(q.ready_at, moment) else q.ready_at end
    where q.instance_id = instance returning not q.closed into is_open;
    return is_open;
end $$;

-- Close the held texts with a reference, so that they are never sent. Returns how many. What was released is not among them,
-- but is not held again either.
create or replace function withdraw_proactive(organization uuid, instance uuid, about text, why text) returns bigint
language sql
as $$
    select count(*) filter (where withdraw_text(organization, t.id, why)) from (
        select o.id from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.reference = about
            and o.state in ('held', 'pending', 'accepted')
        order by o.id
    ) t
$$;

-- The same with one text. False: it was released, so it ends as its pod says, or now if none has it.
create or replace function withdraw_text(organization uuid, text_id uuid, why text) returns boolean
language plpgsql
as $$
declare
    is_closed boolean;
begin
    update outbox o
    set state = case when o.state = 'held' then 'withheld' else o.state end,
        error = case when o.state = 'held' then why else o.error end,
        closed_at = case when o.state = 'held' then clock_timestamp() end,
        expires_at = least(o.expires_at, clock_timestamp())
    where o.organization_id = organization and o.id = text_id and o.state in ('held', 'pending', 'accepted')
    returning o.state = 'withheld' into is_closed;
    return coalesce(is_closed, false);
end $$;

-- Have the held texts with a reference wait until `free_proactive`, and those under way should they be held again. Returns how
-- many.
create or replace function hold_proactive(organization uuid, instance uuid, about text, why text) returns bigint
language sql
as $$
    with stopped as (
        update outbox o set held_until = 'infinity', held_for = why
        where o.organization_id = organization and o.instance_id = instance and o.reference = about
            and o.state in ('held', 'pending', 'accepted') returning o.id
    )
    select count(*) from stopped
$$;

create or replace function free_proactive(organization uuid, instance uuid, about text) returns bigint
language sql
as $$
    with freed as (
        update outbox o set held_until = null, held_for = null
        where o.organization_id = organization and o.instance_id = instance and o.reference = about
            and o.state in ('held', 'pending', 'accepted') and o.held_until = 'infinity' returning o.id
    )
    select case when wake_proactive(instance) then count(*) else 0 end from freed
$$;

-- The same as release_proactive; but what goes wrong there (settings that only this PostgreSQL cannot read, a fault) holds up
-- no answer: it is tried again at the next look. The ledger shows what was not released before it expired.
create or replace function release_apart(organization uuid, instance uuid, pacing jsonb) returns void
language plpgsql
as $$
begin
    perform release_proactive(organization, instance, pacing);
exception when others then
    raise warning 'held texts of instance % were not looked at: %', instance, sqlerrm;
    perform look_again(instance, clock_timestamp() + (pacing ->> 'look_again')::interval);
end $$;

-- Release at most one of an instance's held texts, and note when to look again. `pacing` is oxy_ai.records.Pacing.
create or replace function release_proactive(organization uuid, instance uuid, pacing jsonb) returns void
language plpgsql
as $$
declare
    r reputation := lock_reputation(organization, instance);
    i instances;
    moment timestamptz := clock_timestamp();
    purposes text[];
    reopens timestamptz;
begin
    select * into i from instances n where n.organization_id = organization and n.id = instance;
    r := stopped_by_shares(r);
    perform expire_held(organization, instance, moment, (pacing ->> 'batch')::integer);
    perform ready_waiting(organization, instance, moment, (pacing ->> 'batch')::integer);
    select array_agg(p.purpose) filter (where s.why is null), min(s.until) into purposes, reopens
    from unnest('{report,booking,promotion}'::text[]) p (purpose)
    cross join lateral why_shut(i, r, p.purpose, moment, (pacing ->> 'least_valid')::interval) s;
    if under_way(organization, instance) >= (pacing ->> 'most_under_way')::integer then
        reopens := least(reopens, moment + (pacing ->> 'pause')::interval);
    elsif purposes is not null then
        reopens := least(reopens, release_first(i, r, purposes, pacing));
    end if;
    perform look_again(instance, (
        select case when f.first is null then 'infinity'
                    else least(reopens, f.first, moment + (pacing ->> 'look_again')::interval) end
        from first_held(organization, instance) f (first)
    ));
end $$;

-- What has waited for as long as it must is ready. Nobody is waited for, as in free_texts; of thousands, some are next time.
create or replace function ready_waiting(organization uuid, instance uuid, moment timestamptz, how_many integer)
returns void
language plpgsql
as $$
begin
    update outbox o set held_until = null, held_for = null
    where o.organization_id = organization and o.id in (
        select n.id from outbox n
        where n.organization_id = organization and n.instance_id = instance and n.state = 'held'
            and n.held_until <= moment
        order by n.held_until limit how_many for no key update skip locked
    );
end $$;

create or replace function look_again(instance uuid, moment timestamptz) returns void
language sql security definer set search_path = public, pg_temp
as $$ update relay_queue set proactive_at = moment where instance_id = instance $$;

-- When a held text has waited for as long as it must, or expires; null: none is held. The minimum is read from an index, so
-- no plan looks for one among all texts.
create or replace function first_held(organization uuid, instance uuid) returns timestamptz
language plpgsql stable
as $$
begin
    return least((
        select min(o.held_until) from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'held'
            and o.held_until is not null
    ), (
        select min(o.expires_at) from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'held'
    ));
end $$;

-- How many texts were released and have no result yet.
-- Without bitmaps, as ready_texts.
create or replace function under_way(organization uuid, instance uuid) returns bigint
language plpgsql stable set enable_seqscan to off set enable_bitmapscan to off
as $$
begin
    return (
        select count(*) from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state in ('pending', 'accepted')
            and o.purpose is not null
    );
end $$;

-- Release the first of the ready texts that may leave; the others of those before it are held or closed. Returns when the next may
-- be looked at.
create or replace function release_first(i instances, r reputation, purposes text[], pacing jsonb) returns timestamptz
language plpgsql
as $$
declare
    o outbox;
    seen integer := 0;
begin
    for o in
        select * from ready_texts(i, purposes, (pacing ->> 'batch')::integer)
    loop
        seen := seen + 1;
        if try_release(o, i, r, pacing) then
            return (select f.next_at from reputation f where f.organization_id = i.organization_id and f.instance_id = i.id);
        end if;
    end loop;
    return case when seen = (pacing ->> 'batch')::integer then clock_timestamp()
                when seen > 0 then clock_timestamp() + (pacing ->> 'pause')::interval end;
end $$;

-- The first texts that are ready, in two parts, each by an index: thousands of promotions that must not leave now are not read.
-- Without bitmaps, as history_of: of a business with many more texts than others all would be read as well.
create or replace function ready_texts(i instances, purposes text[], how_many integer) returns setof outbox
language plpgsql set enable_seqscan to off set enable_bitmapscan to off
as $$
begin
    return query
    select t.* from (
        (
            select o.* from outbox o
            where o.organization_id = i.organization_id and o.instance_id = i.id and o.state = 'held'
                and o.held_until is null and (o.purpose = 'promotion') = false and o.purpose = any (purposes)
            order by o.lane, o.position limit how_many
        ) union all (
            select o.* from outbox o
            where 'promotion' = any (purposes) and o.organization_id = i.organization_id and o.instance_id = i.id
                and o.state = 'held' and o.held_until is null and (o.purpose = 'promotion') = true
            order by o.lane, o.position limit how_many
        )
    ) t order by t.lane, t.position limit how_many;
end $$;

-- Release a text if its contact may be written to now; false: it waits, or was closed. Nobody is waited for: whoever holds
-- the chat may wait for the relay's row, which we hold.
create or replace function try_release(o outbox, i instances, r reputation, pacing jsonb) returns boolean
language plpgsql
as $$
declare
    v conversations;
    c contacts;
    moment timestamptz := clock_timestamp();
    why text;
    until timestamptz;
begin
    select * into v from conversations n
    where n.organization_id = o.organization_id and n.id = o.conversation_id for no key update skip locked;
    select * into c from contacts n where n.organization_id = o.organization_id and n.id = v.contact_id
    for share skip locked;
    perform from outbox n where n.organization_id = o.organization_id and n.id = o.id and n.state = 'held'
    for no key update skip locked;
    if not found or c.id is null then
        return false;
    end if;
    why := coalesce(why_withheld(o, c, v.self_chat or is_owner(c)), why_outdated(o));
    if why is not null then
        perform withhold_held(o, why);
        return false;
    end if;
    select * into why, until from why_later(o, v, c, i, moment);
    if why is not null then
        update outbox n
        set held_for = why, held_until = least(
            until, moment + (pacing ->> case why when 'turn' then 'pause' else 'look_at_held_again' end)::interval
        )
        where n.organization_id = o.organization_id and n.id = o.id;
        return false;
    end if;
    perform release_text(o, v, i, moment, (pacing ->> 'valid')::interval);
    perform spend(r, i, o.purpose, moment, (pacing ->> 'jitter')::double precision);
    return true;
end $$;

create or replace function withhold_held(o outbox, why text) returns void
language sql
as $$
    update outbox n set state = 'withheld', error = why, closed_at = clock_timestamp()
    where n.organization_id = o.organization_id and n.id = o.id and n.state = 'held'
$$;

-- Why a text to this contact waits, and until when (null: look again). What belongs together leaves in its order. Nobody
-- writes into what people are saying, and while the business answers only some, it writes to nobody else.
create or replace function why_later(
    o outbox, v conversations, c contacts, i instances, moment timestamptz, out why text, out until timestamptz
)
language plpgsql stable
as $$
begin
    if follows_held(o) then
        why := 'turn';
    elsif o.purpose <> 'report' and v.human_until > moment then
        why := 'human';
        until := v.human_until;
    elsif o.purpose <> 'report' and i.settings #>> '{ai,mode}' = 'Only'
        and (i.settings #> '{ai,only_phones}') ? coalesce(c.phone, '') is not true then
        why := 'audience';
    elsif o.purpose = 'promotion' then
        until := promoted_until(
            o.organization_id, c.id, moment, (i.settings #>> '{limits,proactive_interval_days}')::integer, o.id
        );
        why := case when until is not null then 'interval' end;
    end if;
end $$;

-- Whether another text of what a text belongs to is held for this contact, and comes before it. Promotions are found by their
-- chat, because thousands may have the reference of one campaign; others by their reference.
-- Without bitmaps, as ready_texts.
create or replace function follows_held(o outbox) returns boolean
language plpgsql stable set enable_seqscan to off set enable_bitmapscan to off
as $$
begin
    if o.purpose = 'promotion' then
        return exists (
            select from outbox n
            where n.organization_id = o.organization_id and n.conversation_id = o.conversation_id
                and n.purpose = 'promotion' and n.reference = o.reference and n.state = 'held' and n.position < o.position
        );
    end if;
    return exists (
        select from outbox n
        where n.organization_id = o.organization_id and n.instance_id = o.instance_id and n.reference = o.reference
            and n.state = 'held' and n.conversation_id = o.conversation_id and n.position < o.position
    );
end $$;

-- Have a text sent: it joins its conversation, and may be sent for as long as `valid`, but not into quiet hours.
create or replace function release_text(o outbox, v conversations, i instances, moment timestamptz, valid interval)
returns void
language plpgsql
as $$
declare
    said text := case when o.body is not null then introduced(v, o.as_queued) end;
begin
    update outbox n
    set state = 'pending', chat = v.chat, body = said, released_at = moment, held_until = null, held_for = null,
        error = null, refusal = null, released_until = least(
            moment + valid, o.expires_at,
            quiet_from(moment, zone_of(i), i.settings #>> '{limits,quiet_hours}')
        )
    where n.organization_id = o.organization_id and n.id = o.id;
    if o.released_at is not null then
        delete from messages m where m.conversation_id = v.id and m.outbox_id = o.id;
    end if;
    insert into messages (
        organization_id, instance_id, conversation_id, chat, sender, author, place, kind, body, sent_at, outbox_id
    ) values (
        o.organization_id, o.instance_id, v.id, v.chat, v.chat, 'assistant', v.place,
        coalesce(o.as_queued #>> '{shown,kind}', 'text'), coalesce(said, o.as_queued #>> '{shown,text}'), moment, o.id
    );
    perform note_message_sent(v, jsonb_build_object('id', o.id, 'introduction', o.as_queued -> 'introduction'));
end $$;

-- Close held texts whose time has passed.
create or replace function expire_held(organization uuid, instance uuid, moment timestamptz, how_many integer)
returns void
language sql
as $$
    with late as (
        select o.id from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'held'
            and o.expires_at <= moment
        order by o.expires_at limit how_many for no key update skip locked
    ), expired as (
        update outbox o set state = 'expired', error = 'NotReleased', closed_at = clock_timestamp()
        from late where o.organization_id = organization and o.id = late.id returning o
    )
    select report_unsent(e.o) from expired e
$$;

-- A pod reports that it has not sent a text in time: it counts as never released. If there is time left, it is held again, and
-- sent under a new request id, because the pod has done with the old one. What it was withheld for counts no more.
create or replace function hold_again(request outbox) returns outbox
language plpgsql
as $$
begin
    if request.purpose is null or request.state <> 'expired' then
        return request;
    elsif request.expires_at > clock_timestamp() is not true then
        update outbox o set released_until = null
        where o.organization_id = request.organization_id and o.id = request.id returning * into request;
        return request;
    end if;
    update outbox o
    set state = 'held', request_id = gen_random_uuid(), closed_at = null, accepted_at = null, accepted_epoch = null,
        released_until = null
    where o.organization_id = request.organization_id and o.id = request.id returning * into request;
    delete from messages m where m.conversation_id = request.conversation_id and m.outbox_id = request.id;
    return request;
end $$;

-- The same after the number was stopped, if too many of its promotions failed or were the last that a contact wanted.
create or replace function stopped_by_shares(r reputation) returns reputation
language plpgsql
as $$
declare
    why text := case when r.paused_at is null then why_too_many(r.organization_id, r.instance_id) end;
begin
    if why is not null then
        perform pause_proactive(r.organization_id, r.instance_id, why, null);
        r := lock_reputation(r.organization_id, r.instance_id);
    end if;
    return r;
end $$;
