-- The organization that a session works for, the locks of instances, the schema version.

create or replace function current_org() returns uuid
language sql stable parallel safe
as $$ select nullif(current_setting('oxy.org', true), '')::uuid $$;

-- Let the transaction see the rows of one organization.
create or replace function enter_org(organization uuid) returns text
language sql
as $$ select set_config('oxy.org', organization::text, true) $$;

-- Lock order: instance (this advisory lock), then the rows of conversation, outbox, organization's queue, relay's queue. A
-- relay holds its row of the queue first, and skips texts that are locked.
create or replace function lock_instance(instance uuid) returns void
language sql
as $$ select pg_advisory_xact_lock(hashtextextended(instance::text, 0)) $$;

-- Lock several instances, always in the same order, so that two batches cannot deadlock.
create or replace function lock_instances(instances uuid[]) returns void
language plpgsql
as $$
declare
    instance uuid;
begin
    for instance in select distinct i from unnest(instances) i order by i loop
        perform lock_instance(instance);
    end loop;
end $$;

create or replace function schema_version() returns integer
language sql stable
as $$ select max(version_num)::integer from alembic_version $$;
