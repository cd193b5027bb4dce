-- Messages, with their files' rows, what was read of those, and what the owner was told of them.

create or replace function expire_messages(
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
        select m.id, m.instance_id, retention_position(m.arrived_at, m.id) as position from messages m
        where m.organization_id = organization and m.arrived_at < older
            and (m.arrived_at, m.id) > (position_time(after), position_number(after))
        order by m.arrived_at, m.id limit how_many
    ) f;
    ids := array(
        select m.id from messages m
        where m.organization_id = organization and m.id = any (ids) and message_may_go(m, older) for update skip locked
    );
    ids := without_files(organization, instance, ids);
    perform forget_notices_about(organization, array(select 'message:' || i from unnest(ids) i), older);
    delete from messages m where m.organization_id = organization and m.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

create or replace function message_may_go(m messages, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return m.state is distinct from 'open' and not is_unfinished(m.organization_id, m.turn_id)
        and not is_in_use(m.organization_id, m.conversation_id, older)
        and not is_untold(m.organization_id, 'message:' || m.id, older);
end $$;

-- Delete the rows of these messages' files and what was read of them; returns the messages that have none any more. A file
-- whose bytes are not gone yet, or that somebody is looking at, keeps its message for the next time.
create or replace function without_files(organization uuid, instance uuid, ids bigint[]) returns bigint[]
language plpgsql
as $$
declare
    files uuid[] := array(
        select f.id from media f
        where f.organization_id = organization and f.instance_id = instance and f.message_id = any (ids)
            and f.state in ('failed', 'deleted')
        for update skip locked
    );
    reads uuid[] := array(
        select r.media_id from readings r
        where r.organization_id = organization and r.message_id = any (ids) for update skip locked
    );
begin
    ids := array(
        select i from unnest(ids) i
        except select f.message_id from media f
        where f.organization_id = organization and f.message_id = any (ids) and f.id <> all (files)
        except select r.message_id from readings r
        where r.organization_id = organization and r.message_id = any (ids) and r.media_id <> all (reads)
    );
    delete from readings r where r.organization_id = organization and r.message_id = any (ids);
    files := array(
        select f.id from media f where f.organization_id = organization and f.message_id = any (ids)
    );
    perform forget_files(organization, instance, files);
    return ids;
end $$;

-- Delete the rows of files without bytes.
create or replace function forget_files(organization uuid, instance uuid, files uuid[]) returns void
language plpgsql
as $$
begin
    perform unqueue_files(instance, files);
    delete from media_chunks c
    where c.organization_id = organization and c.instance_id = instance and c.media_id = any (files);
    delete from readings r
    where r.organization_id = organization and r.instance_id = instance and r.media_id = any (files);
    delete from media f where f.organization_id = organization and f.instance_id = instance and f.id = any (files);
end $$;

create or replace function unqueue_files(instance uuid, files uuid[]) returns void
language sql security definer set search_path = public, pg_temp
as $$
    delete from media_queue where instance_id = instance and media_id = any (files);
    delete from reading_queue where instance_id = instance and media_id = any (files);
$$;
