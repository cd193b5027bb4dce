-- Grants, policies and triggers of jobs (isolate_by_organization: ../../schema/access.sql).

select pg_temp.isolate_by_organization('jobs');

grant select (organization_id, id, lane, state, held, due_at, lease_until, fence, claims),
    update (due_at, lease_until, claimed_at, fence, claims)
    on jobs to oxy_scheduler;
revoke all on job_queue from public, oxy_app, oxy_scheduler;
grant select, insert, update on job_queue to oxy_scheduler;

-- Whatever makes a job due, or ends one, has its organization looked at (wake_jobs). Deferred to the end of the
-- transaction: the queue's row is locked last, so whoever queues a job may lock anything afterwards.
do $$
begin
    if not exists (select from pg_trigger t where t.tgrelid = 'jobs'::regclass and t.tgname = 'jobs_queued') then
        create constraint trigger jobs_queued after insert on jobs deferrable initially deferred
        for each row execute function wake_jobs();
        create constraint trigger jobs_moved after update on jobs deferrable initially deferred
        for each row when (new.lease_until is null and not new.held and (
            old.lease_until is not null or old.held or old.due_at <> new.due_at or old.state <> new.state
        )) execute function wake_jobs();
    end if;
end $$;

-- Whatever may have given a number room has those jobs looked at that wait for it (look_for_room). At the end of the
-- transaction as well: jobs are locked last.
do $$
begin
    if not exists (select from pg_trigger t where t.tgname = 'look_for_room' and t.tgrelid = 'instances'::regclass) then
        create constraint trigger look_for_room after update on instances deferrable initially deferred
        for each row when (
            (old.settings -> 'limits', old.settings -> 'timezone', old.settings #> '{ai,enabled}',
                old.settings #> '{ai,paused}', old.settings #> '{ai,mode}')
            is distinct from (new.settings -> 'limits', new.settings -> 'timezone', new.settings #> '{ai,enabled}',
                new.settings #> '{ai,paused}', new.settings #> '{ai,mode}')
        ) execute function look_for_room('id');
        create constraint trigger look_for_room after update on reputation deferrable initially deferred
        for each row when (old.paused_at is not null and new.paused_at is null)
        execute function look_for_room('instance_id');
        create constraint trigger look_for_room after update on connection_states deferrable initially deferred
        for each row when (old.state <> 'connected' and new.state = 'connected')
        execute function look_for_room('instance_id');
    end if;
    if not exists (
        select from pg_trigger t where t.tgname = 'look_for_room_thawed' and t.tgrelid = 'instances'::regclass
    ) then
        create constraint trigger look_for_room_thawed after update on instances deferrable initially deferred
        for each row when (
            old.settings #> '{frozen,hold}' is not null and new.settings #> '{frozen,hold}' is null
        ) execute function look_for_room('id');
    end if;
end $$;
