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

-- Keep a draft; one of the same name takes the place of an earlier one. Returns its number.
create or replace function keep_campaign_draft(organization uuid, instance uuid, turn bigint, draft jsonb) returns bigint
language sql
as $$
    insert into campaigns as c (organization_id, instance_id, turn_id, name, segment, body, reach)
    values (organization, instance, turn, draft ->> 'name', draft -> 'segment', draft ->> 'body',
        (draft ->> 'reach')::integer)
    on conflict (instance_id, lower(name)) where state = 'draft' do update
    set segment = excluded.segment, body = excluded.body, reach = excluded.reach, turn_id = excluded.turn_id,
        changed_at = now()
    returning c.id
$$;
