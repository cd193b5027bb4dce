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
