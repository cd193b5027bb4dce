-- Jobs that failed for good: told to the owner, listed, replayed and dropped.

-- Note for the owner that a job is dead: of each contact who should have got a message by himself, of anything else once a
-- day for each kind of job, because a campaign may have thousands. One that a person had replayed is told again.
create or replace function note_dead_job(j jobs) returns void
language plpgsql
as $$
declare
    told_as text := case when j.lane = 'campaign' then 'campaign_job_dead'
                         when j.contact_id is null then 'job_dead' else 'contact_job_dead' end;
    about text := case when told_as = 'contact_job_dead' then 'job:' || j.id
                       else format('jobs:%s:%s', j.kind, (j.finished_at at time zone 'UTC')::date) end;
begin
    if j.replayed then
        delete from owner_notices n
        where n.organization_id = j.organization_id and n.instance_id = j.instance_id and n.kind = told_as
            and n.reference = about and n.outbox_id is not null;
    end if;
    perform note_for_owner(j.organization_id, j.instance_id, told_as, about);
end $$;

-- A page of the dead jobs of all organizations, or of one, the first death first: those after (`since`, `last`) that had
-- died by `until`. `only_at`: only those of instances of this name. Each page asks every organization's index once.
create or replace function dead_jobs(
    only_of uuid, only_at text, since timestamptz, last bigint, until timestamptz, how_many integer
) returns setof dead_job
language sql
as $$
    select d.* from (select k from known_organizations() k where only_of is null or k = only_of) o,
        dead_jobs_of(o.k, only_at, since, last, until, how_many) d
    order by d.at, d.job limit how_many
$$;

create or replace function dead_jobs_of(
    owner uuid, only_at text, since timestamptz, last bigint, until timestamptz, how_many integer
) returns setof dead_job
language plpgsql
as $$
begin
    perform enter_org(owner);
    return query
    select d.* from jobs j, dead_job_of(owner, j.id) d
    where j.organization_id = owner and j.state = 'dead' and (j.finished_at, j.id) > (since, last)
        and j.finished_at <= until and (only_at is null or d.instance = only_at)
    order by j.finished_at, j.id limit how_many;
end $$;

-- A dead job as it is listed; no row: there is none with this id.
create or replace function dead_job_of(owner uuid, wanted bigint) returns setof dead_job
language sql stable
as $$
    select j.id, o.name, i.name, j.kind, j.key, j.lane, j.reason, j.attempts, j.planned_at, j.finished_at, c.phone,
        j.payload, j.trace
    from jobs j
    join organizations o on o.id = owner
    join instances i on i.organization_id = owner and i.id = j.instance_id
    left join contacts c on c.organization_id = owner and c.id = j.contact_id
    where j.organization_id = owner and j.id = wanted and j.state = 'dead'
$$;

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
