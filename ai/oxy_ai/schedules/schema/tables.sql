-- What Aurora writes to owners without being asked.

-- When each of an instance's reports is due next, by what its settings said when they were looked at last.
create table schedules (
    organization_id uuid not null,
    instance_id uuid not null,
    name text not null,  -- oxy_ai.schedules.plan.ScheduleName
    cron text not null,
    timezone text not null,
    due_at timestamptz not null,
    last_due_at timestamptz,  -- the newest time that it has fired for
    primary key (organization_id, instance_id, name),
    foreign key (organization_id, instance_id) references instances
);

-- When an instance's schedules have to be looked at: the next is due, or its settings or its connection have changed.
-- A queue, as those of the engine: ids and times only, used by functions of oxy_scheduler.
create table schedule_queue (
    instance_id uuid primary key references instances (id),
    organization_id uuid not null references organizations,
    due_at timestamptz not null default clock_timestamp(),
    version bigint not null default 0,  -- counts up whenever something changes
    planned_at timestamptz not null default '-infinity'  -- when they were looked at last
);
create index schedule_queue_due on schedule_queue (due_at) where due_at < 'infinity';

-- What reports have told of, so that nothing is told again without a change.
create table report_causes (
    organization_id uuid not null,
    instance_id uuid not null,
    name text not null,  -- as in schedules
    about text not null,  -- a day, a service, an hour, a contact's id, a month's budget
    told_at timestamptz not null default clock_timestamp(),
    primary key (organization_id, instance_id, name, about),
    foreign key (organization_id, instance_id) references instances
);
