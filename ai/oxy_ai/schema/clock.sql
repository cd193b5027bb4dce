-- PostgreSQL's clock may be put back: by NTP, in a failover to a server whose clock is behind, with a restored machine.
-- What was noted before lies in the future then, and would be due or end late by as much. The clock's latest reading is
-- kept; while the clock shows less, workers bring forward whatever lies further ahead than it can
-- (oxy_ai.engine.clock_watch). Bringing forward twice changes nothing, so several workers may do it, or one again.

-- How far the clock is behind its latest reading.
create or replace function clock_lag() returns interval
language sql stable security definer set search_path = public, pg_temp
as $$ select greatest(c.latest - clock_timestamp(), interval '0') from database_clock c $$;

-- The same, after renewing a reading that is older than `pause`.
create or replace function read_clock(pause interval) returns interval
language sql security definer set search_path = public, pg_temp
as $$
    update database_clock set latest = clock_timestamp() where latest + pause <= clock_timestamp();
    select clock_lag()
$$;

-- Nothing lies ahead any more: go by the clock as it is.
create or replace function accept_clock() returns void
language sql security definer set search_path = public, pg_temp
as $$ update database_clock set latest = clock_timestamp() $$;

-- Turns wait for `hold` at most in a database that replaces another. Returns how many holds were longer: none or one.
create or replace function bring_hold_forward(hold interval) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with changed as (
        update database_state set held_until = clock_timestamp() + hold
        where held_until > clock_timestamp() + hold and held_until < 'infinity' returning one
    )
    select count(*) from changed
$$;

-- A time, unless it lies beyond `bound`.
create or replace function not_after(t timestamptz, bound timestamptz) returns timestamptz
language sql immutable parallel safe
as $$ select case when t > bound then bound else t end $$;

-- Conversations that may have a time ahead of what can be; most of them wait for something, as they should.
create or replace function conversations_ahead(organization uuid) returns setof bigint
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    perform enter_org(organization);
    return query
    select c.id from conversations c
    where c.organization_id = organization and (
        greatest(
            c.pending_since, c.media_until, c.last_inbound_at, c.human_until, c.human_since, c.lease_until, c.due_at
        ) > moment
        or c.id in (select j.conversation_id from chat_journals j where j.gap_until > moment)
        or c.turn_id in (select t.id from turns t where t.organization_id = organization and t.waiting_since > moment)
    );
end $$;

-- Bring forward the times of a conversation, its open messages and turn; false: none was too far ahead. At most: `lease`
-- for a claim, `pause` until an open turn is tried again, `gap_wait` for missing messages, `file_wait` for files that are
-- to be read, and a takeover's silence.
create or replace function bring_conversation_forward(
    organization uuid, conversation bigint, lease interval, pause interval, gap_wait interval, file_wait interval
) returns boolean
language plpgsql
as $$
declare
    moment timestamptz;
    found conversations;
    v conversations;
    waits boolean;
begin
    perform enter_org(organization);
    select * into found from conversations c
    where c.organization_id = organization and c.id = conversation for no key update;
    moment := clock_timestamp();
    waits := bring_waits_forward(found, moment, gap_wait, file_wait);
    v := brought_forward(found, moment, lease, pause, file_wait, ai_settings(found));
    if v is not distinct from found then
        return waits;
    end if;
    update conversations
    set pending_since = v.pending_since, media_until = v.media_until, last_inbound_at = v.last_inbound_at,
        human_until = v.human_until, human_since = v.human_since, lease_until = v.lease_until, due_at = v.due_at
    where organization_id = organization and id = conversation;
    if v.due_at is not null then
        perform wake_org(organization, v.due_at);
    end if;
    return true;
end $$;

