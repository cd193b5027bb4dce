-- Which job is done next: strictly by lane, in each lane by the organization that has waited longest, in each
-- organization by time. A claim is a lease with a fence, as that of a conversation (scheduler.sql).

-- A transaction has made a job due, or ended one: its organization is looked at when that is due, or now.
create or replace function wake_jobs() returns trigger
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    if new.state = 'waiting' then
        moment := greatest(new.due_at, moment);
    end if;
    -- Whoever claims this organization's jobs right now has read their times without this transaction's, and holds the
    -- row: wait for it before looking at what it has written. Both lanes, in one order, so that no two wait in a circle.
    perform from job_queue q where q.organization_id = new.organization_id order by q.lane for no key update;
    if not found then
        insert into job_queue (organization_id, lane)
        values (new.organization_id, 'automation'), (new.organization_id, 'campaign') on conflict do nothing;
    end if;
    update job_queue q set ready_at = moment
    where q.organization_id = new.organization_id and q.lane = new.lane and q.ready_at > moment;
    return null;
end $$;

-- The number of an instance, whose column is named, may have room again: the jobs that wait for it are looked at now. One
-- that a worker is looking at loses its fence, because that may know of the old state only. Nobody is waited for.
create or replace function look_for_room() returns trigger
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    perform enter_org(new.organization_id);
    update jobs j
    set planned_at = moment, due_at = moment, delayed_at = null, lease_until = null, fence = j.fence + 1, claims = 0, waits = 0
    where j.organization_id = new.organization_id and j.id in (
        select w.id from jobs w
        where w.organization_id = new.organization_id and w.instance_id = (to_jsonb(new) ->> tg_argv[0])::uuid
            and w.state = 'waiting' and w.reason like 'room:%' and w.due_at > moment
        for no key update skip locked
    );
    return null;
end $$;

-- Claim due jobs, up to `automation` and `campaign` of these lanes. Returns {claimed: [{organization, job, fence, claims}],
-- wait}; `wait`: seconds until the next may be due, null if none is. Nothing of a lane is claimed while something of a
-- more urgent one is due that nobody has claimed; then `wait` is 0 or less.
create or replace function claim_due_jobs(automation integer, campaign integer, lease interval, retry_locked interval)
returns jsonb
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    claimed jsonb := '[]';
begin
    if not is_turn_ready() then
        claimed := claim_lane('automation', automation, lease, retry_locked);
        if not is_lane_ready('automation') then
            claimed := claimed || claim_lane('campaign', campaign, lease, retry_locked);
        end if;
    end if;
    return jsonb_build_object('claimed', claimed, 'wait', extract(
        epoch from least(next_of_lane('automation'), next_of_lane('campaign')) - clock_timestamp()
    ));
end $$;

-- When the next organization of a lane is looked at; null: none is. By lane, so that an index tells it.
create or replace function next_of_lane(wanted lane) returns timestamptz
language sql security definer set search_path = public, pg_temp
as $$ select min(q.ready_at) from job_queue q where q.lane = wanted and q.ready_at < 'infinity' $$;

create or replace function is_turn_ready() returns boolean
language sql security definer set search_path = public, pg_temp
as $$ select exists (select from org_queue q where q.ready_at <= clock_timestamp() and q.ready_at < 'infinity') $$;

create or replace function is_lane_ready(wanted lane) returns boolean
language sql security definer set search_path = public, pg_temp
as $$
    select exists (
        select from job_queue q where q.lane = wanted and q.ready_at <= clock_timestamp() and q.ready_at < 'infinity'
    )
$$;

-- Claim up to `how_many` due jobs of a lane, each of the organization that has waited longest; that goes to the end then.
create or replace function claim_lane(wanted lane, how_many integer, lease interval, retry_locked interval) returns jsonb
language plpgsql
as $$
declare
    moment timestamptz;
    queue job_queue;
    claim jsonb;
    claimed jsonb := '[]';
begin
    while jsonb_array_length(claimed) < how_many loop
        moment := clock_timestamp();
        -- Locked rows are skipped: another worker is serving that organization, or a transaction wakes it right now.
        select * into queue from job_queue q
        where q.lane = wanted and q.ready_at <= moment and q.ready_at < 'infinity'
        order by q.ready_at limit 1 for no key update skip locked;
        exit when queue.organization_id is null;
        perform enter_org(queue.organization_id);
        queue.ready_at := full_until(queue, moment);
        if queue.ready_at is null then
            claim := claim_job(queue, moment, lease);
            claimed := claimed || coalesce(claim, '[]');
            queue.ready_at := case when claim is null then moment + retry_locked else moment end;
        end if;
        perform requeue_jobs(queue);
    end loop;
    return claimed;
