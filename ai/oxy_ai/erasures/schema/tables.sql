-- People who were forgotten (oxy_ai.erasures). Nothing here names them, but `person`, until nothing else does.

create table erasures (
    organization_id uuid not null,
    id uuid not null,  -- of the request to the pod, too
    instance_id uuid not null,
    contacts bigint[] not null,  -- whose rows stay, without the person; one, unless others were merged into it
    conversations bigint[] not null,  -- likewise
    digests text[] not null,  -- of the person's addresses (person_digest)
    person jsonb,  -- oxy_ai.erasures.records.Person: by what to find the rest; null: only the pod's part is left
    told uuid[] not null default '{}',  -- texts to owners that tell of the person
    asked_by text not null,
    made_at timestamptz not null default clock_timestamp(),
    found_at timestamptz not null default clock_timestamp(),  -- when something of it was found last (sweeps.sql); infinity: just now
    cleared_at timestamptz,  -- when database, files and bus had nothing any more
    accepted_epoch uuid,  -- the newest journal that holds the request
    done_epoch uuid,  -- the newest journal whose pod has done its part
    done_at timestamptz,
    left_behind text[] not null default '{}',  -- files on the volume that may still name the person
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances
);

-- Addresses of people who were forgotten, so that no report of before brings them back. They are kept as long as one may
-- come (oxy_ai.erasures.watch).
create table erased_addresses (
    organization_id uuid not null,
    instance_id uuid not null,
    digest text not null,
    erasure_id uuid not null,
    erased_at timestamptz not null,  -- the last time
    primary key (instance_id, digest),
    foreign key (organization_id, erasure_id) references erasures
);
create index erased_addresses_erasure on erased_addresses (organization_id, erasure_id);

-- Erasures of which something is left to do, also by the pod; at last, to forget the addresses.
create table erasure_queue (
    erasure_id uuid primary key,
    organization_id uuid not null references organizations,
    instance_id uuid not null,
    due_at timestamptz not null default clock_timestamp(),  -- while a worker has it: the end of its lease
    resting boolean not null default false  -- everything is done, but the addresses are kept until then
);
create index erasure_queue_due on erasure_queue (due_at);
