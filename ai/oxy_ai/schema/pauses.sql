-- A number is stopped when WhatsApp says that it writes too much, or its contacts do; a person lets it go on. Whoever stops it
-- locks the relay's row first, as a relay does.

-- Stop what an instance sends unasked: promotions, and what else `stops` says. Its owner is told, once; null of `who`: nobody
-- did it. False: it was stopped already.
create or replace function pause_proactive(organization uuid, instance uuid, why text, who text) returns boolean
language plpgsql
as $$
declare
    r reputation;
begin
    perform wake_relay(instance);
    r := lock_reputation(organization, instance);
    if r.paused_at is not null and not (stops(why, 'booking') and not stops(r.paused_for, 'booking')) then
        return false;
    end if;
    update reputation f
    set paused_at = clock_timestamp(), paused_for = why, paused_by = who, pauses = f.pauses + 1
    where f.organization_id = organization and f.instance_id = instance returning * into r;
    if who is null then
        perform note_for_owner(organization, instance, 'stopped_' || why, 'pause:' || r.pauses);
    else
        insert into audit_log (organization_id, actor, action, detail)
        values (organization, who, 'proactive_paused', (select i.name from instances i where i.id = instance));
    end if;
    return true;
end $$;

-- A person lets an instance go on. False: it was not stopped.
create or replace function resume_proactive(organization uuid, instance uuid, who text) returns boolean
language plpgsql
as $$
declare
    r reputation;
begin
    perform wake_proactive(instance);
    r := lock_reputation(organization, instance);
    update reputation f
    set paused_at = null, paused_for = null, paused_by = null, resumed_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.paused_at is not null;
    if not found then
        return false;
    end if;
    perform withdraw_notice(organization, instance, 'stopped_' || r.paused_for, 'pause:' || r.pauses);
    insert into audit_log (organization_id, actor, action, detail)
    values (organization, who, 'proactive_resumed', (select i.name from instances i where i.id = instance));
    return true;
end $$;

-- What a report says of the number: WhatsApp refuses it, or more of what it sends fails than may.
create or replace function judge_report(organization uuid, instance uuid, body jsonb) returns void
language plpgsql
as $$
declare
    why text := why_stopped(body);
begin
    if body ->> 'type' = 'send_result' then
        perform wake_proactive(instance);
        if is_of_before(organization, instance, body -> 'resumption')
            or was_resumed_since(organization, instance, (body ->> 'request_id')::uuid)
        then
            return;
        end if;
        why := coalesce(why, why_too_many(organization, instance));
    elsif tells_lock(body) and is_lock_of_before(organization, instance, body) then
        return;
    end if;
    if why is not null then
        perform pause_proactive(organization, instance, why, null);
    end if;
end $$;

-- Whether a pod says that WhatsApp lets the number write to nobody first: at once, while what was refused may still wait in
-- the pod until it expires.
create or replace function tells_lock(body jsonb) returns boolean
language sql immutable parallel safe
as $$ select body ->> 'type' = 'event' and body ->> 'name' = 'whatsapp:reachout_locked' $$;

-- Whether a lock was met before a person let the number go on: the pod says which resumption it knew. A pod that does not say
-- so yet goes by its clock.
create or replace function is_lock_of_before(organization uuid, instance uuid, body jsonb) returns boolean
language plpgsql stable
as $$
begin
    return coalesce(is_of_before(organization, instance, body #> '{facts,resumption}'), exists (
        select from reputation r where r.organization_id = organization and r.instance_id = instance
            and (body ->> 'at')::timestamptz < r.resumed_at
    ));
end $$;

-- Whether a person has let the number go on since the resumption that something followed, so that no two clocks are compared;
-- null: nobody says which that was.
create or replace function is_of_before(organization uuid, instance uuid, known jsonb) returns boolean
language plpgsql stable
as $$
begin
    return case when jsonb_typeof(known) = 'number' then known::numeric < resumption_at((
        select r.resumed_at from reputation r where r.organization_id = organization and r.instance_id = instance
    )) end;
end $$;

-- Which resumption it is (SendRequest.resumption): by its time, in microseconds, so that a database that is set back goes on
-- counting upwards; 0: there was none.
create or replace function resumption_at(moment timestamptz) returns bigint
language sql immutable parallel safe
as $$ select coalesce((extract(epoch from nullif(moment, '-infinity')) * 1000000)::bigint, 0) $$;

-- What a report by itself stops the number for; null: nothing.
create or replace function why_stopped(body jsonb) returns text
language sql immutable parallel safe
as $$
    select case
        when body ->> 'refusal' in ('reachout_locked', 'rate_limited') then body ->> 'refusal'
        when tells_lock(body) then 'reachout_locked'
        when body ->> 'state' = 'ended' and body ->> 'reason' in ('TemporaryBan', 'AccountBanned', 'AccountLocked')
        then 'banned'
    end
$$;

-- Whether a person has let the number go on after a request was made: what became of that says nothing any more.
create or replace function was_resumed_since(organization uuid, instance uuid, request uuid) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from reputation r, outbox o
        where r.organization_id = organization and r.instance_id = instance and o.organization_id = organization
            and o.id = coalesce(text_of_request(organization, request), (
                select n.id from outbox n where n.organization_id = organization and n.id = request
            ))
            and coalesce(o.released_at, o.created_at) < r.resumed_at
    );
end $$;

-- Which share of an instance's newest promotions, as many as a day may have, is too large; null: none, or too few were sent since it
-- was last resumed.
-- Without bitmaps, as ready_texts.
create or replace function why_too_many(organization uuid, instance uuid) returns text
language plpgsql stable set enable_seqscan to off set enable_bitmapscan to off
as $$
declare
    limits jsonb := (
        select i.settings -> 'limits' from instances i where i.organization_id = organization and i.id = instance
    );
    failed bigint;
    unwanted bigint;
    closed bigint;
begin
    select count(*) filter (where o.state = 'failed'), count(*) filter (where c.opt_out is not null), count(*)
    into failed, unwanted, closed
    from (
        select n.* from outbox n
        where n.organization_id = organization and n.instance_id = instance and n.purpose = 'promotion'
            and n.released_at >= judged_since(organization, instance, limits) and n.closed_at is not null
            and n.state <> 'withheld'
        order by n.released_at desc limit greatest((limits ->> 'campaign_per_day')::bigint, (limits ->> 'pause_sample')::bigint)
    ) o
    join conversations v on v.organization_id = organization and v.id = o.conversation_id
    join contacts c on c.organization_id = organization and c.id = v.contact_id;
    return case
        when closed >= (limits ->> 'pause_sample')::bigint is not true then null
        when failed * 100 >= closed * (limits ->> 'pause_failure_percent')::bigint then 'failures'
        when unwanted * 100 >= closed * (limits ->> 'pause_opt_out_percent')::bigint then 'opt_outs'
    end;
end $$;

-- Since when promotions are judged: since a person let the number go on, and for as long as a contact gets no second one.
create or replace function judged_since(organization uuid, instance uuid, limits jsonb) returns timestamptz
language plpgsql stable
as $$
begin
    return greatest(
        (select r.resumed_at from reputation r where r.organization_id = organization and r.instance_id = instance),
        clock_timestamp() - make_interval(days => greatest((limits ->> 'proactive_interval_days')::integer, 1))
    );
end $$;