create or replace function brought_forward(
    v conversations, moment timestamptz, lease interval, pause interval, file_wait interval, ai jsonb
) returns conversations
language plpgsql stable
as $$
begin
    v.pending_since := not_after(v.pending_since, moment);
    v.media_until := not_after(v.media_until, moment + file_wait);
    v.last_inbound_at := not_after(v.last_inbound_at, moment);
    v.human_until := not_after(v.human_until, moment + coalesce(v.human_span, silence_of(ai)));
    v.human_since := not_after(v.human_since, moment);
    v.lease_until := not_after(v.lease_until, moment + lease);
    if v.lease_until is not null then
        v.due_at := not_after(v.due_at, moment + lease);
    elsif v.turn_id is not null then  -- a replayed one waits for the end of a takeover
        v.due_at := not_after(v.due_at, greatest(
            moment + greatest(pause, backoff_of(v)), case when is_replayed(v.organization_id, v.turn_id) then v.human_until end
        ));
    end if;
    return reschedule(v, ai);
end $$;

-- The back-off after a failed attempt at a turn, as its instance's settings say, even if they are damaged.
create or replace function backoff_of(v conversations) returns interval
language plpgsql stable
as $$
begin
    return (
        select make_interval(secs => number_in(i.settings, '{queues,message,backoff_seconds}')) from instances i
        where i.organization_id = v.organization_id and i.id = v.instance_id
    );
end $$;

-- Bring forward what a conversation's due time and its answer's age are computed from; false: nothing was ahead.
create or replace function bring_waits_forward(
    v conversations, moment timestamptz, gap_wait interval, file_wait interval
) returns boolean
language plpgsql
as $$
declare
    ahead boolean;
begin
    update chat_journals set gap_until = moment + gap_wait
    where conversation_id = v.id and gap_until > moment + gap_wait;
    ahead := found;
    update messages set arrived_at = moment where conversation_id = v.id and state = 'open' and arrived_at > moment;
    ahead := ahead or found;
    update messages set awaited_until = moment + file_wait
    where conversation_id = v.id and state = 'open' and awaited_until > moment + file_wait;
    ahead := ahead or found;
    update turns set waiting_since = moment
    where organization_id = v.organization_id and id = v.turn_id and waiting_since > moment;
    return ahead or found;
end $$;

-- Texts and outages that began in the future begin now; a text is valid for as long as it was. Returns how many did. A
-- text that another transaction holds is left to the next time, as in free_texts.
create or replace function bring_texts_forward(organization uuid) returns bigint
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    changed bigint;
begin
    perform enter_org(organization);
    with ahead as (
        select o.id from outbox o where o.organization_id = organization and o.created_at > moment
        for no key update skip locked
    ), texts as (
        update outbox o set created_at = moment, expires_at = o.expires_at - (o.created_at - moment)
        from ahead where o.organization_id = organization and o.id = ahead.id returning o.id
    ), outages as (
        update model_outages o set began_at = not_after(o.began_at, moment), failed_at = not_after(o.failed_at, moment)
        where o.organization_id = organization and greatest(o.began_at, o.failed_at) > moment returning o.id
    )
    select (select count(*) from texts) + (select count(*) from outages) into changed;
    return changed;
end $$;

-- What a number may send next is sent soon, what was released is valid for no longer than it would be now, and what is held
-- is looked at again; `pacing` is oxy_ai.records.Pacing. Returns how many lay further ahead. A time that somebody has named is
-- that of his clock.
create or replace function bring_proactive_forward(organization uuid, pacing jsonb) returns bigint
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    changed bigint;
begin
    perform enter_org(organization);
    changed := look_soon(organization, (pacing ->> 'look_again')::interval);  -- first: it locks relays' rows
    with ahead as (
        select o.id, o.state from outbox o
        where o.organization_id = organization and (
            o.state = 'held' and o.held_until > moment + (pacing ->> 'look_at_held_again')::interval
                and o.held_until < 'infinity' and o.held_for is distinct from 'not_before'
            or o.state in ('pending', 'accepted') and o.released_until > moment + (pacing ->> 'valid')::interval
        )
        for no key update skip locked
    ), texts as (
        update outbox o
        set held_until = case when a.state = 'held' then moment else o.held_until end,
            released_until = case when a.state = 'held' then o.released_until
                                  else moment + (pacing ->> 'valid')::interval end
        from ahead a where o.organization_id = organization and o.id = a.id returning o.id
    ), numbers as (
        update reputation r set next_at = moment
        where r.organization_id = organization
            and r.next_at > moment + make_interval(mins => 1) * (1 + (pacing ->> 'jitter')::double precision)
        returning r.instance_id
    )
    select changed + (select count(*) from texts) + (select count(*) from numbers) into changed;
    return changed;
