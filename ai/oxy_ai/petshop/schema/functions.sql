-- The form in which two numbers of one phone are equal: WhatsApp addresses many Brazilian mobiles without the ninth
-- digit that they are dialled with (as oxy_ai.assistants.rules.same_phone has it).
create or replace function phone_key(phone text) returns text
language sql immutable parallel safe
as $$ select regexp_replace(phone, '^(\+55[0-9]{2})9([0-9]{8})$', '\1\2') $$;

-- Conversations with customers: with single people who are not the instance's owners, nor the account itself.
create or replace function customer_conversations(organization uuid) returns table (id bigint)
language sql stable
as $$
    select v.id from conversations v
    join contacts c on c.organization_id = organization and c.id = v.contact_id
    join instances i on i.organization_id = organization and i.id = v.instance_id
    where v.organization_id = organization and v.merged_into is null and not v.self_chat
        and (v.chat like '%@s.whatsapp.net' or v.chat like '%@lid')
        and not exists (
            select from jsonb_array_elements_text(i.settings -> 'owners') as owners (phone)
            where phone_key(owners.phone) = phone_key(c.phone)
        )
$$;

-- What an assistant is told of the shop and of the customer: the applied catalogue, as text so that a worker may
-- recognise one that it has read before, and the coming bookings.
create or replace function petshop_facts(organization uuid, contact bigint) returns jsonb
language plpgsql
as $$
begin
    perform enter_org(organization);
    return jsonb_build_object(
        'catalogue', (select c.document::text from catalogues c where c.organization_id = organization),
        'bookings', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'service', s.name, 'pet', b.pet_name, 'starts_at', b.starts_at
            ) order by b.starts_at), '[]')
            from bookings b join services s on s.organization_id = organization and s.id = b.service_id
            where b.organization_id = organization and b.contact_id = contact and b.status = 'confirmed'
                and b.starts_at > now()
        )
    );
end $$;
