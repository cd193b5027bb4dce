-- Files of messages. A received one is announced by its message, then arrives in chunks on the bus, in either order; a worker
-- stores it (oxy_ai.engine.file_keeper). Each row with which something is to happen has one in media_queue, which says when
-- to look at it: a file that is stored has none, until it has expired.

-- Take note of the file of a message that was stored, now or before. `item` is oxy_ai.records.InboundReport.
create or replace function announce_file(item jsonb) returns void
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    said jsonb := item -> 'report' -> 'body';
    file jsonb := said -> 'file';
    message bigint;
begin
    select m.id into message from messages m
    where m.organization_id = organization and m.instance_id = instance and m.chat = said ->> 'chat'
        and m.sender = said ->> 'sender' and m.whatsapp_id = said ->> 'whatsapp_id' and not m.placeholder;
    if message is null then
        return;  -- the platform sent it
    end if;
    insert into media as f (organization_id, instance_id, id, direction, message_id, kind, mime, name, size_bytes, sha256,
        state)
    values (organization, instance, (file ->> 'id')::uuid, 'in', message, said ->> 'kind', file ->> 'mime', file ->> 'name',
        (file ->> 'size')::bigint, file ->> 'sha256', 'announced')
    on conflict (instance_id, id) do update
    set message_id = excluded.message_id, kind = excluded.kind, mime = excluded.mime, name = excluded.name
    where f.direction = 'in' and f.message_id is null;
    perform queue_file(organization, instance, (file ->> 'id')::uuid, null);
    perform note_lost_file(organization, instance, (file ->> 'id')::uuid);
    perform announce_reading(organization, instance, (file ->> 'id')::uuid, message);
end $$;

-- A pod has published all chunks of a file: `item` is its report, whose body is oxy_core.envelopes.FileArrived. Returns the
-- report's outcome.
create or replace function file_arrived(item jsonb) returns text
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    body jsonb := item -> 'report' -> 'body';
    file uuid := body ->> 'media_id';
begin
    insert into media as f (organization_id, instance_id, id, direction, found_mime, size_bytes, sha256, chunks, state)
    values (organization, instance, file, 'in', body ->> 'mime', (body ->> 'size')::bigint, body ->> 'sha256',
        (body ->> 'chunks')::integer, 'arriving')
    on conflict (instance_id, id) do update
    set found_mime = excluded.found_mime, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
        chunks = excluded.chunks, state = 'arriving', reason = null, settled_at = null
    where f.direction = 'in' and f.state in ('announced', 'failed');
    if not found then
        perform refuse_chunks(organization, instance, file, item ->> 'account');
        return 'duplicate';
    end if;
    perform forget_lost_file(organization, instance, file);
    perform queue_file(organization, instance, file, item ->> 'account');
    return 'stored';
end $$;

-- A pod cannot get a file: the body of its report is oxy_core.envelopes.FileFailed. Returns the report's outcome.
create or replace function file_failed(item jsonb) returns text
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    body jsonb := item -> 'report' -> 'body';
    file uuid := body ->> 'media_id';
begin
    insert into media (organization_id, instance_id, id, direction, state)
    values (organization, instance, file, 'in', 'announced') on conflict (instance_id, id) do nothing;
    perform refuse_chunks(organization, instance, file, item ->> 'account');
    return case when fail_file(organization, instance, file, body ->> 'reason', 'announced') then 'stored'
                else 'duplicate' end;
end $$;

-- What a pod has published of a file that is deleted is not wanted.
create or replace function refuse_chunks(organization uuid, instance uuid, file uuid, sender text) returns void
language sql
as $$
    select queue_file(organization, instance, file, sender) from media f
    where f.organization_id = organization and f.instance_id = instance and f.id = file and f.state = 'deleted'
$$;

-- A received file cannot be had any more. False: it is not in the state `was`.
create or replace function fail_file(organization uuid, instance uuid, file uuid, why text, was text) returns boolean
language plpgsql
as $$
begin
    update media f set state = 'failed', reason = why, settled_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.id = file and f.state = was
        and f.direction = 'in';
    if not found then
        return false;
    end if;
    perform unqueue_file(instance, file);
    perform note_lost_file(organization, instance, file);
    perform look_at_reading(organization, instance, file);
    return true;
end $$;

-- All bytes of a received file are in their place. False: somebody else was faster.
create or replace function file_stored(organization uuid, instance uuid, file uuid, place text) returns boolean
language plpgsql
as $$
begin
    update media f set state = 'stored', location = place, settled_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.id = file and f.state = 'arriving';
    if not found then
        return false;
    end if;
    perform settle_file(instance, file);
    perform look_at_reading(organization, instance, file);
    return true;
end $$;

