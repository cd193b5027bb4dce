-- Grants and policies of the pet shop's tables (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('catalogs', 'pets');
select pg_temp.counts_as_facts('catalogs', 'pets');
