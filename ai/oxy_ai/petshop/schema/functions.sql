-- Facts for the prompt of the customers' assistant (oxy_ai.petshop.prompts.Facts). The catalog is text: the key under
-- which workers cache its parsed form.
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