-- Add a file to be sent, whose bytes are stored under `place`; `document` is oxy_ai.media.records.OutboundFile. False: it
-- was added before.
create or replace function add_outbound_file(
    organization uuid, instance uuid, document jsonb, in_chunks integer, place text
) returns boolean
language plpgsql
as $$
begin
    insert into media (organization_id, instance_id, id, direction, kind, mime, found_mime, name, size_bytes, sha256,
        chunks, state, location, settled_at)
    values (organization, instance, (document ->> 'id')::uuid, 'out', document ->> 'kind', document ->> 'mime',
        document ->> 'mime', document ->> 'name', (document ->> 'size_bytes')::bigint, document ->> 'sha256',
        in_chunks, 'stored', place, clock_timestamp())
    on conflict (instance_id, id) do nothing;
    if not found then
        return false;
    end if;
    return true;
end $$;

-- A file as a worker sees it, with seconds since it got into its state: oxy_ai.media.records.KeptFile; null: there is
-- none. With `keep`, nobody else changes it before the end of the transaction.
create or replace function find_file(organization uuid, instance uuid, file uuid, keep boolean) returns jsonb
language plpgsql
as $$
declare
    f media;
begin
    if keep then
        select * into f from media m
        where m.organization_id = organization and m.instance_id = instance and m.id = file for no key update;
    else
        select * into f from media m
        where m.organization_id = organization and m.instance_id = instance and m.id = file;
    end if;
    return case when f.id is not null then jsonb_build_object(
        'id', f.id, 'state', f.state,
        'instance', (select i.name from instances i where i.organization_id = organization and i.id = instance),
        'location', f.location, 'chunks', f.chunks, 'expired', f.expired_at is not null,
        'size_bytes', f.size_bytes, 'sha256', f.sha256,
        'seconds', extract(epoch from clock_timestamp() - coalesce(f.settled_at, f.created_at))
    ) end;
end $$;

-- Have the bytes of a stored file deleted, wherever they are. False: there are none, or it was asked for before.
create or replace function expire_file(organization uuid, instance uuid, file uuid) returns boolean
language plpgsql
as $$
begin
    update media f set expired_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.id = file and f.state = 'stored'
        and f.expired_at is null;
    if found then
        perform queue_file(organization, instance, file, null);
        return true;
    end if;
    return false;
end $$;

-- Forget the bytes of a file, which is to be called after they are gone from an object store.
create or replace function delete_file(organization uuid, instance uuid, file uuid) returns void
language plpgsql
as $$
begin
    delete from media_chunks c
    where c.organization_id = organization and c.instance_id = instance and c.media_id = file;
    update media f set state = 'deleted', location = null, reason = null, settled_at = clock_timestamp()
    where f.organization_id = organization and f.instance_id = instance and f.id = file;
    perform unqueue_file(instance, file);
    perform look_at_reading(organization, instance, file);
end $$;

-- Bytes of an organization's files in this database.
create or replace function database_file_bytes(organization uuid) returns bigint
language plpgsql stable
as $$
begin
    return (
        select coalesce(sum(f.size_bytes), 0) from media f
        where f.organization_id = organization and f.location = 'database'
    );
end $$;

-- Look at a file now; `sender`: the account that published its chunks, null: nobody has, or it is known.
create or replace function queue_file(organization uuid, instance uuid, file uuid, sender text) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into media_queue as q (organization_id, instance_id, media_id, account)
    values (organization, instance, file, sender)
    on conflict (instance_id, media_id) do update
    set account = coalesce(excluded.account, q.account), due_at = clock_timestamp(), claims = 0
$$;

-- Its chunks are not wanted any more.
create or replace function settle_file(instance uuid, file uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update media_queue set account = null, due_at = clock_timestamp(), claims = 0
    where instance_id = instance and media_id = file
$$;

create or replace function unqueue_file(instance uuid, file uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from media_queue where instance_id = instance and media_id = file $$;

-- Claim files that are due, until `held`, which tells this claim from others: as soon as something happens to the file, it
-- is due at another time. A worker that dies does not postpone its own, so others get them then.
create or replace function claim_due_files(how_many integer, lease interval)
returns table (organization uuid, instance uuid, file uuid, sender text, claimed integer, held timestamptz)
language sql security definer set search_path = public, pg_temp
as $$
    update media_queue q set due_at = clock_timestamp() + lease, claims = q.claims + 1
    from (
        select d.instance_id, d.media_id from media_queue d
        where d.due_at <= clock_timestamp() order by d.due_at limit how_many for no key update skip locked
    ) due
    where q.instance_id = due.instance_id and q.media_id = due.media_id
    returning q.organization_id, q.instance_id, q.media_id, q.account, q.claims, q.due_at
$$;

-- Look at a claimed file again after `pause`, unless something has happened to it since. `settle`: the claims in a row end.
create or replace function postpone_file(
    instance uuid, file uuid, held timestamptz, pause interval, settle boolean
) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update media_queue set due_at = clock_timestamp() + pause, claims = case when settle then 0 else claims end
    where instance_id = instance and media_id = file and due_at = held
$$;

-- Look at a claimed file no more, unless something has happened to it since.
create or replace function forget_file(instance uuid, file uuid, held timestamptz) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from media_queue where instance_id = instance and media_id = file and due_at = held $$;
