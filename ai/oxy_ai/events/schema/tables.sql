-- Events for integrators (oxy_ai.events), from the transaction that stores what they tell until the bus has them, and
-- longer, so that a report that comes again is told once. Nothing here names a person or repeats what one wrote.

create table event_queue (
    number bigint generated always as identity primary key,  -- of one instance: in the order in which they were stored
    organization_id uuid not null references organizations,
    instance_id uuid not null,
    report_id uuid not null,
    document jsonb not null,  -- oxy_core.events.Event
    stored_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    granted boolean,  -- null: not looked at yet; false: dropped, its instance has told too much
    unique (instance_id, report_id)
);
create index event_queue_waiting on event_queue (number) where published_at is null;
create index event_queue_by_age on event_queue (stored_at);

-- How many events an instance may still tell, and how many were dropped that nobody was told of.
create table event_allowance (
    instance_id uuid primary key,
    organization_id uuid not null references organizations,
    allowed double precision not null,
    counted_at timestamptz not null default clock_timestamp(),
    dropped bigint not null default 0,
    told_at timestamptz not null default '-infinity'
);
create index event_allowance_untold on event_allowance (told_at) where dropped > 0;

-- Which worker publishes, so that the events of an instance stay in order. One row.
create table event_publisher (
    one boolean primary key default true check (one),
    holder uuid,
    held_until timestamptz not null default '-infinity'
);
insert into event_publisher default values;