end $$;

-- Look at held texts at once that would be looked at after more than `longest`. Returns of how many instances.
create or replace function look_soon(organization uuid, longest interval) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with ahead as (
        update relay_queue q set proactive_at = clock_timestamp(), ready_at = least(q.ready_at, clock_timestamp())
        where q.organization_id = organization and q.proactive_at > clock_timestamp() + longest
            and q.proactive_at < 'infinity'
        returning q.instance_id
    )
    select count(*) from ahead
$$;

-- Serve the instances whose relay is held for longer than `lease`, or that wait for longer than `pause`, neither for a text
-- to expire nor to look at held ones. Returns how many.
create or replace function bring_relays_forward(organization uuid, lease interval, pause interval) returns bigint
language plpgsql
as $$
begin
    perform enter_org(organization);
    return (
        select count(serve_now(r.instance, lease)) from relays_ahead(organization, lease, pause) r
        where r.held or r.ready_at is distinct from least(next_expiry(organization, r.instance), r.proactive_at)
    );
end $$;

create or replace function relays_ahead(organization uuid, lease interval, pause interval)
returns table (instance uuid, ready_at timestamptz, held boolean, proactive_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$
    select q.instance_id, q.ready_at, q.held_until > clock_timestamp() + lease, q.proactive_at from relay_queue q
    where q.organization_id = organization
        and (q.held_until > clock_timestamp() + lease
             or (q.ready_at > clock_timestamp() + pause and q.ready_at < 'infinity'))
$$;

-- Returns the instance.
create or replace function serve_now(instance uuid, lease interval) returns uuid
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue
    set ready_at = least(ready_at, clock_timestamp()), held_until = not_after(held_until, clock_timestamp() + lease)
    where instance_id = instance returning instance_id
$$;

-- Bring forward when an organization's next turn may start: by its rate, after `spacing` at most, which is the time per
-- turn (null: as its instances say); by its conversations, when the next is due. False: it was not further ahead.
create or replace function bring_queue_forward(
    organization uuid, spacing interval, burst integer, retry interval
) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    queue org_queue;
    moment timestamptz;
begin
    perform enter_org(organization);
    select * into queue from org_queue q where q.organization_id = organization for no key update;
    moment := clock_timestamp();
    spacing := coalesce(spacing, make_interval(secs => 1 / nullif(queue.per_second, 0)), interval '0');
    if queue.open_at <= moment + spacing and queue.arrival_at <= moment + spacing * burst
        and not oversleeps(queue, moment + retry) then
        return false;
    end if;
    queue.open_at := not_after(queue.open_at, moment);
    queue.arrival_at := not_after(queue.arrival_at, moment);
    perform requeue_org(queue, moment);
    return true;
end $$;

-- Whether an organization wakes after `earliest` and after its next conversation may be claimed. One that does not wake
-- at all goes by no clock (recover_wakeups).
create or replace function oversleeps(queue org_queue, earliest timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return queue.ready_at < 'infinity' and queue.ready_at > greatest(queue.open_at, earliest, (
        select min(c.due_at) from conversations c
        where c.organization_id = queue.organization_id and c.due_at is not null
    ));
end $$;

-- Notices noted in the future were noted now. Returns how many were.
create or replace function bring_notices_forward() returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with ahead as (
        update notice_queue set noted_at = clock_timestamp() where noted_at > clock_timestamp() returning notice_id
    )
    select count(*) from ahead
$$;

-- Files are looked at after `longest` at most, those on the bus after `pause`. Returns how many lay further ahead.
create or replace function bring_files_forward(pause interval, longest interval) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with ahead as (
        update media_queue
        set due_at = clock_timestamp() + case when account is null then longest else pause end
        where due_at > clock_timestamp() + case when account is null then longest else pause end
        returning media_id
    )
    select count(*) from ahead
$$;
