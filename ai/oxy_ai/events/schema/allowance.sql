-- How much an instance may tell: `most` events at once, and `per_period` more in each `period`. The rest is dropped and
-- counted, and the count is told, so that no pod crowds the events of others out of the stream.

-- Decide of each new event whether it is published. Only whoever holds the lease on publishing does so.
create or replace function grant_events(most integer, per_period integer, period interval) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    fresh record;
    share integer;
begin
    for fresh in
        select q.organization_id, q.instance_id, array_agg(q.number order by q.number) as numbers
        from event_queue q where q.published_at is null and q.granted is null and most is not null
        group by q.organization_id, q.instance_id
    loop
        share := take_allowance(
            fresh.organization_id, fresh.instance_id, cardinality(fresh.numbers), most, per_period / extract(epoch from period)
        );
        update event_queue q set granted = true where q.number = any (fresh.numbers[:share]);
        update event_queue q set granted = false, published_at = clock_timestamp()
        where q.number = any (fresh.numbers[share + 1:]);
    end loop;
end $$;

-- How many of the events that an instance wants to tell it may; the others are counted. A clock that was put back gives
-- nothing.
create or replace function take_allowance(
    organization uuid, instance uuid, wanted integer, most integer, per_second double precision
) returns integer
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    share integer;
begin
    insert into event_allowance (organization_id, instance_id, allowed) values (organization, instance, most)
    on conflict (instance_id) do nothing;
    update event_allowance a
    set allowed = least(most, a.allowed + per_second * greatest(0, extract(epoch from clock_timestamp() - a.counted_at))),
        counted_at = clock_timestamp()
    where a.instance_id = instance returning least(wanted, floor(a.allowed)) into share;
    update event_allowance a set allowed = a.allowed - share, dropped = a.dropped + wanted - share
    where a.instance_id = instance;
    return share;
end $$;

-- Whether a count of dropped events is to be told: at once, then once in each `period`. What was told in the future is of
-- before the clock was put back.
create or replace function owes_count(period interval) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$
    select exists (
        select from event_allowance a
        where a.dropped > 0 and a.told_at not between clock_timestamp() - period and clock_timestamp()
    )
$$;

-- Tell how many events were dropped, as an event with the place and time of the instance's last one.
create or replace function tell_dropped(period interval) returns void
language sql security definer set search_path = public, pg_temp
as $$
    with owed as (
        update event_allowance a set dropped = 0, told_at = clock_timestamp()
        from event_allowance before
        where before.instance_id = a.instance_id and a.dropped > 0
            and a.told_at not between clock_timestamp() - period and clock_timestamp()
        returning a.organization_id, a.instance_id, before.dropped
    )
    insert into event_queue (organization_id, instance_id, report_id, document, granted)
    select o.organization_id, o.instance_id, id, last.document || jsonb_build_object(
        'id', id, 'name', 'events:dropped', 'facts', jsonb_build_object('count', o.dropped)
    ), true
    from owed o
    cross join lateral (
        select q.document from event_queue q where q.instance_id = o.instance_id order by q.number desc limit 1
    ) last
    cross join lateral (select gen_random_uuid() where o.dropped > 0) made (id)  -- one for each
$$;
