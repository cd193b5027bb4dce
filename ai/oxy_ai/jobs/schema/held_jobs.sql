-- Jobs of an instance that is suspended or deleted are held: nobody looks at them until it is back.

-- Hold the waiting jobs of an instance that is away. False: it is back.
create or replace function hold_jobs(organization uuid, instance uuid) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    -- Whoever changes the instance waits, so that return_jobs sees what is held here.
    perform from instances i
    where i.organization_id = organization and i.id = instance and is_away(i) for share;
    if not found then
        return false;
    end if;
    update jobs j set held = true
    where j.organization_id = organization and j.id in (
        select w.id from jobs w
        where w.organization_id = organization and w.instance_id = instance and w.state = 'waiting' and not w.held
            and w.lease_until is null
        for no key update skip locked
    );
    return true;
end $$;

-- Let go the jobs of instances that are back, of some organizations (null: of all). Returns how many were held. One that
-- another transaction holds is left to the next time.
create or replace function return_jobs(organizations uuid[]) returns bigint
language plpgsql
as $$
declare
    organization uuid;
    returned bigint := 0;
    let_go bigint;
begin
    foreach organization in array coalesce(organizations, array(select * from known_organizations())) loop
        perform enter_org(organization);
        update jobs j set held = false
        where j.organization_id = organization and j.id in (
            select h.id from jobs h join instances i on i.organization_id = organization and i.id = h.instance_id
            where h.organization_id = organization and h.held and not is_away(i)
            for no key update of h skip locked
        );
        get diagnostics let_go = row_count;
        returned := returned + let_go;
    end loop;
    return returned;
end $$;
