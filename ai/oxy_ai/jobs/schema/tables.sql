-- Work that is due at some time and that no customer's message asks for: reminders, messages of campaigns, reports.

create table jobs (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    instance_id uuid not null,
    kind text not null,  -- oxy_ai.jobs.kinds.JobKind.name
    key text collate "C" not null,  -- tells the occurrence from others of its kind: queued twice, it is done once
    lane lane not null check (lane <> 'reply'),
    contact_id bigint,  -- whom it concerns; null: nobody, or several
    payload jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'done', 'cancelled', 'dead', 'dropped')),
    reason text,  -- why it waits, was cancelled or is dead; room:<purpose>:<why>: the number may not write yet (standing.sql)
    planned_at timestamptz not null,  -- when it was to be done; its place among others
    due_at timestamptz not null,  -- when a worker may claim it; while claimed, the end of the lease
    delayed_at timestamptz,  -- since when it waits for a time that was counted from then; null: for a time of day
    held boolean not null default false,  -- until its instance is back
    attempts integer not null default 0,  -- that have failed
    waits integer not null default 0,  -- in a row, for something that was out
    claims integer not null default 0,  -- in a row, none of which has ended
    lease_until timestamptz,
    claimed_at timestamptz,  -- last
    fence bigint not null default 0,
    replayed boolean not null default false,  -- a person has asked for it once more
    trace text,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (organization_id, id),
    unique (organization_id, instance_id, kind, key),
    check ((finished_at is null) = (state = 'waiting')),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, contact_id) references contacts
);
create index jobs_due on jobs (organization_id, lane, due_at, id) where state = 'waiting' and not held;
create index jobs_claimed on jobs (organization_id, lane) where lease_until is not null;
create index jobs_held on jobs (organization_id, instance_id) where held;
create index jobs_dead on jobs (organization_id, finished_at, id) where state = 'dead';
create index jobs_finished on jobs (organization_id, finished_at) where finished_at is not null;
create index jobs_for_room on jobs (organization_id, instance_id) where state = 'waiting' and reason like 'room:%';
create index jobs_contact on jobs (organization_id, contact_id) where contact_id is not null;

-- Which organization's jobs are looked at next. Not under row-level security; only functions of oxy_scheduler use it.
create table job_queue (
    organization_id uuid not null references organizations,
    lane lane not null,
    ready_at timestamptz not null default 'infinity',
    concurrency integer,  -- jobs of it at a time, over all workers; null: no limit
    primary key (organization_id, lane)
);
create index job_queue_ready on job_queue (lane, ready_at) where ready_at < 'infinity';

-- A job that failed for good, as it is listed.
create type dead_job as (
    job bigint,
    organization text,
    instance text,
    kind text,
    key text,
    lane lane,
    reason text,
    attempts integer,
    planned_at timestamptz,
    at timestamptz,
    phone text,
    payload jsonb,
    trace text
);
