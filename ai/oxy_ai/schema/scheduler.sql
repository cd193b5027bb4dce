-- Which conversation is answered next: due times, one queue row per organization, rate limits, leases.

-- GCRA (ITU-T I.371): after a turn at `moment`, when may the next one start? `per_second` 0: no limit.
create or replace function gcra(
    arrival timestamptz, moment timestamptz, per_second double precision, burst integer,
    out next_arrival timestamptz, out next_open timestamptz
)
language plpgsql immutable
as $$
declare
    spacing interval;
begin
    if per_second <= 0 then
        next_arrival := moment;
        next_open := moment;
        return;
    end if;
    spacing := make_interval(secs => 1 / per_second);
    next_arrival := greatest(arrival, moment) + spacing;
    next_open := next_arrival - spacing * (burst - 1);
end $$;

-- Claim up to `how_many` due conversations, within each organization's rate and concurrency; `rate` (per second) and
-- `most` replace what its instances say of them (0: no limit). Returns {claimed: [{organization, conversation, fence}],
-- wait}; `wait`: seconds until the next may be due, null if none is scheduled.
-- Each pass of the loop claims one conversation of the longest-waiting organization and requeues that organization, so
-- a busy one cannot starve the others. A conversation that is due but locked is retried after `retry_locked`, one whose
-- organization has as many turns under way as it may after `retry_full`: the end of a turn wakes nobody.
create or replace function claim_conversations(
    how_many integer, lease interval, rate double precision, burst integer, retry_locked interval,
    most integer default null, retry_full interval default null
) returns jsonb
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz;
    queue org_queue;
    claim jsonb;
    claimed jsonb := '[]';
begin
    while jsonb_array_length(claimed) < how_many loop
        moment := clock_timestamp();
        queue := lock_longest_waiting(moment);
        exit when queue.organization_id is null;
        perform enter_org(queue.organization_id);
        if is_full(queue, most, moment) then
            perform requeue_org(queue, moment + retry_full);
            continue;
        end if;
        claim := claim_oldest(queue.organization_id, moment, lease);
        if claim is not null then
            claimed := claimed || claim;
            select g.next_arrival, g.next_open into queue.arrival_at, queue.open_at
            from gcra(queue.arrival_at, moment, coalesce(rate, queue.per_second, 0), burst) g;
        else
            -- Due but locked by an ingest, or no longer due. Retrying at once would spin until the ingest commits.
            moment := moment + retry_locked;
        end if;
        perform requeue_org(queue, moment);
    end loop;
    return jsonb_build_object('claimed', claimed, 'wait', (
        select extract(epoch from min(q.ready_at) - clock_timestamp()) from org_queue q where q.ready_at < 'infinity'
    ));
end $$;

-- Lock and return the queue row of the longest-waiting organization; all null: none is ready.
create or replace function lock_longest_waiting(moment timestamptz) returns org_queue
language plpgsql
as $$
declare
    queue org_queue;
begin
    -- The second condition repeats the predicate of the partial index, or the planner could not use it.
    -- Locked rows are skipped: another worker is serving that organization.
    select * into queue from org_queue q where q.ready_at <= moment and q.ready_at < 'infinity'
    order by q.ready_at limit 1 for no key update skip locked;
    return queue;
end $$;

-- Whether an organization has as many turns under way as it may.
create or replace function is_full(queue org_queue, most integer, moment timestamptz) returns boolean
language plpgsql stable
as $$
declare
    bound integer := nullif(coalesce(most, queue.concurrency), 0);
begin
    return bound is not null and bound <= (
        select count(*) from conversations c
        where c.organization_id = queue.organization_id and c.lease_until > moment
    );
end $$;

-- Claim an organization's oldest due conversation that is not locked; null: none. The due time becomes the end of the
-- lease, so the conversation of a dead worker falls due again; nobody has to detect the death.
create or replace function claim_oldest(organization uuid, moment timestamptz, lease interval) returns jsonb
language plpgsql
as $$
declare
    claim jsonb;
begin
    update conversations
    set fence = fence + 1, lease_until = moment + lease, due_at = moment + lease, claims = claims + 1
    where organization_id = organization and id = (
        select c.id from conversations c where c.organization_id = organization and c.due_at <= moment
        order by c.due_at limit 1 for no key update skip locked
    )
    returning jsonb_build_object('organization', organization, 'conversation', id, 'fence', fence, 'claims', claims)
    into claim;
    return claim;
end $$;

-- Put an organization back into the queue: at its next due time, but not before its rate allows, nor before `earliest`.
create or replace function requeue_org(queue org_queue, earliest timestamptz) returns void
language plpgsql
as $$
declare
    next_due timestamptz;
