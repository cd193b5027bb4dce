-- Grants of the events' tables: only functions of oxy_scheduler use them.

revoke all on event_queue, event_publisher, event_allowance from public, oxy_app, oxy_scheduler;
grant select, insert, update, delete on event_queue, event_allowance to oxy_scheduler;
grant select, update on event_publisher to oxy_scheduler;
