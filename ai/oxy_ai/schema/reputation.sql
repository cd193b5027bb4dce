-- What a number may send without being asked: one budget for campaigns, automations and reports (proactive.sql), and who
-- stopped it. A row of the table reputation is locked after the relay's row of its instance, and before nothing else.

-- Whether a local time lies in quiet hours ("21:00-08:00", over midnight if the end is the earlier one; empty: there are none).
create or replace function is_quiet(at time, hours text) returns boolean
language sql immutable parallel safe
as $$
    select coalesce(case when q.begins < q.ends then at >= q.begins and at < q.ends
                         else at >= q.begins or at < q.ends end, false)
    from (select nullif(split_part(hours, '-', 1), '')::time, nullif(split_part(hours, '-', 2), '')::time) q (begins, ends)
$$;

-- When clocks of a time zone show a time of day next, after `moment`. One that they skip is shown as they jump over it.
create or replace function next_time_of_day(moment timestamptz, zone text, at time) returns timestamptz
language sql stable parallel safe
as $$
    select min(d.day) from (
        select ((moment at time zone zone)::date + n + at) at time zone zone from generate_series(0, 2) n
    ) d (day) where d.day > moment
$$;

create or replace function next_day(moment timestamptz, zone text) returns timestamptz
language sql stable parallel safe
as $$ select ((moment at time zone zone)::date + 1)::timestamp at time zone zone $$;

-- When the quiet hours end in which `moment` lies; null: in none.
create or replace function quiet_until(moment timestamptz, zone text, hours text) returns timestamptz
language sql stable parallel safe
as $$
    select case when is_quiet((moment at time zone zone)::time, hours)
                then next_time_of_day(moment, zone, split_part(hours, '-', 2)::time) end
$$;

-- When the next quiet hours begin; null: there are none.
create or replace function quiet_from(moment timestamptz, zone text, hours text) returns timestamptz
language sql stable parallel safe
as $$ select next_time_of_day(moment, zone, nullif(split_part(hours, '-', 1), '')::time) $$;

-- An instance's time zone. If PostgreSQL does not know its name, as Python may, it is the default one (oxy_ai.timezones).
create or replace function zone_of(i instances) returns text
language plpgsql stable
as $$
begin
    perform clock_timestamp() at time zone (i.settings ->> 'timezone');
    return i.settings ->> 'timezone';
exception when invalid_parameter_value then
    return 'America/Sao_Paulo';
end $$;

-- An instance's reputation, locked until the transaction ends; whoever holds its relay's row has locked that before. It
-- belongs to the number: with another one it begins anew, or as an earlier instance has left that.
create or replace function lock_reputation(organization uuid, instance uuid) returns reputation
language plpgsql
as $$
declare
    r reputation;
    phone text := (
        select own_phone_of(i.settings) from instances i where i.organization_id = organization and i.id = instance
    );
begin
    select * into r from reputation f
    where f.organization_id = organization and f.instance_id = instance for no key update;
    if r.instance_id is null or r.phone is distinct from phone then
        delete from reputation f where f.organization_id = organization and f.instance_id = instance;
        perform begin_reputation(organization, instance, phone, r);
        select * into r from reputation f
        where f.organization_id = organization and f.instance_id = instance for no key update;
    end if;
    return r;
end $$;

-- Begin an instance's reputation with a number, as the instance that had it last has left it. What was sent with another
-- number, whose reputation was `former`, says nothing.
create or replace function begin_reputation(organization uuid, instance uuid, number text, former reputation) returns void
language sql
as $$
    insert into reputation (
        organization_id, instance_id, phone, pauses, next_at, promotion_days, promoted_on, paused_at, paused_for,
        paused_by, resumed_at
    )
    select organization, instance, number, coalesce(former.pauses, 0), coalesce(l.next_at, '-infinity'),
        coalesce(l.promotion_days, 0), l.promoted_on, l.paused_at, l.paused_for, l.paused_by,
        case when former.instance_id is not null then clock_timestamp() else coalesce(l.resumed_at, '-infinity') end
    from (values (1)) one (row) left join lateral (
        select f.* from reputation f
        where f.organization_id = organization and f.phone = number and f.instance_id <> instance
        order by f.promoted_on desc nulls last limit 1
    ) l on true
    on conflict do nothing
$$;

-- Promotions that a number may send on the day of `moment`: on the first days on which it sends any, as it warms up.
create or replace function promotions_a_day(r reputation, limits jsonb, today date) returns integer
language sql immutable parallel safe
as $$
    select least(
        (limits ->> 'campaign_per_day')::integer,
        (limits -> 'warm_up' ->> (coalesce(r.promotion_days, 0) - case when r.promoted_on >= today then 1 else 0 end))::integer
    )
