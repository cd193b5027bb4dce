-- What customers answer to a text that asks whether they come.

-- Bookings that a contact was asked about and has not answered for, or has in this turn, and that are not over, as the turn
-- sees them: oxy_ai.records.AskedBooking, by time. Who was not asked costs a look into an index of those who were.
-- Without sequential scans, as `recount`.
create or replace function asked_about(v conversations, t turns, moment timestamptz) returns jsonb
language plpgsql stable set enable_seqscan to off
as $$
begin
    if not exists (
        select from automation_occurrences n
        join bookings b on b.organization_id = n.organization_id and b.id = n.booking_id
        where n.organization_id = v.organization_id and n.contact_id = v.contact_id and n.asks and b.ends_at > moment
    ) then
        return '[]';
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'occurrence', n.id, 'booking', n.booking_id, 'service', s.name, 'subject', b.subject, 'starts_at', b.starts_at,
            'message', o.whatsapp_id, 'asked_seconds', extract(epoch from moment - asked_at(o)),
            'newest', is_newest_word(v, o), 'has_begun', b.starts_at <= moment, 'answer', n.answer, 'outcome', n.outcome
        ) order by b.starts_at, n.id), '[]')
        from automation_occurrences n
        join bookings b on b.organization_id = n.organization_id and b.id = n.booking_id
        join services s on s.organization_id = b.organization_id and s.id = b.service_id
        join outbox o on o.organization_id = n.organization_id and o.id = n.outbox_id
        where n.organization_id = v.organization_id and n.contact_id = v.contact_id and n.asks and b.ends_at > moment
            and (n.answer_turn = t.id or is_asked(n, b)) and asked_at(o) is not null
    );
end $$;

-- Whether a customer may still answer for a booking: it is as it was told.
create or replace function is_asked(n automation_occurrences, b bookings) returns boolean
language sql immutable parallel safe
as $$ select n.answer is null and b.status = 'confirmed' and b.starts_at = n.starts_at $$;

-- Whether the business has said nothing in a chat after a text but what asks as well.
create or replace function is_newest_word(v conversations, o outbox) returns boolean
language plpgsql stable set enable_seqscan to off
as $$
begin
    return exists (
        select from messages q where q.outbox_id = o.id and q.conversation_id = v.id and not exists (
            select from messages m
            where m.conversation_id = v.id and m.place >= q.place and m.id > q.id and m.author <> 'customer'
                and was_said(m) and not exists (
                    select from automation_occurrences a
                    where a.organization_id = v.organization_id and a.outbox_id = m.outbox_id and a.asks
                )
        )
    );
end $$;

-- Whether a reaction to the message `target` may answer for a booking: nobody else's would open a turn. A text whose id is
-- not known yet may be the one.
create or replace function may_confirm(v conversations, target text) returns boolean
language plpgsql stable set enable_seqscan to off
as $$
begin
    return exists (
        select from automation_occurrences n
        join bookings b on b.organization_id = n.organization_id and b.id = n.booking_id
        join outbox o on o.organization_id = n.organization_id and o.id = n.outbox_id
        where n.organization_id = v.organization_id and n.contact_id = v.contact_id and n.asks
            and b.ends_at > clock_timestamp() and is_asked(n, b) and coalesce(o.whatsapp_id = target, true)
    );
end $$;

-- Whether a turn may act on what its customer has answered, under the lock of his conversation: he has neither taken it
-- back nor sent anything else, though it be a voice note that nobody has heard yet.
-- Without sequential scans, as `recount`.
create or replace function may_answer_for(v conversations, turn bigint) returns boolean
language plpgsql set enable_seqscan to off
as $$
begin
    return not has_settled_input(turn) and not exists (
        select from messages m where m.conversation_id = v.id and m.state = 'open' and m.turn_id is null
    );
end $$;

-- Which of these occurrences a customer may still answer for, whose agenda is locked.
create or replace function still_asked(organization uuid, numbers bigint[]) returns setof bigint
language sql
as $$
    select n.id from automation_occurrences n
    join bookings b on b.organization_id = n.organization_id and b.id = n.booking_id
    where n.organization_id = organization and n.id = any (numbers) and is_asked(n, b)
$$;

-- Note what a customer has answered for these occurrences in a turn (`how`: confirmed, cancelled, too_late), and what he
-- is told; once. A confirmed booking knows it.
create or replace function answer_for(organization uuid, turn bigint, numbers bigint[], how text, told text, who text)
returns void
language sql
as $$
    with answered as (
        update automation_occurrences n set answer = how, answer_turn = turn, outcome = told
        where n.organization_id = organization and n.id = any (numbers) and n.answer is null
        returning n.booking_id
    ), confirmed as (
        update bookings b set confirmed_at = clock_timestamp()
        from answered a where how = 'confirmed' and b.organization_id = organization and b.id = a.booking_id
    )
    insert into audit_log (organization_id, actor, action, turn_id, detail)
    select organization, who, 'booking_' || how, turn, 'booking:' || a.booking_id from answered a
$$;
