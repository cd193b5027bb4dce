-- What is left of an instance's budget, and why something waits: for people, and for jobs that would queue more.

-- When a text to a contact might be released at the earliest, as things stand (null: when somebody has done something), and
-- what it waits for longest, as why_shut and why_later say it. What waits already goes first.
create or replace function proactive_room(
    organization uuid, instance uuid, contact bigint, purpose text, out at timestamptz, out why text
)
language plpgsql stable
as $$
declare
    i instances;
    r reputation;
    ahead bigint := ready_before(organization, instance, purpose);
    room bigint;
    shut record;
    moment timestamptz := clock_timestamp();
    free_again timestamptz;
begin
    select * into i from instances n where n.organization_id = organization and n.id = instance;
    select * into r from reputation n where n.organization_id = organization and n.instance_id = instance;
    free_again := case when purpose = 'promotion' then promoted_until(
        organization, contact, moment, (i.settings #>> '{limits,proactive_interval_days}')::integer
    ) end;
    why := case when free_again > moment then 'interval' else 'turn' end;
    moment := greatest(moment, free_again);
    loop
        select * into shut from why_shut(i, r, purpose, moment, interval '0');
        room := greatest(promotions_left(r, i, moment), 0);
        if shut.why is null and purpose = 'promotion' and ahead >= room then
            ahead := ahead - room;
            shut.why := 'day';
            shut.until := next_day(moment, zone_of(i));
        end if;
        why := coalesce(shut.why, why);
        exit when shut.why is null or shut.until is null or never_promotes(r, i, purpose, moment);
        moment := shut.until;
    end loop;
    at := case when shut.why is null
               then moment + ahead * (make_interval(mins => 1) / (i.settings #>> '{limits,outbound_per_minute}')::integer) end;
end $$;

-- Whether the settings leave a number no promotion on the next day either.
create or replace function never_promotes(r reputation, i instances, purpose text, moment timestamptz) returns boolean
language sql stable
as $$
    select purpose = 'promotion' and promotions_a_day(
        r, i.settings -> 'limits', (moment at time zone zone_of(i))::date + 1
    ) > 0 is not true
$$;

-- How many held texts are ready and go before another one of a purpose.
create or replace function ready_before(organization uuid, instance uuid, purpose text) returns bigint
language plpgsql stable
as $$
begin
    return (
        select count(*) from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'held'
            and o.held_until is null and (o.purpose = 'promotion') = (ready_before.purpose = 'promotion')
    );
end $$;

-- An instance's budget, what stopped it, and what waits: oxy_ai.reputation.Reputation. Null: there is no such instance.
create or replace function reputation_of(organization uuid, instance uuid) returns jsonb
language plpgsql
as $$
declare
    i instances;
    r reputation;
    moment timestamptz := clock_timestamp();
    today date;
begin
    perform enter_org(organization);
    select * into i from instances n where n.organization_id = organization and n.id = instance;
    select * into r from reputation n where n.organization_id = organization and n.instance_id = instance;
    today := (moment at time zone zone_of(i))::date;
    return case when i.id is not null then jsonb_build_object(
        'per_minute', i.settings #> '{limits,outbound_per_minute}', 'this_minute', released_since(i, moment - make_interval(mins => 1)),
        'next_at', nullif(r.next_at, '-infinity'), 'promotions_a_day', promotions_a_day(r, i.settings -> 'limits', today),
        'promotions_left', greatest(promotions_left(r, i, moment), 0),
        'promotion_day', coalesce(r.promotion_days, 0) + case when r.promoted_on >= today then 0 else 1 end,
        'quiet_hours', i.settings #> '{limits,quiet_hours}',
        'quiet_until', quiet_until(moment, zone_of(i), i.settings #>> '{limits,quiet_hours}'),
        'timezone', zone_of(i),
        'paused', case when r.paused_at is not null
                       then jsonb_build_object('why', r.paused_for, 'at', r.paused_at, 'by', r.paused_by) end,
        'waiting', waiting_texts(i, r, moment)
    ) end;
end $$;

create or replace function released_since(i instances, since timestamptz) returns bigint
language plpgsql stable
as $$
begin
    return (
        select count(*) from outbox o
        where o.organization_id = i.organization_id and o.instance_id = i.id and o.released_at > since
            and o.released_until is not null
    );
end $$;

-- What waits of an instance by purpose and by why: held texts, and the jobs that queue one once the number has room
-- (room:<purpose>:<why>). What is ready waits for what shuts its purpose, or for those before it.
create or replace function waiting_texts(i instances, r reputation, moment timestamptz) returns jsonb
language plpgsql stable
as $$
begin
    return (
        with shut as (
            select p.purpose, g.why, g.until from unnest('{report,booking,promotion}'::text[]) p (purpose)
            cross join lateral why_shut(i, r, p.purpose, moment, interval '0') g
        ), waits as (
            select o.purpose, coalesce(o.held_for, s.why, 'turn') as why, o.created_at as since,
                coalesce(o.held_until, s.until) as until
            from outbox o join shut s on s.purpose = o.purpose
            where o.organization_id = i.organization_id and o.instance_id = i.id and o.state = 'held'
            union all
            select s.purpose, case when k.why = 'turn' or s.until is null then coalesce(s.why, k.why) else k.why end,
                j.created_at, case when s.why is null or s.until is not null then greatest(j.due_at, s.until) end
            from jobs j
            cross join lateral (select split_part(j.reason, ':', 3) as why) k
            join shut s on s.purpose = split_part(j.reason, ':', 2)
            where j.organization_id = i.organization_id and j.instance_id = i.id and j.state = 'waiting'
                and j.reason like 'room:%'
        )
        select coalesce(jsonb_agg(to_jsonb(g) order by g.purpose, g.why), '[]') from (
            select w.purpose, w.why, count(*) as texts, min(w.since) as since, nullif(min(w.until), 'infinity') as until
            from waits w group by w.purpose, w.why
        ) g
    );
end $$;
