-- Grants and policies of Aurora's tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('campaigns');
