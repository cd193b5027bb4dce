-- Who is a customer of a business.

-- Conversations with customers: one-to-one chats, except those with owners and the account's chat with itself.
create or replace function customer_conversations(organization uuid) returns table (id bigint)
language sql stable
as $$
    select v.id from conversations v
    join contacts c on c.organization_id = organization and c.id = v.contact_id
    join instances i on i.organization_id = organization and i.id = v.instance_id
    where v.organization_id = organization and v.merged_into is null and not v.self_chat and is_personal(v.chat)
        and (c.phone_key is null or c.phone_key <> all (i.owner_keys))
$$;
