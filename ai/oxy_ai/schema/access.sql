-- Grants and policies. Workers connect as oxy_app, which row-level security limits to one organization at a time. The
-- queues are not under row-level security; only functions of oxy_scheduler may use them.

-- Limit tables to the session's organization and grant them to workers. The other schema parts call this as well.
-- Statements that take an exclusive lock run only if something is missing, because workers keep running.
create or replace function pg_temp.isolate_by_organization(variadic tables regclass[]) returns void
language plpgsql
as $$
declare
    protected pg_class%rowtype;
    key text;
    old_policy name;
begin
    for protected in select c.* from pg_class c where c.oid = any (tables) order by c.relname loop
        key := case when protected.relname = 'organizations' then 'id' else 'organization_id' end;
        if not (protected.relrowsecurity and protected.relforcerowsecurity) then
            execute format('alter table %I enable row level security', protected.relname);
            execute format('alter table %I force row level security', protected.relname);
        end if;
        if not pg_temp.is_isolated(protected.oid, key) then
            for old_policy in select p.polname from pg_policy p where p.polrelid = protected.oid loop
                execute format('drop policy %I on %I', old_policy, protected.relname);
            end loop;
            execute format(
                'create policy organization on %I using (%I = (select current_org()))', protected.relname, key
            );
        end if;
        execute format('revoke all on %I from public, oxy_app, oxy_scheduler', protected.relname);
        execute format('grant select, insert, update, delete on %I to oxy_app', protected.relname);
    end loop;
end $$;

-- Whether a table's only policy is that of `isolate_by_organization`, compared as PostgreSQL prints it.
create or replace function pg_temp.is_isolated(protected oid, key text) returns boolean
language sql
as $$
    select coalesce(bool_and(
        p.polname = 'organization' and p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
        and p.polwithcheck is null
        and pg_get_expr(p.polqual, p.polrelid) = format('(%I = ( SELECT current_org() AS current_org))', key)
    ), false)
    from pg_policy p where p.polrelid = protected
$$;

-- Count each change of these tables as one of the facts that assistants know: of the contact where a row has one, else of
-- the organization. Verticals call this as well.
create or replace function pg_temp.counts_as_facts(variadic tables regclass[]) returns void
language plpgsql
as $$
declare
    facts regclass;
    owner text;
    change record;
begin
    foreach facts in array tables loop
        owner := case when exists (
            select from pg_attribute a where a.attrelid = facts and a.attname = 'contact_id' and not a.attisdropped
        ) then 'contact' else 'organization' end;
        for change in select * from (values
            ('facts_added', 'insert', 'new'), ('facts_left', 'update', 'old'), ('facts_changed', 'update', 'new'),
            ('facts_removed', 'delete', 'old')
        ) t (name, event, rows)
        loop
            if not exists (select from pg_trigger t where t.tgrelid = facts and t.tgname = change.name) then
                execute format(
                    'create trigger %I after %s on %s referencing %s table as changed for each statement '
                    'execute function count_%s_facts()', change.name, change.event, facts, change.rows, owner
                );
            end if;
        end loop;
    end loop;
end $$;

select pg_temp.isolate_by_organization(
    'organizations', 'instances', 'connection_states', 'setting_overlays', 'proposals', 'journals', 'contacts', 'conversations', 'chat_journals', 'chat_alias', 'number_changes',
    'turns', 'hand_overs', 'turn_steps', 'outbox', 'reputation', 'owner_notices', 'model_outages', 'messages', 'media', 'media_chunks',
    'readings', 'dead_reports', 'ai_interactions', 'ai_months', 'audit_log', 'private_numbers', 'drafts'
);

revoke all on org_queue, relay_queue, notice_queue, media_queue, reading_queue, database_clock, database_state, alembic_version,
    schema_parts
from public, oxy_app, oxy_scheduler;
revoke all on sequence settings_order from public, oxy_app;
grant usage on sequence settings_order to oxy_scheduler;
grant select, insert, update on org_queue, relay_queue, database_state to oxy_scheduler;
grant select, update on database_clock to oxy_scheduler;
grant select, insert, update, delete on notice_queue, media_queue, reading_queue to oxy_scheduler;
grant select (organization_id, id, due_at, lease_until, fence, claims), update (due_at, lease_until, fence, claims)
    on conversations to oxy_scheduler;
grant select on alembic_version to oxy_app;
