-- When the data of each organization is next looked through for what has been kept long enough. A queue, as those of the
-- engine: ids and times only, used by functions of oxy_scheduler.
create table retention_queue (
    organization_id uuid primary key references organizations,
    due_at timestamptz not null default clock_timestamp()  -- while a worker has it: the end of its lease
);

-- What looking through one batch came to.
create type retention_step as (
    deleted integer,  -- rows; of files: how many are to be deleted
    position text,  -- of the last row that was looked at
    more boolean  -- whether there may be others behind it
);
