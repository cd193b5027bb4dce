-- Who is a customer of a business.

-- Conversations with customers: one-to-one chats, except those with owners and the account's chat with itself.
create or replace function customer_conversations(organization uuid) returns table (id bigint)
language sql stable
as $$
    select v.id from conversations v
    join contacts c on c.organization_id = organization and c.id = v.contact_id
    join instances i on i.organization_id = organization and i.id = v.instance_id
    where v.organization_id = organization and v.merged_into is null and not v.self_chat and is_personal(v.chat)
        and not is_owner_of(i, c.phone_key, v.id)
$$;

-- Whether a person is one of an instance's owners: by number, or by a hidden address of the conversation.
create or replace function is_owner_of(i instances, phone_key text, conversation bigint) returns boolean
language plpgsql stable
as $$
begin
    return coalesce(phone_key = any (i.owner_keys), false)
        or array_to_string(i.owner_keys, ' ') like '%@lid%' and exists (
            select from chat_alias a where a.conversation_id = conversation and a.jid = any (i.owner_keys)
        );
end $$;
