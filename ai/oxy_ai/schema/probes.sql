-- Probes of the way of messages (oxy_ai.engine.lane_probes): whether workers look at queues.

-- Have a worker look for due conversations of an organization, and for texts of an instance to send, now.
create or replace function probe_queues(organization uuid, instance uuid) returns void
language plpgsql
as $$
begin
    perform wake_org(organization, clock_timestamp());
    perform wake_relay(instance);
end $$;

-- When they are looked at next (null: when something happens), and how their relay fares: oxy_ai.engine.lane_probes.Queues.
-- Whoever has looked leaves a later time.
create or replace function probed_queues(organization uuid, instance uuid) returns jsonb
language sql stable security definer set search_path = public, pg_temp
as $$
    select jsonb_build_object(
        'turns', extract(epoch from nullif(t.ready_at, 'infinity')), 'relay', extract(epoch from nullif(r.ready_at, 'infinity')),
        'failures', r.failures, 'ended', r.ended, 'now', extract(epoch from clock_timestamp())
    )
    from org_queue t join relay_queue r on r.organization_id = t.organization_id
    where t.organization_id = organization and r.instance_id = instance
$$;

-- The instances that are open, by name; null: of any name.
create or replace function probed_instances(of_organization uuid, name text)
returns table (organization uuid, organization_name text, instance uuid, instance_name text, account text)
language plpgsql
as $$
declare
    key uuid;
begin
    for key in select k from known_organizations() k where of_organization is null or k = of_organization loop
        perform enter_org(key);
        return query
        select i.organization_id, o.name, i.id, i.name, i.settings ->> 'account'
        from instances i join organizations o on o.id = i.organization_id
        where i.organization_id = key and i.closed_at is null
            and (probed_instances.name is null or i.name = probed_instances.name);
    end loop;
end $$;
