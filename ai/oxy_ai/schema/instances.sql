create or replace function enqueue_instance(organization uuid, instance uuid, instance_account text) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    insert into org_queue (organization_id) values (organization) on conflict do nothing;
    insert into relay_queue as q (instance_id, organization_id, account)
    values (instance, organization, instance_account)
    on conflict (instance_id) do update set account = excluded.account, closed = false
    where q.account <> excluded.account or q.closed;
end $$;

create or replace function dequeue_instance(instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ update relay_queue set closed = true, ready_at = 'infinity' where instance_id = instance $$;

create or replace function route(sender_account text, out instance uuid, out closed boolean)
language sql stable security definer set search_path = public, pg_temp
as $$ select q.instance_id, q.closed from relay_queue q where q.account = sender_account $$;

-- Apply the settings of an instance. An older revision of the bucket changes nothing.
create or replace function apply_instance(
    organization uuid, instance uuid, document jsonb, bucket_revision bigint
) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    insert into organizations (id, name) values (organization, document ->> 'organization') on conflict (id) do nothing;
    insert into instances as i (organization_id, id, name, settings, generation, revision)
    values (organization, instance, document ->> 'instance', document, (document ->> 'generation')::bigint, bucket_revision)
    on conflict (organization_id, id) do update
    set settings = excluded.settings, generation = excluded.generation, revision = excluded.revision, closed_at = null
    where excluded.revision > i.revision or excluded.generation > i.generation;
    if not found then
        return false;
    end if;
    perform enqueue_instance(organization, instance, document ->> 'account');
    return true;
end $$;

create or replace function close_instance(organization uuid, instance uuid, bucket_revision bigint) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    update instances set closed_at = now(), revision = bucket_revision
    where organization_id = organization and id = instance and closed_at is null and revision < bucket_revision;
    if not found then
        return false;
    end if;
    update outbox set state = 'failed', error = 'InstanceDeleted', closed_at = now()
    where organization_id = organization and instance_id = instance and state = 'pending';
    perform dequeue_instance(instance);
    return true;
end $$;
