-- Who may use the tables of the pet shop (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('catalogs');
