-- How the claim of a job ends.

-- Whether a claim still holds. The row is not locked: whoever does a job locks it last (end_job).
create or replace function holds_job(organization uuid, job bigint, held_fence bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from jobs j where j.organization_id = organization and j.id = job and j.fence = held_fence
            and j.lease_until is not null
    );
end $$;

-- End a claim; `ending` is oxy_ai.jobs.records.JobEnding. False: it does not hold any more.
create or replace function end_job(organization uuid, job bigint, held_fence bigint, ending jsonb) returns boolean
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    planned timestamptz := (ending ->> 'until')::timestamptz;
    earliest timestamptz := moment + make_interval(secs => (ending ->> 'after_seconds')::double precision);
begin
    update jobs j
    set state = ending ->> 'state', reason = ending ->> 'why', lease_until = null, claims = 0,
        waits = case when ending ->> 'out' = 'true' then j.waits + 1 else 0 end,
        planned_at = coalesce(planned, j.planned_at), due_at = coalesce(greatest(planned, earliest), j.planned_at),
        delayed_at = case when coalesce(earliest >= planned, true) then moment end,
        finished_at = case when ending ->> 'state' <> 'waiting' then moment end
    where j.organization_id = organization and j.id = job and j.fence = held_fence and j.lease_until is not null;
    return found;
end $$;

-- Count a failed attempt at a job. It is tried again after a pause that doubles with each, up to `longest`; after `most`,
-- or if it is `hopeless`, it is a dead letter, which the owner is told of. Returns the attempts that have failed and whether
-- it is dead; no row: the claim does not hold any more.
create or replace function fail_job(
    organization uuid, job bigint, held_fence bigint, why text, most integer, hopeless boolean,
    shortest interval, longest interval
) returns table (failed integer, dead boolean)
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    j jobs;
begin
    update jobs f
    set attempts = f.attempts + 1, reason = why, lease_until = null, claims = 0, waits = 0,
        state = case when hopeless or f.attempts + 1 >= most then 'dead' else 'waiting' end,
        due_at = moment + relay_backoff(f.attempts, shortest, longest), delayed_at = moment,
        finished_at = case when hopeless or f.attempts + 1 >= most then moment end
    where f.organization_id = organization and f.id = job and f.fence = held_fence and f.lease_until is not null
    returning * into j;
    if j.id is null then
        return;
    end if;
    if j.state = 'dead' then
        perform note_dead_job(j);
    end if;
    return query select j.attempts, j.state = 'dead';
end $$;
