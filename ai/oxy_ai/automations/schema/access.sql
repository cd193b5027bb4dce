-- Grants and policies of the automations' tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('automations', 'automation_occurrences');

revoke all on automation_queue from public, oxy_app, oxy_scheduler;
grant select, insert, update, delete on automation_queue to oxy_scheduler;
