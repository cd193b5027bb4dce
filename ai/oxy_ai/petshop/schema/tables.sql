-- The catalog of a pet shop, as its owner applied it.

create table catalogues (
    organization_id uuid primary key references organizations,
    document jsonb not null,  -- as applied: oxy_ai.petshop.catalogue.Catalogue
    applied_at timestamptz not null default now()
);
