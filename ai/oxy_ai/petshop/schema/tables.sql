-- The pet shop's catalog, as its owner applied it.

create table catalogs (
    organization_id uuid primary key references organizations,
    document jsonb not null,  -- as applied: oxy_ai.petshop.catalog.Catalog
    applied_at timestamptz not null default now()
);

-- Customers' animals (oxy_ai.petshop.pets). No unique key: two contacts who turn out to be one person keep the pets of
-- both, and whatever registers one holds the contact's conversation.
create table pets (
    organization_id uuid not null,
    id bigint generated always as identity,
    contact_id bigint not null,
    name text not null,
    species text,  -- like all that follows, null: unknown
    breed text,
    size text,
    birth text check (birth ~ '^\d{4}(-\d\d(-\d\d)?)?$'),  -- as exactly as it is known
    birthday text generated always as (nullif(substring(birth from 6), '')) stored,  -- MM-DD, or MM; null: unknown
    weight_grams integer check (weight_grams > 0),
    temperament text,
    allergies text,
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, contact_id) references contacts
);
create index pets_contact on pets (organization_id, contact_id);
create index pets_birthday on pets (organization_id, birthday) where birthday is not null;
