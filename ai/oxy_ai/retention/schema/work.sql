-- Work that has ended, dead letters that nobody has looked at, and who has changed what.

create or replace function expire_jobs(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many,
        coalesce(array_agg(f.id) filter (where f.instance_id = instance), '{}')
    into step.position, step.more, ids
    from (
        select j.id, j.instance_id, retention_position(j.finished_at, j.id) as position from jobs j
        where j.organization_id = organization and j.finished_at < older
            and (j.finished_at, j.id) > (position_time(after), position_number(after))
        order by j.finished_at, j.id limit how_many
    ) f;
    ids := array(
        select j.id from jobs j
        where j.organization_id = organization and j.id = any (ids) and j.state in ('done', 'cancelled', 'dropped')
        for update skip locked
    );
    delete from jobs j where j.organization_id = organization and j.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

-- Drop jobs that have been dead letters for too long: then they are as any other that has ended.
create or replace function drop_old_jobs(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
begin
    select coalesce(max(f.position), after), count(*) = how_many,
        count(*) filter (where f.instance_id = instance and drop_job(organization, f.id, 'retention'))
    into step.position, step.more, step.deleted
    from (
        select j.id, j.instance_id, retention_position(j.finished_at, j.id) as position from jobs j
        where j.organization_id = organization and j.state = 'dead' and j.finished_at < older
            and (j.finished_at, j.id) > (position_time(after), position_number(after))
        order by j.finished_at, j.id limit how_many
    ) f;
    return step;
end $$;

create or replace function drop_old_turns(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
begin
    select coalesce(max(f.position), after), count(*) = how_many,
        count(*) filter (where f.instance_id = instance and not f.is_asked_for
                             and drop_turn(organization, f.id, 'retention') = 'dropped')
    into step.position, step.more, step.deleted
    from (
        select t.id, t.instance_id, t.replay_asked is not null as is_asked_for,
            retention_position(t.finished_at, t.id) as position
        from turns t
        where t.organization_id = organization and t.state = 'dead' and t.finished_at < older
            and (t.finished_at, t.id) > (position_time(after), position_number(after))
        order by t.finished_at, t.id limit how_many
    ) f;
    return step;
end $$;

-- Reports that could not be stored: once the bus has discarded them, too.
create or replace function expire_dead_reports(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many,
        coalesce(array_agg(f.id) filter (where f.instance_id = instance and f.died_at < older), '{}')
    into step.position, step.more, ids
    from (
        select d.id, d.instance_id, d.died_at, numbered_position(d.id) as position from dead_reports d
        where d.organization_id = organization and d.id > position_number(after) order by d.id limit how_many
    ) f;
    ids := array(
        select d.id from dead_reports d
        where d.organization_id = organization and d.id = any (ids) and d.discarded_at is not null
            and not is_untold(organization, 'report:' || d.id, older)
        for update skip locked
    );
    perform forget_notices_about(organization, array(select 'report:' || i from unnest(ids) i), older);
    delete from dead_reports d where d.organization_id = organization and d.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

-- Of the whole organization: an entry names no instance.
create or replace function expire_audit(organization uuid, older timestamptz, after text, how_many integer)
returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many and bool_or(f.at < older),
        coalesce(array_agg(f.id) filter (where f.at < older), '{}')
    into step.position, step.more, ids
    from (
        select a.id, a.at, numbered_position(a.id) as position from audit_log a
        where a.organization_id = organization and a.id > position_number(after) order by a.id limit how_many
    ) f;
    delete from audit_log a where a.organization_id = organization and a.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;
