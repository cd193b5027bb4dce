-- Grants and policies of the scheduling tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization(
    'booking_rules', 'services', 'resources', 'resource_hours', 'service_resources', 'opening_hours', 'holidays',
    'overlays', 'bookings', 'booking_resources'
);

select pg_temp.counts_as_facts(
    'booking_rules', 'services', 'resources', 'resource_hours', 'service_resources', 'opening_hours', 'holidays',
    'overlays', 'bookings'
);
