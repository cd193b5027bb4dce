-- What a business writes to its customers by itself, and each time that it was due.

create table automations (
    organization_id uuid not null references organizations,
    instance_id uuid not null,
    name text not null,
    definition jsonb not null,  -- oxy_ai.automations.definition.Automation
    enabled boolean not null,
    since timestamptz not null default clock_timestamp(),  -- enabled, disabled or changed last: what was due long before is none of its
    changed_by text not null,
    primary key (instance_id, name),
    foreign key (organization_id, instance_id) references instances
);
create index automations_organization on automations (organization_id, instance_id);

-- What is due, or was. It is named after its automation, which may be removed and come again: nothing is told twice.
create table automation_occurrences (
    organization_id uuid not null,
    id bigint generated always as identity,
    instance_id uuid not null,
    automation text not null,
    subject text not null,  -- what it is about: booking:<id>, contact:<id>, or the vertical's row
    occurrence text not null,  -- which time of it
    contact_id bigint not null,
    booking_id bigint,
    starts_at timestamptz,  -- of the booking, as it is told
    due_at timestamptz not null,
    state text not null default 'planned' check (state in ('planned', 'told', 'dropped')),
    reason text,  -- oxy_ai.automations.decision.Dropped
    plans smallint not null default 1,  -- times that it was planned: what was dropped may be so again
    outbox_id uuid,  -- the text that tells it, maybe with others; retention may have deleted it
    asks boolean not null default false,  -- whether that text asks to confirm the booking
    answer text check (answer in ('confirmed', 'cancelled', 'too_late')),
    answer_turn bigint,  -- in which the customer answered
    outcome text,  -- what he was told then
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    primary key (organization_id, id),
    unique (instance_id, automation, subject, occurrence),
    check ((state = 'dropped') = (reason is not null)),
    check ((state = 'told') = (outbox_id is not null)),
    check ((state = 'planned') = (ended_at is null)),
    check ((answer is null) = (answer_turn is null)),
    foreign key (organization_id, instance_id) references instances,
    foreign key (organization_id, contact_id) references contacts,
    foreign key (organization_id, booking_id) references bookings
);
create index automation_occurrences_contact on automation_occurrences (organization_id, contact_id, due_at);
create index automation_occurrences_booking on automation_occurrences (organization_id, booking_id)
where booking_id is not null;
create index automation_occurrences_text on automation_occurrences (organization_id, outbox_id) where outbox_id is not null;
create index automation_occurrences_due on automation_occurrences (organization_id, instance_id, due_at);
create index automation_occurrences_asking on automation_occurrences (organization_id, contact_id, starts_at) where asks;

-- Instances with something enabled, and when a worker looks next for what is due. Not under row-level security; only
-- functions of oxy_scheduler use it.
create table automation_queue (
    instance_id uuid primary key,
    organization_id uuid not null references organizations,
    ready_at timestamptz not null default clock_timestamp(),
    planned_until timestamptz  -- what was due until then was found; null: nothing was looked for yet
);
create index automation_queue_ready on automation_queue (ready_at);
