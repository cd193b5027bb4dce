-- What is enabled, and what is due next: each occurrence has a row and a job, both once.

-- Apply an automation (oxy_ai.automations.definition.Automation). What it had told stays told; a change counts as of now.
-- False: it is so already.
create or replace function apply_automation(organization uuid, instance uuid, document jsonb, is_enabled boolean, who text)
returns boolean
language plpgsql
as $$
begin
    insert into automations as a (organization_id, instance_id, name, definition, enabled, changed_by)
    values (organization, instance, document ->> 'name', document, is_enabled, who)
    on conflict (instance_id, name) do update
    set definition = excluded.definition, enabled = excluded.enabled, since = clock_timestamp(),
        changed_by = excluded.changed_by
    where (a.definition, a.enabled) is distinct from (excluded.definition, excluded.enabled);
    if not found then
        return false;
    elsif not is_enabled then
        perform withdraw_automation(organization, instance, document ->> 'name');
    end if;
    insert into audit_log (organization_id, actor, action, detail)
    values (organization, who, 'automation_applied', (document ->> 'name') || case when is_enabled then ': on' else ': off' end);
    return true;
end $$;

-- What an automation that is off has told, and what waits to be sent, is not sent; what is under way is not held again.
create or replace function withdraw_automation(organization uuid, instance uuid, of_automation text) returns void
language plpgsql
as $$
declare
    held record;
begin
    for held in
        select distinct x.id, x.reference from outbox x
        join automation_occurrences o on o.organization_id = x.organization_id and o.outbox_id = x.id
        where x.organization_id = organization and x.instance_id = instance
            and x.state in ('held', 'pending', 'accepted') and o.automation = of_automation
    loop
        if withdraw_proactive(organization, instance, held.reference, 'Disabled') > 0 then
            update automation_occurrences o
            set state = 'dropped', reason = 'disabled', outbox_id = null, asks = false
            where o.organization_id = organization and o.outbox_id = held.id;
        end if;
    end loop;
end $$;

-- Have workers look for what is due in an instance as long as something is enabled there.
create or replace function schedule_planning(organization uuid, instance uuid, enabled boolean) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    if enabled then
        insert into automation_queue as q (instance_id, organization_id) values (instance, organization)
        on conflict (instance_id) do update set ready_at = least(q.ready_at, clock_timestamp());
    else
        delete from automation_queue q where q.instance_id = instance;
    end if;
end $$;

-- Instances whose turn it is, at most `how_many`; others look at them no sooner than after `pause`. What lies further
-- ahead is from before the clock was put back.
create or replace function claim_planning(how_many integer, pause interval)
returns table (organization uuid, instance uuid, planned timestamptz)
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    return query
    update automation_queue q set ready_at = moment + pause
    from (
        select r.instance_id from automation_queue r where r.ready_at <= moment or r.ready_at > moment + pause
        order by r.ready_at limit how_many for no key update skip locked
    ) due
    where q.instance_id = due.instance_id
    returning q.organization_id, q.instance_id, q.planned_until;
end $$;

-- What was due in an instance until a moment was found; `more`: not all of it, and it is looked at again at once.
create or replace function planned_until(instance uuid, moment timestamptz, more boolean) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update automation_queue q
    set planned_until = case when more then q.planned_until else moment end,
        ready_at = case when more then clock_timestamp() else q.ready_at end
    where q.instance_id = instance;
end $$;

-- Whether an occurrence is not told any more, or may be if what had it dropped is not so any more.
create or replace function may_be_planned(o automation_occurrences) returns boolean
language sql immutable parallel safe
as $$ select o.state = 'dropped' and o.reason in ('disabled', 'moved', 'not_due') $$;

-- Have an occurrence told when it is due.
create or replace function queue_occurrence(o automation_occurrences) returns void
language sql
as $$
    select queue_job(o.organization_id, o.instance_id, jsonb_build_object(
        'kind', 'automation', 'key', format('%s:%s:%s', o.automation, o.subject, o.occurrence)
            || case when o.plans > 1 then ':' || o.plans else '' end,
        'lane', 'automation', 'contact', o.contact_id, 'due_at', o.due_at,
        'payload', jsonb_build_object('occurrence', o.id, 'contact', o.contact_id)
    ))
$$;

-- Plan occurrences (oxy_ai.automations.store.plan) that are neither planned nor told; returns how many.
create or replace function plan_occurrences(organization uuid, instance uuid, documents jsonb) returns integer
language plpgsql
as $$
declare
    o automation_occurrences;
    made integer := 0;
begin
    for o in
        insert into automation_occurrences as n (
            organization_id, instance_id, automation, subject, occurrence, contact_id, booking_id, starts_at, due_at
        )
        select organization, instance, p.automation, p.subject, p.occurrence, p.contact, p.booking, p.starts_at, p.due_at
        from jsonb_to_recordset(documents) p (
            automation text, subject text, occurrence text, contact bigint, booking bigint, starts_at timestamptz,
            due_at timestamptz
        )
        on conflict (instance_id, automation, subject, occurrence) do update
        set state = 'planned', reason = null, ended_at = null, due_at = excluded.due_at, plans = n.plans + 1
        where may_be_planned(n)
        returning *
    loop
        perform queue_occurrence(o);
        made := made + 1;
    end loop;
    return made;
end $$;
