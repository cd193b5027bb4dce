-- Schedules: rows of the queue tell when to look at an instance; what is due then is decided by oxy_ai.schedules.plan.

-- Have an instance's schedules looked at. What somebody decides who has not seen this change yet does not count.
create or replace function plan_schedules(organization uuid, instance uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into schedule_queue as q (instance_id, organization_id) values (instance, organization)
    on conflict (instance_id) do update set due_at = least(q.due_at, excluded.due_at), version = q.version + 1
$$;

-- The same, for an instance's own row, or one that belongs to it.
create or replace function plan_schedules_of_row() returns trigger
language plpgsql
as $$
begin
    if tg_table_name = 'instances' then
        perform plan_schedules(new.organization_id, new.id);
    else
        perform plan_schedules(new.organization_id, new.instance_id);
    end if;
    return null;
end $$;

-- Instances to look at, those that wait longest first.
create or replace function due_schedules(how_many integer) returns table (organization uuid, instance uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
    select q.organization_id, q.instance_id from schedule_queue q
    where q.due_at <= clock_timestamp() and q.due_at < 'infinity'
    order by q.due_at limit how_many
$$;

-- What there is of an instance's schedules (oxy_ai.schedules.planner.Kept). Null: they were looked at meanwhile. Nothing is
-- locked while a worker decides.
create or replace function kept_schedules(organization uuid, instance uuid) returns jsonb
language plpgsql
as $$
declare
    seen bigint := version_of_schedules(instance);
begin
    perform enter_org(organization);
    return (
        select jsonb_build_object(
            'version', seen, 'now', clock_timestamp(), 'settings', case when i.closed_at is null then i.settings end,
            'outage', (
                select jsonb_build_object('since', c.outage_since, 'until', c.outage_until) from connection_states c
                where c.organization_id = organization and c.instance_id = instance and c.outage_until is not null
            ),
            'rows', (
                select coalesce(jsonb_agg(to_jsonb(s)), '[]') from schedules s
                where s.organization_id = organization and s.instance_id = instance
            )
        )
        from instances i where i.organization_id = organization and i.id = instance and seen is not null
    );
end $$;

create or replace function version_of_schedules(instance uuid) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    select q.version from schedule_queue q where q.instance_id = instance and q.due_at <= clock_timestamp()
$$;

-- Whether nothing has changed since, nor does until the transaction ends.
create or replace function hold_schedules(instance uuid, seen bigint) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    perform from schedule_queue q where q.instance_id = instance and q.version = seen for no key update;
    return found;
end $$;

-- Keep what was decided of an instance's schedules (oxy_ai.schedules.plan.SchedulePlan), and queue the reports that are
-- to be written now. A report whose key is known is queued already. False: something has changed since they were seen.
create or replace function keep_schedules(organization uuid, instance uuid, seen bigint, decided jsonb) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    if not hold_schedules(instance, seen) then
        return false;
    end if;
    delete from schedules s where s.organization_id = organization and s.instance_id = instance
        and s.name not in (select r ->> 'name' from jsonb_array_elements(decided -> 'rows') r);
    insert into schedules (organization_id, instance_id, name, cron, timezone, due_at, last_due_at)
    select organization, instance, r.name, r.cron, r.timezone, r.due_at, r.last_due_at
    from jsonb_to_recordset(decided -> 'rows')
        r (name text, cron text, timezone text, due_at timestamptz, last_due_at timestamptz)
    on conflict (organization_id, instance_id, name) do update
    set cron = excluded.cron, timezone = excluded.timezone, due_at = excluded.due_at, last_due_at = excluded.last_due_at;
    if (decided ->> 'begins')::boolean then
        perform forget_outage(organization, instance);
    end if;
    perform queue_job(organization, instance, j) from jsonb_array_elements(decided -> 'jobs') j;
    perform wake_schedules_at(instance, (decided ->> 'wake_at')::timestamptz);
    return true;
end $$;

-- Look at an instance's schedules at some time; null: once something has changed.
create or replace function wake_schedules_at(instance uuid, moment timestamptz) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update schedule_queue q
    set due_at = coalesce(moment, 'infinity'), planned_at = clock_timestamp(), version = q.version + 1
    where q.instance_id = instance
$$;

-- What is lost while an instance writes to nobody, because it is suspended, is no outage.
create or replace function forget_outage(organization uuid, instance uuid) returns void
language sql
as $$
    update connection_states set down_since = null
    where organization_id = organization and instance_id = instance and down_since is not null
$$;

-- PostgreSQL's clock was put back: look again at schedules that were looked at when it showed more. Returns how many.
create or replace function bring_schedules_forward() returns bigint
language sql security definer set search_path = public, pg_temp
as $$
    with ahead as (
        update schedule_queue set due_at = clock_timestamp(), planned_at = clock_timestamp()
        where planned_at > clock_timestamp() returning instance_id
    )
    select count(*) from ahead
$$;

-- Leave an instance whose schedules cannot be looked at to a later time, so that it does not hold up the others.
create or replace function postpone_schedules(instance uuid, pause interval) returns void
language sql security definer set search_path = public, pg_temp
as $$ update schedule_queue q set due_at = clock_timestamp() + pause where q.instance_id = instance $$;

-- The chats with an instance's owners (oxy_ai.records.Recipient, a list), in their order; one begins where there is none.
create or replace function chats_of_owners(organization uuid, instance uuid, owners jsonb)
returns table (contact bigint, conversation bigint)
language plpgsql
as $$
begin
    perform lock_instance(instance);
    return query
    select (c.v).contact_id, (c.v).id from (
        select conversation_with(organization, instance, o.owner), o.place
        from jsonb_array_elements(owners) with ordinality o (owner, place)
    ) c (v, place)
    group by (c.v).id, (c.v).contact_id order by min(c.place);
end $$;
