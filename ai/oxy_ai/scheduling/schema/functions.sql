-- Let one transaction at a time change an organization's bookings, overlays or offer, until it ends. A lock of the agenda
-- is taken after that of a conversation; rows of facts (facts.sql) are locked after it.
create or replace function lock_agenda(organization uuid) returns void
language sql
as $$ select pg_advisory_xact_lock(hashtextextended('agenda ' || organization, 0)) $$;

-- Everything that decides what may be booked, as oxy_ai.scheduling.agenda_document reads it; null: nothing is offered yet.
create or replace function agenda(organization uuid) returns jsonb
language plpgsql
as $$
begin
    return (
        select jsonb_build_object(
            'rules', offered_rules(b), 'hours', offered_hours(organization),
            'holidays', offered_holidays(organization), 'overlays', offered_overlays(organization),
            'resources', offered_resources(organization), 'services', offered_services(organization)
        ) from booking_rules b where b.organization_id = organization
    );
end $$;

-- The same, after all who change the agenda at this moment; nobody else changes it before the transaction ends.
create or replace function locked_agenda(organization uuid) returns jsonb
language plpgsql
as $$
begin
    perform lock_agenda(organization);
    return agenda(organization);  -- a statement of its own: it sees what the others committed
end $$;

-- Give a booking these resources from start to end, instead of those that it has.
create or replace function take_resources(
    organization uuid, booking bigint, resources bigint[], start timestamptz, until timestamptz
) returns void
language sql
as $$
    delete from booking_resources t where t.organization_id = organization and t.booking_id = booking;
    insert into booking_resources (organization_id, booking_id, resource_id, starts_at, busy_until)
    select organization, booking, r, start, until from unnest(resources) r;
$$;

-- Cancel a booking; its time is free.
create or replace function cancel_booking(organization uuid, booking bigint) returns void
language sql
as $$
    delete from booking_resources t where t.organization_id = organization and t.booking_id = booking;
    update bookings b set status = 'cancelled', changed_at = now()
    where b.organization_id = organization and b.id = booking;
$$;

-- Whether a booking is a visit, once its time has come: it was neither cancelled, nor did nobody come.
create or replace function is_visit(b bookings) returns boolean
language sql immutable parallel safe
as $$ select b.status not in ('cancelled', 'no_show') $$;

-- Booking rules, with durations in seconds.
create or replace function offered_rules(b booking_rules) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'step', extract(epoch from b.step)::bigint, 'min_notice', extract(epoch from b.min_notice)::bigint,
        'horizon', extract(epoch from b.horizon)::bigint, 'cancel_notice', extract(epoch from b.cancel_notice)::bigint,
        'max_coming', b.max_coming, 'holiday_kinds', b.holiday_kinds, 'holiday_state', b.holiday_state,
        'optional_holidays', b.optional_holidays
    )
$$;

create or replace function offered_hours(organization uuid) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'opens', h.opens, 'closes', h.closes)
        order by h.weekday, h.opens), '[]')
    from opening_hours h where h.organization_id = organization
$$;

create or replace function offered_holidays(organization uuid) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(jsonb_build_object('day', h.day, 'name', h.name, 'hours', h.hours)), '[]')
    from holidays h where h.organization_id = organization
$$;

-- Oldest first.
create or replace function offered_overlays(organization uuid) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'kind', o.kind, 'begins', o.begins, 'ends', o.ends, 'hours', o.hours, 'resource', o.resource_id,
        'reason', o.reason, 'made_by', o.made_by
    ) order by o.id), '[]')
    from overlays o where o.organization_id = organization
$$;

create or replace function offered_resources(organization uuid) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'key', r.key, 'name', r.name, 'kind', r.kind, 'hours', case when r.own_hours then (
            select coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'opens', h.opens, 'closes', h.closes)
                order by h.weekday, h.opens), '[]')
            from resource_hours h where h.organization_id = organization and h.resource_id = r.id
        ) end
    ) order by r.id), '[]')
    from resources r where r.organization_id = organization and r.active
$$;

-- In the order in which they were first offered.
create or replace function offered_services(organization uuid) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', s.id, 'key', s.key, 'name', s.name, 'price_cents', s.price_cents,
        'duration_minutes', s.duration_minutes, 'buffer_minutes', s.buffer_minutes, 'groups', (
            select jsonb_agg(g.members order by g.need) from (
                select n.need, jsonb_agg(n.resource_id order by n.resource_id) as members from service_resources n
                where n.organization_id = organization and n.service_id = s.id group by n.need
            ) g
        )
    ) order by s.id), '[]')
    from services s where s.organization_id = organization and s.active
$$;

-- The agenda stays true when a customer is forgotten: when, what for and for how much, but not for whom.
create or replace function forget_in_bookings(organization uuid, contacts bigint[], conversations bigint[]) returns void
language sql
as $$
    update bookings b set subject = '', subject_id = null, turn_id = null
    where b.organization_id = organization and b.contact_id = any (contacts)
        and (b.subject <> '' or b.subject_id is not null or b.turn_id is not null)
$$;
