-- Events: which reports are some, and how one worker at a time publishes them.

-- Keep the events of a batch of reports that were stored, each once. The instances are locked, so their order is that of
-- the numbers.
create or replace function note_events(batch jsonb, outcomes text[]) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into event_queue (organization_id, instance_id, report_id, document)
    select (b.item ->> 'organization')::uuid, (b.item ->> 'instance')::uuid, (b.item #>> '{report,id}')::uuid, e.document
    from jsonb_array_elements(batch) with ordinality b (item, n)
    cross join lateral event_of(b.item -> 'report') e (document)
    where outcomes[b.n] = 'stored' and e.document is not null
    order by b.n
    on conflict (instance_id, report_id) do nothing
$$;

-- The event that a report tells of (oxy_core.events.Event); null: of none.
create or replace function event_of(report jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select jsonb_build_object(
        'version', 1, 'id', report -> 'id', 'name', e.name, 'organization', report -> 'organization',
        'instance', report -> 'instance', 'journal_epoch', report -> 'journal_epoch',
        'journal_sequence', report -> 'journal_sequence', 'at', coalesce(report #> '{body,at}', report -> 'occurred_at'),
        'facts', jsonb_strip_nulls(event_facts(report -> 'body'))
    )
    from event_name(report -> 'body') e (name) where e.name is not null
$$;

-- The name of the event in the body of a report; null: it is none.
create or replace function event_name(body jsonb) returns text
language sql immutable parallel safe
as $$
    select case body ->> 'type'
        when 'event' then body ->> 'name'
        when 'message_lost' then 'whatsapp:message_lost'
        when 'connection' then case
            when body ->> 'state' = 'connected' then 'whatsapp:connected'
            when body ->> 'state' in ('reconnecting', 'ended') then 'whatsapp:disconnected'
        end
    end
$$;

create or replace function event_facts(body jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select case body ->> 'type'
        when 'event' then coalesce(body -> 'facts', '{}')
        when 'message_lost' then jsonb_build_object(
            'whatsapp_id', body -> 'whatsapp_id', 'found_by', body -> 'found_by', 'from_me', body -> 'from_me'
        )
        else case when body ->> 'state' = 'connected' then '{}'
                  else jsonb_build_object('reason', body -> 'reason', 'final', body ->> 'state' = 'ended') end
    end
$$;

-- The events to publish next, in order, if no other worker publishes. A lease that lies further ahead than it can is of
-- before the clock was put back. What an instance may tell: allowance.sql; null: everything.
create or replace function claim_events(
    worker uuid, lease interval, how_many integer,
    most integer default null, per_period integer default null, period interval default null
) returns table (number bigint, document jsonb)
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
    if not exists (select from event_queue q where q.published_at is null) and not owes_count(period) then
        return;
    end if;
    update event_publisher p set holder = worker, held_until = clock_timestamp() + lease
    where p.holder = worker or p.held_until not between clock_timestamp() and clock_timestamp() + lease;
    if found then
        perform grant_events(most, per_period, period);
        perform tell_dropped(period);
        return query
        select q.number, q.document from event_queue q where q.published_at is null order by q.number limit how_many;
    end if;
end $$;

create or replace function note_events_published(numbers bigint[]) returns void
language sql security definer set search_path = public, pg_temp
as $$ update event_queue q set published_at = clock_timestamp() where q.number = any (numbers) $$;

-- Forget events whose reports come no more; those that could not be published for as long count as dropped.
create or replace function drop_old_events(kept interval) returns void
language sql security definer set search_path = public, pg_temp
as $$
    with gone as (
        delete from event_queue q where q.stored_at < clock_timestamp() - kept
        returning q.organization_id, q.instance_id, q.published_at
    )
    insert into event_allowance as a (organization_id, instance_id, allowed, dropped)
    select g.organization_id, g.instance_id, 0, count(*) from gone g where g.published_at is null
    group by g.organization_id, g.instance_id
    on conflict (instance_id) do update set dropped = a.dropped + excluded.dropped
$$;
