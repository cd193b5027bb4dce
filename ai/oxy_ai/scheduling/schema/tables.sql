-- Tables for any business with appointments: services, who or what performs them, opening hours, bookings.

create table booking_rules (
    organization_id uuid primary key references organizations,
    step interval not null check (step > interval '0'),  -- between possible starts
    min_notice interval not null check (min_notice >= interval '0'),
    horizon interval not null check (horizon > interval '0')
);

create table services (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    key text not null,
    name text not null,
    price_cents integer not null check (price_cents >= 0),
    duration_minutes integer not null check (duration_minutes > 0),
    buffer_minutes integer not null check (buffer_minutes >= 0),
    active boolean not null default true,
    primary key (organization_id, id),
    unique (organization_id, key)
);

create table resources (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    key text not null,
    name text not null,
    active boolean not null default true,
    primary key (organization_id, id),
    unique (organization_id, key)
);

create table service_resources (
    organization_id uuid not null,
    service_id bigint not null,
    resource_id bigint not null,
    primary key (organization_id, service_id, resource_id),
    foreign key (organization_id, service_id) references services,
    foreign key (organization_id, resource_id) references resources
);

create table opening_hours (
    organization_id uuid not null references organizations,
    weekday smallint not null check (weekday between 1 and 7),  -- ISO: Monday is 1
    opens time not null,
    closes time not null check (closes > opens),
    primary key (organization_id, weekday, opens)
);

create table holidays (
    organization_id uuid not null references organizations,
    day date not null,
    name text not null,
    primary key (organization_id, day)
);

create table bookings (
    organization_id uuid not null,
    id bigint generated always as identity,
    contact_id bigint not null,
    turn_id bigint,
    service_id bigint not null,
    resource_id bigint not null,
    subject text not null,  -- for whom or what, in the words of the vertical
    price_cents integer not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    busy_until timestamptz not null check (busy_until >= ends_at),  -- with the buffer
    during tstzrange generated always as (tstzrange(starts_at, busy_until)) stored,
    status text not null default 'confirmed' check (status in ('confirmed', 'cancelled', 'done')),
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, contact_id) references contacts,
    foreign key (organization_id, turn_id) references turns,
    foreign key (organization_id, service_id) references services,
    foreign key (organization_id, resource_id) references resources,
    -- int8range makes equality of the resource a range operator, so that no extension is needed.
    constraint bookings_no_overlap exclude using gist (
        int8range(resource_id, resource_id, '[]') with &&, during with &&
    ) where (status <> 'cancelled')
);
create index bookings_agenda on bookings (organization_id, resource_id, starts_at) where status <> 'cancelled';
create index bookings_starts on bookings (organization_id, starts_at);
create index bookings_contact on bookings (organization_id, contact_id, starts_at);
