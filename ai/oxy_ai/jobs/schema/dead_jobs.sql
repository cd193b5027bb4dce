-- Jobs that failed for good: told to the owner, listed, replayed and dropped.

-- Note for the owner that a job is dead: once a day for each kind, because a campaign may have thousands. One that a person
-- had replayed is told again.
create or replace function note_dead_job(j jobs) returns void
language plpgsql
as $$
declare
    about text := format('jobs:%s:%s', j.kind, (j.finished_at at time zone 'UTC')::date);
begin
    if j.replayed then
        delete from owner_notices n
        where n.organization_id = j.organization_id and n.instance_id = j.instance_id and n.kind = 'job_dead'
            and n.reference = about and n.outbox_id is not null;
    end if;
    perform note_for_owner(j.organization_id, j.instance_id, 'job_dead', about);
end $$;

-- Dead jobs of an organization in the order of their ids, those after `after`, up to `how_many`; of one instance or kind
-- (null: of all).
create or replace function dead_jobs(
    organization uuid, after bigint, how_many integer, of_instance uuid default null, of_kind text default null
) returns table (
    job bigint, instance uuid, kind text, key text, lane lane, contact bigint, reason text, attempts integer,
    planned_at timestamptz, created_at timestamptz, died_at timestamptz, payload jsonb, trace text
)
language plpgsql
as $$
begin
    perform enter_org(organization);
    return query
    select j.id, j.instance_id, j.kind, j.key, j.lane, j.contact_id, j.reason, j.attempts, j.planned_at, j.created_at,
        j.finished_at, j.payload, j.trace
    from jobs j
    where j.organization_id = organization and j.state = 'dead' and j.id > after
        and (of_instance is null or j.instance_id = of_instance) and (of_kind is null or j.kind = of_kind)
    order by j.id limit how_many;
end $$;

-- Do a dead job after all, with new attempts, because a person asked for it (`who`). It takes its old place among the
-- others of its organization. False: there is no such dead job.
create or replace function replay_job(organization uuid, job bigint, who text) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    update jobs j
    set state = 'waiting', reason = null, due_at = j.planned_at, delayed_at = null, attempts = 0, replayed = true,
        finished_at = null
    where j.organization_id = organization and j.id = job and j.state = 'dead';
    if not found then
        return false;
    end if;
    insert into audit_log (organization_id, actor, action, detail) values (organization, who, 'job_replayed', 'job:' || job);
    return true;
end $$;

-- Give a dead job up. False: there is no such dead job.
create or replace function drop_job(organization uuid, job bigint, who text) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    update jobs j set state = 'dropped' where j.organization_id = organization and j.id = job and j.state = 'dead';
    if not found then
        return false;
    end if;
    insert into audit_log (organization_id, actor, action, detail) values (organization, who, 'job_dropped', 'job:' || job);
    return true;
end $$;
