-- Relays offer the texts of the outbox to the pods; one relay per instance at a time.

-- The instances to serve now: up to `how_many` whose pods answer, and up to `how_many_failing` whose pods do not, so
-- that those cannot take the places of the others.
create or replace function relay_due(how_many integer, how_many_failing integer)
returns table (organization uuid, instance uuid, failing boolean)
language sql stable security definer set search_path = public, pg_temp
as $$
    (
        select q.organization_id, q.instance_id, false from relay_queue q
        where q.ready_at <= clock_timestamp() and q.ready_at < 'infinity' and q.held_until <= clock_timestamp()
            and q.failures = 0
        order by q.ready_at limit how_many
    ) union all (
        select q.organization_id, q.instance_id, true from relay_queue q
        where q.ready_at <= clock_timestamp() and q.ready_at < 'infinity' and q.held_until <= clock_timestamp()
            and q.failures > 0
        order by q.ready_at limit how_many_failing
    )
$$;

-- Have the texts that this transaction has queued sent now. If the instance was deleted meanwhile, they have failed.
create or replace function send_queued(organization uuid, instance uuid) returns void
language plpgsql
as $$
begin
    if not wake_relay(instance) then
        perform fail_texts(organization, instance);
    end if;
end $$;

-- Serve an instance now: it has something to send. If its pod does not answer, the back-off stays. False: it is closed.
create or replace function wake_relay(instance uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    is_open boolean;
begin
    -- Locked also if nothing changes: whoever closes the instance has done so before, or sees what we have queued.
    select not q.closed into is_open from relay_queue q where q.instance_id = instance for no key update;
    update relay_queue set ready_at = least(ready_at, clock_timestamp())
    where instance_id = instance and not closed and (failures = 0 or ready_at = 'infinity');
    return is_open;
end $$;

-- Retry at once for pods that have just reported: they are back. Only a hint, so it never waits for a lock.
create or replace function retry_relays(instances uuid[]) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update relay_queue set ready_at = clock_timestamp()
    where instance_id in (
        select q.instance_id from relay_queue q
        where q.instance_id = any (instances) and q.failures > 0 and q.ready_at < 'infinity' for update skip locked
    );
end $$;

-- Acquire or renew the lease on an instance's relay row; returns the account, null: another relay holds it. `is_due`: its
-- held texts are to be looked at.
create or replace function hold_relay(
    instance uuid, relay uuid, lease interval, out account text, out is_due boolean
)
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update relay_queue q set holder = relay, held_until = clock_timestamp() + lease
    where q.instance_id = instance and not q.closed and (q.holder = relay or q.held_until <= clock_timestamp())
    returning q.account, q.proactive_at <= clock_timestamp() into account, is_due;
end $$;

-- The back-off after `failures` earlier failures in a row: doubles up to `longest`. The exponent is capped, or the
-- interval would overflow.
create or replace function relay_backoff(failures integer, shortest interval, longest interval) returns interval
language sql immutable parallel safe
as $$ select least(shortest * (2 ^ least(failures, 20)), longest) $$;

-- Release the relay row: there is nothing to offer until `next_look`, or the pod did not accept (retried after a
-- back-off).
create or replace function release_relay(
    instance uuid, failed boolean, shortest interval, longest interval, next_look timestamptz
) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update relay_queue
    set holder = null, held_until = '-infinity', failures = case when failed then failures + 1 else 0 end,
        ready_at = case when failed then clock_timestamp() + relay_backoff(failures, shortest, longest)
                        else least(coalesce(next_look, 'infinity'), proactive_at) end
    where instance_id = instance;
end $$;

-- Mark what the pod accepted, into the journals `epochs`, and return the next texts to offer: oxy_ai.records.RelayStep; null: another relay holds
-- the instance. If nothing can be offered, or the pod did not accept, the instance is released. `pacing`
-- (oxy_ai.records.Pacing) is how held texts are released; null: they are not.
create or replace function relay_step(
    organization uuid, instance uuid, relay uuid, lease interval, accepted_ids uuid[], epochs uuid[], failed boolean,
    how_many integer, shortest_pause interval, longest_pause interval, pacing jsonb default null
) returns jsonb
language plpgsql
as $$
declare
    held record;
    serves boolean;
    chosen record;
    next_rows jsonb;
begin
    perform enter_org(organization);
    -- Do not wait for the disk: a step lost in a server crash is repeated, and a pod sends a text offered twice once.
    perform set_config('synchronous_commit', 'off', true);
    select * into held from hold_relay(instance, relay, lease);
    -- Even without the lease: these texts were accepted.
    perform mark_accepted(organization, accepted_ids, epochs);
    if held.account is null then
        return null;
    end if;
    perform expire_pending(organization, instance);
    serves := not failed and not pod_has_ended(organization, instance) and not is_frozen(organization, instance);
    if held.is_due and not failed and pacing is not null then
        perform release_apart(organization, instance, pacing);
    end if;
    select * into chosen from texts_to_offer(organization, instance, case when serves then how_many else 0 end);
    next_rows := offered_texts(organization, chosen.offered);
    if next_rows = '[]' then
        perform release_relay(
            instance, failed, shortest_pause, longest_pause,
            case when serves and has_pending(organization, instance) then clock_timestamp() + shortest_pause
                 else next_expiry(organization, instance) end
        );
    end if;
    return step_of(organization, instance, held.account) || jsonb_build_object(
        'rows', next_rows, 'withheld', chosen.withheld
    );
end $$;

create or replace function step_of(organization uuid, instance uuid, account text) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'account', account, 'organization', i.settings ->> 'organization', 'instance', i.name, 'resumption',
            resumption_at((
                select r.resumed_at from reputation r
                where r.organization_id = organization and r.instance_id = instance
            ))
        ) from instances i where i.organization_id = organization and i.id = instance
    );
