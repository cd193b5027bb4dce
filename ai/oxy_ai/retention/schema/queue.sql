-- Which organization is looked through next, by which worker.

-- Claim the organization that is due first, until `held`, which tells this claim from others. Nothing lies further ahead
-- than `longest`, unless the clock went back: then it is due.
create or replace function claim_retention(lease interval, longest interval)
returns table (organization uuid, held timestamptz)
language sql security definer set search_path = public, pg_temp
as $$
    insert into retention_queue (organization_id)
    select q.organization_id from org_queue q
    where not exists (select from retention_queue r where r.organization_id = q.organization_id)
    on conflict do nothing;
    update retention_queue q set due_at = clock_timestamp() + lease
    from (
        select d.organization_id from retention_queue d
        where d.due_at <= clock_timestamp() or d.due_at > clock_timestamp() + longest
        order by d.due_at limit 1 for no key update skip locked
    ) due
    where q.organization_id = due.organization_id
    returning q.organization_id, q.due_at
$$;

-- Have a claimed organization until, or look at it again after, `pause`: the new end. Null: another worker has it.
create or replace function hold_retention(organization uuid, held timestamptz, pause interval) returns timestamptz
language sql security definer set search_path = public, pg_temp
as $$
    update retention_queue set due_at = clock_timestamp() + pause
    where organization_id = organization and due_at = held returning due_at
$$;
