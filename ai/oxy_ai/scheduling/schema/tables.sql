-- Tables for any business with appointments: services, who or what performs them, opening hours, bookings.

create table booking_rules (
    organization_id uuid primary key references organizations,
    step interval not null check (step > interval '0'),  -- between possible starts
    min_notice interval not null check (min_notice >= interval '0'),
    horizon interval not null check (horizon > interval '0'),
    cancel_notice interval not null check (cancel_notice >= interval '0'),
    max_coming integer not null check (max_coming > 0),  -- coming bookings of one contact
    -- Public holidays on which the business is closed (oxy_ai.scheduling.public_holidays).
    holiday_kinds text[] not null,
    holiday_state text,
    optional_holidays text[] not null
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
    kind text not null check (kind in ('staff', 'room', 'equipment')),
    own_hours boolean not null default false,  -- has rows in resource_hours; there are weekdays without any
    active boolean not null default true,
    primary key (organization_id, id),
    unique (organization_id, key)
);

-- When a resource with hours of its own is there, within the opening hours.
create table resource_hours (
    organization_id uuid not null,
    resource_id bigint not null,
    weekday smallint not null check (weekday between 1 and 7),  -- ISO: Monday is 1
    opens time not null,
    closes time not null check (closes > opens),
    primary key (organization_id, resource_id, weekday, opens),
    foreign key (organization_id, resource_id) references resources
);

-- A service needs one resource of each group.
create table service_resources (
    organization_id uuid not null,
    service_id bigint not null,
    need smallint not null,  -- number of the group
    resource_id bigint not null,
    primary key (organization_id, service_id, need, resource_id),
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

-- The business's own, besides the public ones.
create table holidays (
    organization_id uuid not null references organizations,
    day date not null,
    name text not null,
    hours text[] not null default '{}',  -- HH:MM-HH:MM; none: closed
    primary key (organization_id, day)
);

-- Dated changes beside the catalog: closed days, blocked slots, other hours.
create table overlays (
    organization_id uuid not null references organizations,
    id bigint generated always as identity,
    kind text not null check (kind in ('closed', 'blocked', 'hours')),
    begins timestamp not null,  -- local time of the business; whole days unless blocked
    ends timestamp not null check (ends > begins),
    hours text[] not null default '{}' check (kind = 'hours' or hours = '{}'),  -- HH:MM-HH:MM
    resource_id bigint,  -- null: the whole business
    reason text not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, resource_id) references resources
);

create table bookings (
    organization_id uuid not null,
    id bigint generated always as identity,
    contact_id bigint not null,
    turn_id bigint,  -- in which it was made, which may be gone
    service_id bigint not null,
    wished_resource_id bigint,  -- the customer wants this one; kept when the booking is moved
    subject text not null,  -- for whom or what, in the words of the vertical
    subject_id bigint,  -- the vertical's row for it, if it has one
    price_cents integer not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    status text not null default 'confirmed' check (status in ('confirmed', 'cancelled', 'done', 'no_show')),
    created_at timestamptz not null default now(),
    changed_at timestamptz,  -- moved or cancelled, the last time
    confirmed_at timestamptz,  -- when the customer said last that he comes then; null: not since it was made or moved
    primary key (organization_id, id),
    foreign key (organization_id, contact_id) references contacts,
    foreign key (organization_id, service_id) references services,
    foreign key (organization_id, wished_resource_id) references resources
);
create index bookings_starts on bookings (organization_id, starts_at);
create index bookings_created on bookings (organization_id, created_at);
create index bookings_cancelled on bookings (organization_id, changed_at) where status = 'cancelled';
create index bookings_missed on bookings (organization_id, changed_at) where status = 'no_show';
create index bookings_contact on bookings (organization_id, contact_id, starts_at);

-- What a booking takes; nothing once it is cancelled.
create table booking_resources (
    organization_id uuid not null,
    booking_id bigint not null,
    resource_id bigint not null,
    starts_at timestamptz not null,
    busy_until timestamptz not null check (busy_until > starts_at),  -- with the buffer
    during tstzrange generated always as (tstzrange(starts_at, busy_until)) stored,
    primary key (organization_id, booking_id, resource_id),
    foreign key (organization_id, booking_id) references bookings on delete cascade,
    foreign key (organization_id, resource_id) references resources,
    -- Resource ids are unique among all organizations. int8range makes their equality a range operator, so that no
    -- extension is needed.
    constraint bookings_no_overlap exclude using gist (
        int8range(resource_id, resource_id, '[]') with &&, during with &&
    )
);
create index booking_resources_agenda on booking_resources (organization_id, resource_id, starts_at);
