-- What a barber offers, as he wrote it.

create table barber_lists (
    organization_id uuid primary key references organizations,
    document jsonb not null
);
