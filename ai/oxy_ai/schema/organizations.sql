create or replace function current_org() returns uuid
language sql stable parallel safe
as $$ select nullif(current_setting('oxy.org', true), '')::uuid $$;

create or replace function enter_org(organization uuid) returns void
language sql
as $$ select set_config('oxy.org', organization::text, true) $$;

create or replace function lock_instance(instance uuid) returns void
language sql
as $$ select pg_advisory_xact_lock(hashtextextended(instance::text, 0)) $$;

create or replace function schema_version() returns integer
language sql stable
as $$ select max(version_num)::integer from alembic_version $$;
