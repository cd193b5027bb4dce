-- Grants and policies of the erasures' tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('erasures', 'erased_addresses');

revoke all on erasure_queue from public, oxy_app, oxy_scheduler;
grant select, insert, update, delete on erasure_queue to oxy_scheduler;
