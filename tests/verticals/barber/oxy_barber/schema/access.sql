select pg_temp.isolate_by_organization('barber_lists');
select pg_temp.counts_as_facts('barber_lists');
