create or replace function relay_due(how_many integer) returns table (organization uuid, instance uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
    select q.organization_id, q.instance_id from relay_queue q
    where q.ready_at <= clock_timestamp() and q.ready_at < 'infinity' and q.held_until <= clock_timestamp()
    order by q.ready_at limit how_many
$$;

create or replace function wake_relay(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ update relay_queue set ready_at = least(ready_at, clock_timestamp()) where instance_id = instance and not closed $$;

-- The pod is heard of again: try at once what waits for it. Only a hint, so it never waits for a lock.
create or replace function retry_relay(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue set ready_at = clock_timestamp()
    where instance_id = (
        select q.instance_id from relay_queue q
        where q.instance_id = instance and q.failures > 0 and q.ready_at < 'infinity' for update skip locked
    )
$$;

-- Hold the instance's relay row; returns its account, or null while another relay holds it.
create or replace function hold_relay(instance uuid, relay uuid, lease interval) returns text
language sql security definer set search_path = public, pg_temp
as $$
    update relay_queue set holder = relay, held_until = clock_timestamp() + lease
    where instance_id = instance and not closed and (holder = relay or held_until <= clock_timestamp())
    returning account
$$;

-- Let go of the relay row: nothing is left to send, or the pod does not accept (it is tried again with back-off).
create or replace function release_relay(instance uuid, failed boolean) returns void
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
