-- What contacts want, and who is never answered.

-- Whether a contact is family or a friend, by its own mark or by the catalog's list.
create or replace function is_private(c contacts) returns boolean
language plpgsql stable
as $$
begin
    return c.private or exists (
        select from private_numbers p where p.organization_id = c.organization_id and p.phone_key = c.phone_key
    );
end $$;

-- Replace the numbers of people whom no instance of the organization answers.
create or replace function list_private(organization uuid, keys text[]) returns void
language plpgsql
as $$
begin
    delete from private_numbers p where p.organization_id = organization and p.phone_key <> all (keys);
    insert into private_numbers (organization_id, phone_key)
    select distinct organization, k from unnest(keys) k on conflict do nothing;
end $$;
