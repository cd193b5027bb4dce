-- Customers as a business may think of them without being asked.

-- An instance's customers, one row each: neither owners, nor family and friends.
create or replace function customers_of(organization uuid, instance uuid) returns setof contacts
language sql stable
as $$
    select c.* from contacts c
    where c.organization_id = organization and c.instance_id = instance and not is_private(c) and c.id in (
        select v.contact_id from customer_conversations(organization) u
        join conversations v on v.organization_id = organization and v.id = u.id
    )
$$;

-- When a contact wrote to the business first; null: he never did.
create or replace function wrote_first_at(c contacts) returns timestamptz
language sql stable
as $$
    select min(f.sent_at) from conversations v cross join lateral (
        select m.sent_at from messages m where m.conversation_id = v.id and m.author = 'customer'
        order by m.place, m.id limit 1
    ) f
    where v.organization_id = c.organization_id and v.contact_id = c.id
$$;

-- When a contact came last, as of `moment`; null: he never did.
create or replace function last_visit_at(c contacts, moment timestamptz) returns timestamptz
language sql stable
as $$
    select max(b.starts_at) from bookings b
    where b.organization_id = c.organization_id and b.contact_id = c.id and b.starts_at <= moment and is_visit(b)
$$;
