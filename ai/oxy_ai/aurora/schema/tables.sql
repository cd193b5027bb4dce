-- What Aurora keeps for owners.

-- Messages to many customers that were thought of: drafts, which nobody has approved, and of which nothing is sent.
create table campaigns (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    instance_id uuid not null,  -- that would send it
    name text not null,
    segment jsonb not null,  -- what its recipients have in common: criteria by name (oxy_ai.aurora.customers.segment)
    body text not null,  -- with variables in braces
    state text not null default 'draft' check (state in ('draft')),
    reach integer not null check (reach >= 0),  -- recipients, as counted when it was drafted
    turn_id bigint,  -- in which it was thought of, which may be gone
    created_at timestamptz not null default now(),
    changed_at timestamptz,
    primary key (organization_id, id),
    foreign key (organization_id, instance_id) references instances
);
create unique index campaigns_draft on campaigns (instance_id, lower(name)) where state = 'draft';
