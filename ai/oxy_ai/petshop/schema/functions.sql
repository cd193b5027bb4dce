-- What the customers' assistant knows before a turn (oxy_ai.petshop.prompts.Facts). The catalog is text, so that a worker
-- recognises one that it has read before.
create or replace function petshop_facts(organization uuid, contact bigint) returns jsonb
language plpgsql
as $$
begin
    perform enter_org(organization);
    return jsonb_build_object(
        'catalog', (select c.document::text from catalogs c where c.organization_id = organization),
        'bookings', coming_bookings(organization, contact)
    );
end $$;
