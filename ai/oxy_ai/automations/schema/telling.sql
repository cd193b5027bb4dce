-- What was told of what is due, and what is not told after all.

-- Let one transaction at a time tell a customer what is due, until it ends: what is due at the same time is told together.
create or replace function lock_automations_of(organization uuid, contact bigint) returns void
language sql
as $$ select pg_advisory_xact_lock(hashtextextended('automations ' || contact, 0)) $$;

-- Note that a text tells an occurrence, which may not have been planned yet.
create or replace function tell_occurrence(
    organization uuid, instance uuid, of_automation text, about text, which text, contact bigint, booking bigint,
    start timestamptz, due timestamptz, text_id uuid, is_question boolean
) returns void
language sql
as $$
    insert into automation_occurrences as o (
        organization_id, instance_id, automation, subject, occurrence, contact_id, booking_id, starts_at, due_at, state,
        outbox_id, asks, ended_at
    ) values (
        organization, instance, of_automation, about, which, contact, booking, start, due, 'told', text_id, is_question,
        clock_timestamp()
    )
    on conflict (instance_id, automation, subject, occurrence) do update
    set state = 'told', reason = null, starts_at = excluded.starts_at, outbox_id = excluded.outbox_id,
        asks = excluded.asks, ended_at = excluded.ended_at
    where o.state = 'planned' or may_be_planned(o)
$$;

-- Note that an occurrence is not told.
create or replace function drop_occurrence(organization uuid, number bigint, why text) returns void
language sql
as $$
    update automation_occurrences o set state = 'dropped', reason = why, ended_at = clock_timestamp()
    where o.organization_id = organization and o.id = number and o.state = 'planned'
$$;

-- Why a text that waits to be sent must not be; null: it may. A booking that it tells of is not as it tells; or it asks, and its
-- customer has begun to write since: his "sim" would be taken for the answer. That counts until it is released: a pod may have
-- it then, and whatever is planned again would be told twice.
create or replace function why_outdated(o outbox) returns text
language plpgsql stable
as $$
begin
    return case when o.purpose = 'booking' and exists (
        select from automation_occurrences n
        join bookings b on b.organization_id = n.organization_id and b.id = n.booking_id
        join conversations v on v.organization_id = n.organization_id and v.id = o.conversation_id
        where n.organization_id = o.organization_id and n.outbox_id = o.id and (
            b.starts_at <> n.starts_at
            or b.status <> case n.occurrence when 'missed' then 'no_show' else 'confirmed' end
            or n.asks and o.released_at is null and v.last_inbound_at > o.created_at
        )
    ) then 'Outdated' end;
end $$;

-- Why an occurrence of a booking is none any more (oxy_ai.automations.decision.Dropped); null: it may be due still. That a
-- booking was made stays so when it is moved: its new time is told.
create or replace function why_gone(n automation_occurrences, b bookings) returns text
language sql immutable parallel safe
as $$
    select case when b.status = 'cancelled' then 'cancelled'
                when b.starts_at <> n.starts_at and n.occurrence <> 'made' then 'moved' end
$$;

-- What an outdated text told beside what was moved or cancelled is planned again, and told if it is due still. Returns how
-- many are.
create or replace function tell_rest_again(organization uuid, instance uuid, since timestamptz) returns integer
language plpgsql
as $$
declare
    o automation_occurrences;
    again integer := 0;
begin
    for o in
        update automation_occurrences n
        set state = case when why_gone(n, b) is null then 'planned' else 'dropped' end, reason = why_gone(n, b),
            ended_at = case when why_gone(n, b) is not null then clock_timestamp() end, outbox_id = null, asks = false,
            plans = n.plans + 1
        from outbox x, bookings b
        where x.organization_id = organization and x.state = 'withheld' and x.closed_at > since and x.error = 'Outdated'
            and x.instance_id = instance and n.organization_id = organization and n.outbox_id = x.id
            and b.organization_id = organization and b.id = n.booking_id
        returning n.*
    loop
        continue when o.state <> 'planned';
        perform queue_occurrence(o);
        again := again + 1;
    end loop;
    return again;
end $$;
