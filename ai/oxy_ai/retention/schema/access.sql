-- Workers reach the queue only by functions of oxy_scheduler.

revoke all on retention_queue from public, oxy_app, oxy_scheduler;
grant select, insert, update on retention_queue to oxy_scheduler;
