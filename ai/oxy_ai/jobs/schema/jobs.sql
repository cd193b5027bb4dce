-- Jobs as whoever wants one sees them: queued, moved, cancelled, in any transaction of the organization. Each function
-- locks the job alone; the row of its queue is locked at the end of the transaction.

-- Queue a job (oxy_ai.jobs.records.NewJob) that is due at `due_at` (null: now). Returns its id; null: there is, or was,
-- one of this instance, kind and key.
create or replace function queue_job(organization uuid, instance uuid, job jsonb) returns bigint
language sql
as $$
    insert into jobs (
        organization_id, instance_id, kind, key, lane, contact_id, payload, planned_at, due_at, delayed_at, reason,
        trace
    )
    select organization, instance, job ->> 'kind', job ->> 'key', (job ->> 'lane')::lane, (job ->> 'contact')::bigint,
        coalesce(job -> 'payload', '{}'), d.at, d.at, case when job ->> 'due_at' is null then d.at end,
        job ->> 'reason', job ->> 'trace'
    from (select coalesce((job ->> 'due_at')::timestamptz, clock_timestamp()) as at) d
    on conflict (organization_id, instance_id, kind, key) do nothing
    returning id
$$;

-- Have a job done at another time. A worker that is doing it loses its fence, so nothing comes of that. False: it is to be
-- done then already, has ended, or does not exist.
create or replace function move_job(organization uuid, instance uuid, job_kind text, job_key text, due timestamptz)
returns boolean
language plpgsql
as $$
begin
    update jobs j
    set planned_at = due, due_at = due, delayed_at = null, reason = null, lease_until = null, fence = j.fence + 1,
        claims = 0, waits = 0
    where j.organization_id = organization and j.instance_id = instance and j.kind = job_kind and j.key = job_key
        and j.state = 'waiting' and j.planned_at <> due;
    return found;
end $$;

-- Have a job not done; whoever is doing it loses its fence. False: it has ended, or does not exist.
create or replace function cancel_job(organization uuid, instance uuid, job_kind text, job_key text, why text)
returns boolean
language plpgsql
as $$
begin
    update jobs j
    set state = 'cancelled', reason = why, lease_until = null, held = false, fence = j.fence + 1,
        finished_at = clock_timestamp()
    where j.organization_id = organization and j.instance_id = instance and j.kind = job_kind and j.key = job_key
        and j.state = 'waiting';
    return found;
end $$;

-- Cancel all jobs of a kind whose keys begin so. Returns how many waited.
create or replace function cancel_jobs(organization uuid, instance uuid, job_kind text, beginning text, why text)
returns bigint
language sql
as $$
    with cancelled as (
        update jobs j
        set state = 'cancelled', reason = why, lease_until = null, held = false, fence = j.fence + 1,
            finished_at = clock_timestamp()
        where j.organization_id = organization and j.instance_id = instance and j.kind = job_kind
            and starts_with(j.key, beginning) and j.state = 'waiting'
        returning j.id
    )
    select count(*) from cancelled
$$;
