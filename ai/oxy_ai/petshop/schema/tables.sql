-- The pet shop's catalog, as its owner applied it.

create table catalogs (
    organization_id uuid primary key references organizations,
    document jsonb not null,  -- as applied: oxy_ai.petshop.catalog.Catalog
    applied_at timestamptz not null default now()
);
