-- PostgreSQL's clock was put back (../../schema/clock.sql). A job that waits for a time of day goes by the clock as it is.

-- Leases are no longer than `lease`, and a pause that began in the future begins now. A job that another transaction holds
-- is left to the next time. Returns how many lay too far ahead.
create or replace function bring_jobs_forward(organization uuid, lease interval) returns bigint
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    changed bigint;
begin
    perform enter_org(organization);
    with ahead as (
        select j.id from jobs j
        where j.organization_id = organization and j.state = 'waiting'
            and (j.delayed_at > moment or j.lease_until is not null and greatest(j.lease_until, j.due_at) > moment + lease)
        for no key update skip locked
    )
    update jobs j
    set due_at = case when j.lease_until is null then j.due_at - (j.delayed_at - moment)
                      else not_after(j.due_at, moment + lease) end,
        delayed_at = not_after(j.delayed_at, moment),
        lease_until = not_after(j.lease_until, moment + lease)
    from ahead where j.organization_id = organization and j.id = ahead.id;
    get diagnostics changed = row_count;
    return changed;
end $$;

-- Look at an organization's jobs when the next is due, or after `lease` at most. Returns for how many lanes that was earlier
-- than it would have been.
create or replace function bring_job_queue_forward(organization uuid, lease interval) returns bigint
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    queue job_queue;
    next_due timestamptz;
    changed bigint := 0;
begin
    perform enter_org(organization);
    for queue in
        select * from job_queue q where q.organization_id = organization order by q.lane for no key update
    loop
        select min(j.due_at) into next_due from jobs j
        where j.organization_id = organization and j.lane = queue.lane and j.state = 'waiting' and not j.held;
        continue when queue.ready_at <= greatest(next_due, clock_timestamp() + lease) or next_due is null;
        update job_queue q set ready_at = greatest(next_due, clock_timestamp())
        where q.organization_id = organization and q.lane = queue.lane;
        changed := changed + 1;
    end loop;
    return changed;
end $$;