end $$;

-- Until when an organization has as many jobs of a lane in hand as it may, unless one ends; null: it has not.
create or replace function full_until(queue job_queue, moment timestamptz) returns timestamptz
language plpgsql stable
as $$
begin
    return (
        select min(j.lease_until) from jobs j
        where j.organization_id = queue.organization_id and j.lane = queue.lane and j.lease_until > moment
        having count(*) >= queue.concurrency
    );
end $$;

-- Claim an organization's oldest due job of a lane that is not locked; null: there is none.
create or replace function claim_job(queue job_queue, moment timestamptz, lease interval) returns jsonb
language plpgsql
as $$
declare
    claim jsonb;
begin
    update jobs j
    set fence = j.fence + 1, lease_until = moment + lease, claimed_at = moment, due_at = moment + lease, claims = j.claims + 1
    where j.organization_id = queue.organization_id and j.id = (
        select d.id from jobs d
        where d.organization_id = queue.organization_id and d.lane = queue.lane and d.state = 'waiting' and not d.held
            and d.due_at <= moment
        order by d.due_at, d.id limit 1 for no key update skip locked
    )
    returning jsonb_build_object(
        'organization', queue.organization_id, 'job', j.id, 'fence', j.fence, 'claims', j.claims
    ) into claim;
    return claim;
end $$;

-- Put an organization back into the queue: at its next due time, but not before `ready_at`.
create or replace function requeue_jobs(queue job_queue) returns void
language plpgsql
as $$
declare
    next_due timestamptz;
begin
    select min(j.due_at) into next_due from jobs j
    where j.organization_id = queue.organization_id and j.lane = queue.lane and j.state = 'waiting' and not j.held;
    update job_queue q set ready_at = greatest(coalesce(next_due, 'infinity'), queue.ready_at)
    where q.organization_id = queue.organization_id and q.lane = queue.lane;
end $$;

-- Claim due jobs and read them: {claimed: [{claim, job}], wait} as claim_due_jobs; `job` is oxy_ai.jobs.records.JobRow.
-- Nothing is claimed in another database than the worker knows: see `may_claim`.
create or replace function claim_jobs(
    automation integer, campaign integer, lease interval, retry_locked interval,
    known uuid default null, seen bigint default null
) returns jsonb
language plpgsql
as $$
declare
    free integer := case when may_claim(known, seen) then 1 else 0 end;
    found jsonb := claim_due_jobs(free * automation, free * campaign, lease, retry_locked);
    claim jsonb;
    read jsonb := '[]';
begin
    for claim in select * from jsonb_array_elements(found -> 'claimed') loop
        perform enter_org((claim ->> 'organization')::uuid);
        read := read || jsonb_build_object(
            'claim', claim, 'job', job_document((claim ->> 'organization')::uuid, (claim ->> 'job')::bigint)
        );
    end loop;
    return jsonb_build_object('claimed', read, 'wait', found -> 'wait');
end $$;

create or replace function job_document(organization uuid, job bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'instance', j.instance_id, 'kind', j.kind, 'key', j.key, 'lane', j.lane, 'contact', j.contact_id,
            'payload', j.payload::text, 'planned_at', j.planned_at,
            'late_seconds', extract(epoch from clock_timestamp() - j.planned_at), 'attempts', j.attempts, 'waits', j.waits,
            'trace', j.trace, 'settings', i.settings::text, 'away', is_away(i)
        )
        from jobs j join instances i on i.organization_id = j.organization_id and i.id = j.instance_id
        where j.organization_id = organization and j.id = job
    );
end $$;

-- Renew the leases of jobs that workers are doing. A row that is locked right now is skipped; the next one renews it.
create or replace function renew_job_leases(organizations uuid[], job_ids bigint[], fences bigint[], lease interval)
returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    claim record;
    moment timestamptz := clock_timestamp();
begin
    for claim in select * from unnest(organizations, job_ids, fences) as t (organization, job, fence) loop
        perform enter_org(claim.organization);
        perform from jobs j
        where j.organization_id = claim.organization and j.id = claim.job and j.fence = claim.fence
            and j.lease_until is not null
        for no key update skip locked;
        if found then
            update jobs j set lease_until = moment + lease, due_at = moment + lease
            where j.organization_id = claim.organization and j.id = claim.job;
        end if;
    end loop;
end $$;