$$;

-- How many of them are left. A text that has been released counts, once, unless its pod said that it was not sent.
create or replace function promotions_left(r reputation, i instances, moment timestamptz) returns integer
language plpgsql stable
as $$
declare
    zone text := zone_of(i);
    today date := (moment at time zone zone)::date;
begin
    return promotions_a_day(r, i.settings -> 'limits', today) - (
        select count(*) from outbox o
        where o.organization_id = i.organization_id and o.instance_id = i.id and o.purpose = 'promotion'
            and o.released_at >= today::timestamp at time zone zone and o.released_until is not null
    );
end $$;

-- Whether a number that was stopped for this reason sends nothing of this purpose: what WhatsApp forbids the number is no
-- matter of taste. Reports go to owners, who write to it themselves.
create or replace function stops(reason text, purpose text) returns boolean
language sql immutable parallel safe
as $$
    select purpose = 'promotion' or (purpose = 'booking' and reason in ('reachout_locked', 'banned'))
$$;

-- Why an instance sends nothing of a purpose at `moment`, and until when; null: until something happens that no clock tells.
-- Within `margin` before the quiet hours it is too late to begin.
create or replace function why_shut(
    i instances, r reputation, purpose text, moment timestamptz, margin interval, out why text, out until timestamptz
)
language plpgsql stable
as $$
declare
    limits jsonb := i.settings -> 'limits';
    zone text := zone_of(i);
begin
    until := coalesce(
        quiet_until(moment, zone, limits ->> 'quiet_hours'), quiet_until(moment + margin, zone, limits ->> 'quiet_hours')
    );
    case
    when is_frozen(i.organization_id, i.id) then
        why := 'frozen';
    when not is_reachable(i) then
        why := 'connection';
    when r.paused_at is not null and stops(r.paused_for, purpose) then
        why := 'paused';
    when purpose <> 'report' and (i.settings #>> '{ai,enabled}' = 'false' or i.settings #>> '{ai,paused}' = 'true') then
        why := 'assistant';
    when purpose <> 'report' and i.settings #>> '{ai,mode}' = 'Draft' then
        why := 'draft';
    when until is not null then
        why := 'quiet_hours';
        return;
    when purpose = 'promotion' and promotions_left(r, i, moment) > 0 is not true then
        why := 'day';
        until := next_day(moment, zone);
        return;
    when limits ->> 'outbound_per_minute' is null then
        why := 'settings';
    when r.next_at > moment then
        why := 'minute';
        until := r.next_at;
        return;
    else
    end case;
    until := null;
end $$;

-- Whether the connection of an instance is there, as far as anybody has said.
create or replace function is_reachable(i instances) returns boolean
language plpgsql stable
as $$
begin
    return i.closed_at is null and not pod_has_ended(i.organization_id, i.id) and not exists (
        select from connection_states c
        where c.organization_id = i.organization_id and c.instance_id = i.id and c.state <> 'connected'
    );
end $$;

-- Until when a contact is sent no promotion, because it got one; null: it may be sent one.
create or replace function promoted_until(
    organization uuid, contact bigint, moment timestamptz, days integer, other_than uuid default null
) returns timestamptz
language plpgsql stable
as $$
begin
    return (
        select max(o.released_at) + make_interval(days => days) from conversations v
        join outbox o on o.conversation_id = v.id and o.organization_id = organization
        where v.organization_id = organization and v.contact_id = contact and o.purpose = 'promotion'
            and o.released_at > moment - make_interval(days => days) and o.released_until is not null
            and o.state not in ('failed', 'withheld') and o.id is distinct from other_than
    );
end $$;

-- Note that a text of a purpose leaves at `moment`. The next one does not before a minute's share has passed, and as much
-- longer, by chance, as `jitter` says at most: so no minute has more than it may, and no two pauses are alike.
create or replace function spend(r reputation, i instances, purpose text, moment timestamptz, jitter double precision)
returns void
language plpgsql
as $$
declare
    today date := (moment at time zone zone_of(i))::date;
    share interval := make_interval(mins => 1) / (i.settings #>> '{limits,outbound_per_minute}')::integer;
    is_new boolean := purpose = 'promotion' and coalesce(today > r.promoted_on, true);
begin
    update reputation f
    set next_at = moment + share * (1 + jitter * random()),
        promotion_days = f.promotion_days + case when is_new then 1 else 0 end,
        promoted_on = case when is_new then today else f.promoted_on end
    where f.organization_id = r.organization_id and f.instance_id = r.instance_id;
end $$;
