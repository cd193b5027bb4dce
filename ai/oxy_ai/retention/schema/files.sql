-- Files: their bytes first, which a worker deletes wherever they are (media.sql); their rows go with their messages.

create or replace function expire_files(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    files uuid[];
begin
    select coalesce(max(p.settled_at || '|' || p.id), after), count(*) = how_many, coalesce(array_agg(p.id), '{}')
    into step.position, step.more, files
    from (
        select to_char(f.settled_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as settled_at, f.id from media f
        where f.organization_id = organization and f.instance_id = instance and f.state = 'stored'
            and f.settled_at < older
            and (f.settled_at, f.id) > (position_time(after), position_id(split_part(after, '|', 2)))
        order by f.settled_at, f.id limit how_many
    ) p;
    select count(*) filter (where expire_file(organization, instance, f.id)) into step.deleted
    from media f
    where f.organization_id = organization and f.instance_id = instance and f.id = any (files)
        and not is_file_in_use(f);
    return step;
end $$;

-- Whether an open message, a text that is still to be sent, or a campaign that has not ended needs a file.
create or replace function is_file_in_use(f media) returns boolean
language plpgsql stable
as $$
begin
    if f.direction = 'out' then
        return exists (
            select from outbox o
            where o.organization_id = f.organization_id and o.instance_id = f.instance_id
                and o.state in ('held', 'pending', 'accepted') and o.content ->> 'media_id' = f.id::text
        ) or exists (
            select from campaigns c
            where c.organization_id = f.organization_id and c.media ->> 'media_id' = f.id::text
                and c.ended_at is null and (c.state = 'draft' or c.expires_at > clock_timestamp())
        );
    end if;
    return exists (
        select from messages m
        where m.organization_id = f.organization_id and m.id = f.message_id
            and (m.state = 'open' or is_unfinished(m.organization_id, m.turn_id))
    );
end $$;

-- Rows of files that belong to no message: those that were sent, and those whose message never came.
create or replace function expire_lone_files(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    files uuid[];
begin
    select coalesce(max(p.settled_at || '|' || p.id), after), count(*) = how_many, coalesce(array_agg(p.id), '{}')
    into step.position, step.more, files
    from (
        select to_char(f.settled_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as settled_at, f.id from media f
        where f.organization_id = organization and f.instance_id = instance and f.message_id is null
            and f.settled_at < older
            and (f.settled_at, f.id) > (position_time(after), position_id(split_part(after, '|', 2)))
        order by f.settled_at, f.id limit how_many
    ) p;
    files := array(
        select f.id from media f
        where f.organization_id = organization and f.instance_id = instance and f.id = any (files)
            and f.message_id is null and f.state in ('failed', 'deleted')
        for update skip locked
    );
    perform forget_files(organization, instance, files);
    step.deleted := cardinality(files);
    return step;
end $$;

-- What was heard in voice notes and seen in pictures.
create or replace function expire_readings(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    files uuid[];
begin
    select coalesce(max(p.media_id::text), after), count(*) = how_many, coalesce(array_agg(p.media_id), '{}')
    into step.position, step.more, files
    from (
        select r.media_id from readings r
        where r.organization_id = organization and r.instance_id = instance and r.media_id > position_id(after)
            and r.media_id < first_id_at(older)
        order by r.media_id limit how_many
    ) p;
    files := array(
        select r.media_id from readings r join messages m
            on m.organization_id = organization and m.id = r.message_id
        where r.organization_id = organization and r.instance_id = instance and r.media_id = any (files)
            and r.settled_at < older and message_may_go(m, older)
        for update of r skip locked
    );
    perform unqueue_files(instance, files);
    delete from readings r
    where r.organization_id = organization and r.instance_id = instance and r.media_id = any (files);
    step.deleted := cardinality(files);
    return step;
end $$;
