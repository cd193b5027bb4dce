-- Grants and policies of schedules (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('schedules', 'report_causes');

revoke all on schedule_queue from public, oxy_app, oxy_scheduler;
grant select, insert, update on schedule_queue to oxy_scheduler;

do $$
begin
    if not exists (select from pg_trigger t where t.tgrelid = 'instances'::regclass and t.tgname = 'plan_schedules') then
        create trigger plan_schedules after insert or update of settings, closed_at on instances
        for each row execute function plan_schedules_of_row();
    end if;
    if not exists (
        select from pg_trigger t where t.tgrelid = 'connection_states'::regclass and t.tgname = 'plan_schedules'
    ) then
        create trigger plan_schedules after update of outage_until on connection_states
        for each row when (old.outage_until is distinct from new.outage_until) execute function plan_schedules_of_row();
    end if;
end $$;