end $$;

-- Whether an instance has no pod, so that offers to it are in vain: its connection has ended, or it is suspended.
create or replace function pod_has_ended(organization uuid, instance uuid) returns boolean
language plpgsql stable
as $$
begin
    return connection_has_ended(instance) or (
        select i.settings ->> 'suspended' = 'true' from instances i
        where i.organization_id = organization and i.id = instance
    ) is true;
end $$;

-- Whether a person wants that nothing is sent (`oxy freeze`): it waits, and expires as ever.
create or replace function is_frozen(organization uuid, instance uuid) returns boolean
language plpgsql stable
as $$
begin
    return (
        select jsonb_typeof(i.settings #> '{frozen,hold}') = 'object' from instances i
        where i.organization_id = organization and i.id = instance
    ) is true;
end $$;

create or replace function connection_has_ended(instance uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$ select q.ended from relay_queue q where q.instance_id = instance $$;

-- Take note of what the pods report of their connections, of locks, and of what they could not send, in the order in which
-- relays' rows are locked.
create or replace function note_connections(batch jsonb, outcomes text[]) returns void
language plpgsql
as $$
declare
    item jsonb;
begin
    for item in
        select b.item from jsonb_array_elements(batch) with ordinality b (item, n)
        where outcomes[b.n] = 'stored' and (
            b.item -> 'report' -> 'body' ->> 'type' = 'connection'
            or b.item -> 'report' -> 'body' ->> 'outcome' in ('failed', 'expired')
            or tells_lock(b.item -> 'report' -> 'body')
        )
        order by (b.item ->> 'instance')::uuid, b.n
    loop
        perform enter_org((item ->> 'organization')::uuid);
        if note_newest(
            (item ->> 'organization')::uuid, (item ->> 'instance')::uuid, item -> 'report', place_of_report(item)
        ) then
            perform judge_report(
                (item ->> 'organization')::uuid, (item ->> 'instance')::uuid, item -> 'report' -> 'body'
            );
        end if;
    end loop;
end $$;

-- Take note of a report's connection, if it is of one. False: a newer report of it is known.
create or replace function note_newest(organization uuid, instance uuid, report jsonb, at place) returns boolean
language plpgsql
as $$
begin
    if report -> 'body' ->> 'type' <> 'connection' then
        return true;
    elsif note_connection(instance, report -> 'body' ->> 'state', at) then
        perform keep_connection_state(organization, instance, report);
        return true;
    end if;
    return false;
end $$;

-- Take note of one report of a connection; of reports that arrive out of order, the newest counts. Any state but the
-- end is a sign of life, so what waits is offered at once.
-- False: a newer one is known.
create or replace function note_connection(instance uuid, state text, at place) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update relay_queue q
    set connection_place = at, ended = state = 'ended',
        ready_at = case when state = 'ended' then q.ready_at else least(q.ready_at, clock_timestamp()) end,
        proactive_at = case when q.proactive_at < 'infinity' then clock_timestamp() else q.proactive_at end
    where q.instance_id = instance and not q.closed and (q.connection_place is null or q.connection_place < at);
    return found;
end $$;

-- Keep what the newest report says of a connection, and since when it is not there.
create or replace function keep_connection_state(organization uuid, instance uuid, report jsonb) returns void
language sql
as $$
    insert into connection_states as c (organization_id, instance_id, state, reason, since)
    select organization, instance, report -> 'body' ->> 'state', report -> 'body' ->> 'reason',
        least((report ->> 'occurred_at')::timestamptz, clock_timestamp())
    on conflict (organization_id, instance_id) do update
    set state = excluded.state, reason = excluded.reason, since = excluded.since,
        down_since = case when excluded.state = 'connected' then null
                          when c.state = 'connected' then excluded.since else c.down_since end,
        outage_since = case when excluded.state = 'connected' then coalesce(c.down_since, c.outage_since)
                            else c.outage_since end,
        outage_until = case when excluded.state = 'connected' and c.down_since is not null then excluded.since
                            else c.outage_until end
$$;
