-- A contact's confirmed future bookings, earliest first: a jsonb array of {service, subject, starts_at}.
create or replace function coming_bookings(organization uuid, contact bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'service', s.name, 'subject', b.subject, 'starts_at', b.starts_at
        ) order by b.starts_at), '[]')
        from bookings b join services s on s.organization_id = organization and s.id = b.service_id
        where b.organization_id = organization and b.contact_id = contact and b.status = 'confirmed'
            and b.starts_at > now()
    );
end $$;
