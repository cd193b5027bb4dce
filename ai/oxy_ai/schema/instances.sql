-- Instances: their settings, copied from the bus, and their rows in the queues.

-- Upsert the settings of an instance; false: unchanged, because neither revision nor generation is newer.
create or replace function apply_instance(
    organization uuid, instance uuid, document jsonb, owners text[], bucket_revision bigint
) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    insert into organizations (id, name) values (organization, document ->> 'organization') on conflict (id) do nothing;
    insert into instances as i (organization_id, id, name, settings, owner_keys, generation, revision)
    values (
        organization, instance, document ->> 'instance', document, owners, (document ->> 'generation')::bigint,
        bucket_revision
    )
    on conflict (organization_id, id) do update
    set settings = excluded.settings, owner_keys = excluded.owner_keys, generation = excluded.generation,
        revision = excluded.revision, closed_at = null
    where excluded.revision > i.revision or excluded.generation > i.generation;
    if found then
        perform enqueue_instance(organization, instance, document ->> 'account');
        return true;
    end if;
    return false;
end $$;

-- Close a deleted instance: its pending texts fail, its later reports are dropped. False: nothing changed.
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

-- Why a report that claims to come from `instance` is not stored, judged by the account that sent it; null: store it.
-- unknown: no settings of this account yet, retry; foreign: the account belongs to another instance; closed: deleted.
create or replace function refusal(sender_account text, instance uuid) returns text
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    sender relay_queue;
begin
    select * into sender from relay_queue q where q.account = sender_account;
    return case
        when sender.instance_id is null then 'unknown'
        when sender.instance_id <> instance then 'foreign'
        when sender.closed then 'closed'
    end;
end $$;
