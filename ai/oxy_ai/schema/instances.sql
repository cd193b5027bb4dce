-- Instances: their settings, copied from the bus, and their rows in the queues.

-- Settings are entries of a bucket, which may begin anew: `bucket` is when it began, which tells it from an earlier one;
-- `entry` is the entry's revision and `newest` the bucket's newest one when the entry was read. `reading` tells when that
-- was: a number of the sequence settings_order, drawn before the bucket was looked at. Whatever is applied draws one too,
-- so that a worker that was stopped in between cannot take what it saw long ago for the bucket's present state.

-- Upsert the settings of an instance, whose document may be of a newer version than this code; false: nothing changed.
create or replace function apply_instance(
    organization uuid, instance uuid, document jsonb, owners text[], bucket timestamptz, entry bigint, newest bigint,
    reading bigint
) returns boolean
language plpgsql
as $$
declare
    added boolean;
    in_force jsonb;
begin
    perform enter_org(organization);
    -- On any of their keys: one that another worker inserts or updates at this moment may be missed in the index of one key
    -- and found in that of the other.
    insert into organizations (id, name) values (organization, document ->> 'organization') on conflict do nothing;
    insert into instances (organization_id, id, name, settings, applied, owner_keys)
    values (organization, instance, document ->> 'instance', document, document, owners)
    on conflict do nothing;
    added := found;
    perform lock_queue(organization);
    if not enqueue_instance(organization, instance, document ->> 'account', bucket, entry, newest, reading) then
        return false;
    end if;
    perform from instances i where i.organization_id = organization and i.id = instance for no key update;
    in_force := settings_in_force(organization, instance, document);
    update instances i set settings = in_force, applied = document, owner_keys = owners, closed_at = null
    where i.organization_id = organization and i.id = instance
        and (i.settings, i.applied, i.owner_keys, i.closed_at)
            is distinct from (in_force, document, owners, null::timestamptz);
    if found then
        perform wake_proactive(instance);  -- it may send now what waits
    end if;
    added := added or found;
    perform limit_queues(organization, strictest_limits(organization));
    if added and document ? 'frozen' and not is_frozen(organization, instance) then
        perform wake_relay(instance);  -- perhaps thawed
        perform wake_proactive(instance);
    end if;
    return added;
end $$;

-- Close a deleted instance: its pending texts fail, what its pod accepted is ambiguous, its later reports wait.
-- False: nothing changed.
create or replace function close_instance(
    organization uuid, instance uuid, bucket timestamptz, entry bigint, newest bigint, reading bigint
) returns boolean
language plpgsql
as $$
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    perform lock_queue(organization);
    if not dequeue_instance(instance, bucket, entry, newest, reading) then
        return false;
    end if;
    update instances i set closed_at = now()
    where i.organization_id = organization and i.id = instance and i.closed_at is null;
    if not found then
        return false;
    end if;
    perform limit_queues(organization, strictest_limits(organization));
    perform fail_texts(organization, instance);
    return true;
end $$;

-- Lock an organization's queue of turns, before the relay's row of an instance, in the order in which a turn locks them.
create or replace function lock_queue(organization uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into org_queue (organization_id) values (organization) on conflict do nothing;
    select from org_queue q where q.organization_id = organization for no key update
$$;

-- What an organization may take, by queue: the least that one of its open instances allows; null: nobody says.
create or replace function strictest_limits(organization uuid) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'message', min(number_in(i.settings, '{queues,message,concurrency}')),
        'per_second', min(number_in(i.settings, '{queues,message,per_second}')),
        'automation', min(number_in(i.settings, '{queues,automation,concurrency}')),
        'campaign', min(number_in(i.settings, '{queues,campaign,concurrency}'))
    )
    from instances i where i.organization_id = organization and i.closed_at is null
$$;

-- Set what an organization may take: strictest_limits. Its queue of turns is locked already.
create or replace function limit_queues(organization uuid, limits jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update org_queue q
    set concurrency = (limits ->> 'message')::double precision::integer, per_second = (limits ->> 'per_second')::double precision
    where q.organization_id = organization;
    insert into job_queue as q (organization_id, lane, concurrency)
    select organization, l.lane, (limits ->> l.lane::text)::double precision::integer
    from unnest(array['automation', 'campaign']::lane[]) l (lane) order by l.lane
    on conflict (organization_id, lane) do update set concurrency = excluded.concurrency
    where q.concurrency is distinct from excluded.concurrency;
end $$;

-- Whether an entry of a bucket replaces what was applied last: it is of the same bucket and no older, or of a bucket that
-- began later. Anything else is a bucket restored from a copy, which counts again from there, or one that a clock says
-- is older; it counts only if the bucket was seen so after the last was applied, not by a worker that comes late.
create or replace function replaces(
    q relay_queue, bucket timestamptz, entry bigint, newest bigint, reading bigint
) returns boolean
language sql immutable parallel safe
as $$
    select case
        when q.settings_bucket = bucket and q.settings_revision <= entry then true
        when q.settings_bucket = bucket then q.settings_revision > newest and q.settings_order < reading
        else q.settings_bucket < bucket or q.settings_order < reading
    end
$$;

-- Begin to read the bucket: the number to apply its entries with.
create or replace function begin_settings_reading() returns bigint
language sql security definer set search_path = public, pg_temp
as $$ select nextval('settings_order') $$;

-- Returns false if newer settings were applied.
create or replace function enqueue_instance(
    organization uuid, instance uuid, instance_account text, bucket timestamptz, entry bigint, newest bigint,
    reading bigint
) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    insert into relay_queue as q (instance_id, organization_id, account, settings_bucket, settings_revision)
    values (instance, organization, instance_account, bucket, entry)
    on conflict (instance_id) do update
    set account = excluded.account, closed = false, settings_bucket = bucket, settings_revision = entry,
        settings_order = excluded.settings_order
    where replaces(q, bucket, entry, newest, reading);
    return found;
end $$;

-- Returns false if newer settings were applied, or the instance is unknown.
create or replace function dequeue_instance(
    instance uuid, bucket timestamptz, entry bigint, newest bigint, reading bigint
) returns boolean
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    update relay_queue q
    set closed = true, ready_at = 'infinity', settings_bucket = bucket, settings_revision = entry,
        settings_order = nextval('settings_order')
    where q.instance_id = instance and replaces(q, bucket, entry, newest, reading);
    return found;
end $$;

-- The entry of each instance that was applied last. Whoever copies the bucket asks for it before each pass, because the
-- database may have lost rows since.
create or replace function applied_settings() returns table (instance uuid, bucket timestamptz, entry bigint)
language sql stable security definer set search_path = public, pg_temp
as $$ select q.instance_id, q.settings_bucket, q.settings_revision from relay_queue q $$;

-- Those of some accounts whose reports can be stored: the others wait.
create or replace function open_accounts(accounts text[]) returns text[]
language sql stable security definer set search_path = public, pg_temp
as $$
    select coalesce(array_agg(q.account), '{}') from relay_queue q where q.account = any (accounts) and not q.closed
$$;

-- Why a report that claims to come from `instance` is not stored, judged by the account that sent it; null: store it.
-- unknown: no settings of this account yet, retry; foreign: the account belongs to another instance; closed: deleted.
create or replace function refusal(sender_account text, instance uuid) returns text
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    sender relay_queue;
begin
    select * into sender from relay_queue q where q.account = sender_account;
    return case
        when sender.instance_id is null then 'unknown'
        when sender.instance_id <> instance then 'foreign'
        when sender.closed then 'closed'
    end;
end $$;
