-- How far erasures are. Workers carry them on; the pod has a part of its own, in each journal that begins.

create or replace function queue_erasure(organization uuid, instance uuid, request uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into erasure_queue (erasure_id, organization_id, instance_id) values (request, organization, instance)
    on conflict (erasure_id) do update set due_at = clock_timestamp(), resting = false
$$;

create or replace function unqueue_erasure(request uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from erasure_queue where erasure_id = request $$;

-- `rest`: everything is done, for now. Not if it is due again: it was queued since, of which this worker has not heard.
create or replace function postpone_erasure(request uuid, pause interval, rest boolean) returns void
language sql security definer set search_path = public, pg_temp
as $$
    update erasure_queue q set due_at = clock_timestamp() + pause, resting = rest
    where q.erasure_id = request and q.due_at > clock_timestamp()
$$;

-- Claim erasures that are due, or lie further ahead than they can (clock.sql). A worker that dies does not postpone its own,
-- so others get them after `lease`, the longest time that one is put off.
create or replace function claim_due_erasures(how_many integer, lease interval)
returns table (organization uuid, erasure uuid)
language sql security definer set search_path = public, pg_temp
as $$
    update erasure_queue q set due_at = clock_timestamp() + lease
    from (
        select d.erasure_id from erasure_queue d
        where d.due_at <= clock_timestamp() or (d.due_at > clock_timestamp() + lease and not d.resting)
        order by d.due_at limit how_many for no key update skip locked
    ) due
    where q.erasure_id = due.erasure_id
    returning q.organization_id, q.erasure_id
$$;

-- The account on the bus of an instance.
create or replace function account_of(instance uuid) returns text
language sql stable security definer set search_path = public, pg_temp
as $$ select q.account from relay_queue q where q.instance_id = instance and not q.closed $$;

-- An erasure as a worker sees it: oxy_ai.erasures.records.Erasure.
create or replace function erasure_document(organization uuid, request uuid) returns jsonb
language plpgsql stable
as $$
begin
    perform enter_org(organization);
    return (
        select jsonb_build_object(
            'id', e.id, 'organization', organization, 'instance', e.instance_id, 'account', account_of(e.instance_id),
            'names', jsonb_build_array(i.settings ->> 'organization', i.name), 'digests', e.digests, 'person', e.person,
            'seconds_ago', extract(epoch from clock_timestamp() - e.made_at),
            'is_done', is_done_by_pod(e)
        )
        from erasures e join instances i on i.organization_id = organization and i.id = e.instance_id
        where e.organization_id = organization and e.id = request
    );
end $$;

-- Whether the pod has done its part in the newest journal. Where none has begun, no pod was there whom it could concern.
create or replace function is_done_by_pod(e erasures) returns boolean
language plpgsql stable
as $$
begin
    return coalesce(e.done_epoch = (
        select j.epoch from journals j where j.organization_id = e.organization_id and j.instance_id = e.instance_id
        order by j.started_at desc limit 1
    ), not exists (
        select from journals j where j.organization_id = e.organization_id and j.instance_id = e.instance_id
    ));
end $$;

-- Database, files and bus have nothing of the person any more.
create or replace function note_cleared(organization uuid, request uuid) returns void
language sql
as $$
    select enter_org(organization);
    update erasures set person = null, told = '{}', cleared_at = coalesce(cleared_at, clock_timestamp())
    where organization_id = organization and id = request
$$;

-- The pod holds the request in this journal.
create or replace function note_erase_accepted(organization uuid, request uuid, epoch uuid) returns void
language sql
as $$
    select enter_org(organization);
    update erasures set accepted_epoch = epoch where organization_id = organization and id = request
$$;

-- A pod has forgotten a person: the body of its report is oxy_core.report_bodies.ContactErased. Returns the outcome.
create or replace function contact_erased(item jsonb) returns text
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    instance uuid := item ->> 'instance';
    body jsonb := item -> 'report' -> 'body';
    request uuid := body ->> 'request_id';
    forgotten_at timestamptz;
begin
    update erasures e
    set done_epoch = (item -> 'report' ->> 'journal_epoch')::uuid, done_at = coalesce(e.done_at, clock_timestamp()),
        left_behind = array(select jsonb_array_elements_text(coalesce(body -> 'left', '[]')))
    where e.organization_id = organization and e.instance_id = instance and e.id = request
    returning e.made_at into forgotten_at;
    if forgotten_at is null then
        return 'duplicate';
    end if;
    -- What the pod had published of a file when it forgot it, nobody reports.
    perform refuse_chunks(organization, instance, f.id, item ->> 'account') from media f
    where f.organization_id = organization and f.instance_id = instance and f.direction = 'in' and f.state = 'deleted'
        and f.settled_at >= forgotten_at;
    perform queue_erasure(organization, instance, request);
    return 'stored';
end $$;

-- A journal has begun, perhaps on an older copy of the volume: its pod is asked again, as long as addresses are kept.
create or replace function recall_erasures(organization uuid, instance uuid) returns void
language sql
as $$
    select queue_erasure(organization, instance, e.erasure_id) from (
        select distinct a.erasure_id from erased_addresses a
        where a.organization_id = organization and a.instance_id = instance
    ) e
$$;

-- Erasures for people to read, those first that are not finished: oxy_core.contact_command.ErasureStatus.
create or replace function erasures_of(organization uuid, instance uuid, finished boolean) returns jsonb
language plpgsql stable
as $$
begin
    perform enter_org(organization);
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', e.id, 'instance', i.name, 'made_at', e.made_at, 'asked_by', e.asked_by, 'cleared_at', e.cleared_at,
            'done_at', case when is_done_by_pod(e) then e.done_at end, 'left', e.left_behind,
            'waits_for', case
                when e.cleared_at is null then 'platform' when is_done_by_pod(e) then null
                when i.closed_at is not null then 'instance' when e.accepted_epoch is null then 'pod' else 'report'
            end
        ) order by e.made_at, e.id), '[]')
        from erasures e join instances i on i.organization_id = organization and i.id = e.instance_id
        where e.organization_id = organization and e.instance_id = instance
            and (finished or e.cleared_at is null or not is_done_by_pod(e) or e.left_behind <> '{}')
    );
end $$;

-- The other instances of the organization that know a number: each keeps, and forgets, on its own.
create or replace function known_elsewhere(organization uuid, instance uuid, key text) returns text[]
language sql stable
as $$
    select coalesce(array_agg(distinct i.name order by i.name), '{}') from contacts c
    join instances i on i.organization_id = organization and i.id = c.instance_id
    where c.organization_id = organization and c.instance_id <> instance and c.phone_key = key
$$;