begin
    select min(c.due_at) into next_due from conversations c
    where c.organization_id = queue.organization_id and c.due_at is not null;
    update org_queue
    set arrival_at = queue.arrival_at, open_at = queue.open_at,
        ready_at = greatest(coalesce(next_due, 'infinity'), queue.open_at, earliest)
    where organization_id = queue.organization_id;
end $$;

-- Wake an organization at `at` or earlier. Whoever claims its conversations right now has read their due times without
-- this transaction's, and holds the row: wait for it before looking at what it has written.
create or replace function wake_org(organization uuid, at timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    perform from org_queue where organization_id = organization for no key update;
    update org_queue set ready_at = greatest(at, open_at)
    where organization_id = organization and ready_at > greatest(at, open_at);
end $$;

-- Wake every organization that sleeps although a conversation is due; returns how many did. None does, unless the engine
-- has a fault: whatever makes a conversation due wakes its organization in the same transaction. One that waits to be
-- claimed, or for `retry` at most as claim_conversations let it, does not sleep; nor does one that goes by a time from
-- before the clock was put back (clock.sql).
create or replace function recover_wakeups(retry interval) returns integer
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    organization uuid;
    next_due timestamptz;
    recovered integer := 0;
begin
    if clock_lag() > interval '0' then
        return 0;
    end if;
    for organization in select q.organization_id from org_queue q order by 1 loop
        perform enter_org(organization);
        select d.due_at into next_due
        from org_queue q, (
            select min(c.due_at) as due_at from conversations c
            where c.organization_id = organization and c.due_at is not null
        ) d
        where q.organization_id = organization
            and q.ready_at > greatest(d.due_at, q.open_at, clock_timestamp() + retry);
        if next_due is not null then
            perform wake_org(organization, next_due);
            recovered := recovered + 1;
        end if;
    end loop;
    return recovered;
end $$;

-- Wake each organization at its earliest time; in a fixed order, because rows stay locked until commit.
create or replace function wake_orgs(organizations uuid[], moments timestamptz[]) returns void
language plpgsql
as $$
declare
    organization uuid;
    earliest timestamptz;
begin
    for organization, earliest in
        select o, min(m) from unnest(organizations, moments) as w (o, m) group by o order by o
    loop
        perform wake_org(organization, earliest);
    end loop;
end $$;

-- Claim due conversations and open their turns within `limits` (oxy_ai.records.TurnLimits). Each of `claimed` is {claim,
-- opened, abandoned, turn}; `turn` is the result of open_turn, null: nothing to do. A turn that cannot be opened is
-- still claimed (`opened` false), so that it fails alone and blocks no other. One that ended none of its claims is not
-- read (`abandoned`), because reading it may be what ends the workers. Nothing is claimed in another database than the
-- worker knows: see `may_claim`.
create or replace function claim_turns(
    how_many integer, lease interval, rate double precision, burst integer, retry_locked interval, limits jsonb,
    known uuid default null, seen bigint default null, most integer default null, retry_full interval default null
) returns jsonb
language plpgsql
as $$
declare
    found jsonb := claim_conversations(
        case when may_claim(known, seen) then how_many else 0 end, lease, rate, burst, retry_locked, most, retry_full
    );
    claim jsonb;
    opened jsonb := '[]';
begin
    for claim in select * from jsonb_array_elements(found -> 'claimed') loop
        if (claim ->> 'claims')::integer > (limits ->> 'claims')::integer then
            opened := opened || jsonb_build_object('claim', claim, 'opened', false, 'abandoned', true);
            continue;
        end if;
        begin
            opened := opened || jsonb_build_object('claim', claim, 'opened', true, 'turn', open_turn(
                (claim ->> 'organization')::uuid, (claim ->> 'conversation')::bigint, (claim ->> 'fence')::bigint, limits
            ));
        exception when others then
            opened := opened || jsonb_build_object('claim', claim, 'opened', false);
        end;
    end loop;
    return jsonb_build_object('claimed', opened, 'wait', found -> 'wait');
end $$;

-- Renew the leases of running turns. A row that is locked right now is skipped; the next heartbeat renews it.
create or replace function renew_leases(
    organizations uuid[], conversation_ids bigint[], fences bigint[], lease interval
) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    held record;
begin
    for held in
        select * from unnest(organizations, conversation_ids, fences) as t (organization, conversation, fence)
    loop
        perform enter_org(held.organization);
        perform 1 from conversations c
        where c.organization_id = held.organization and c.id = held.conversation and c.fence = held.fence
            and c.lease_until is not null
        for no key update skip locked;
        if found then
            update conversations set lease_until = clock_timestamp() + lease, due_at = clock_timestamp() + lease
            where organization_id = held.organization and id = held.conversation;
        end if;
    end loop;
end $$;
