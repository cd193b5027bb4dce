-- What an instance's owner must hear of: noted where it happens, told in groups by a worker.

-- Note something for the owner, once per kind (oxy_ai.records.NoticeKind) and reference. `reference` names a row:
-- message:<id>, turn:<id>, outbox:<id>, conversation:<id>, hand_over:<id>, report:<id>, outage:<id>, pause:<n> or job:<id>;
-- or jobs:<kind>:<day>, all jobs of a kind that died on a day. It locks no row that another transaction may want, so any
-- transaction of the organization may call it.
create or replace function note_for_owner(organization uuid, instance uuid, kind text, reference text) returns void
language plpgsql
as $$
declare
    notice bigint;
begin
    insert into owner_notices (organization_id, instance_id, kind, reference)
    values (organization, instance, kind, reference) on conflict do nothing returning id into notice;
    if notice is not null then
        perform queue_notice(organization, instance, notice, 0, is_urgent(kind));
    end if;
end $$;

-- Whether the owner is told at once of a kind (oxy_ai.records.NoticeKind), before others are gathered with it.
create or replace function is_urgent(kind text) returns boolean
language sql immutable parallel safe
as $$ select kind = 'hand_over_urgent' $$;

-- Forget what was noted and is not told yet.
create or replace function withdraw_notice(organization uuid, instance uuid, what text, about text) returns void
language plpgsql
as $$
declare
    withdrawn bigint[];
begin
    with gone as (
        delete from owner_notices n where n.organization_id = organization and n.instance_id = instance
            and n.kind = what and n.reference = about and n.outbox_id is null returning n.id
    )
    select array_agg(g.id) into withdrawn from gone g;
    perform unqueue_notices(withdrawn);
end $$;

create or replace function queue_notice(
    organization uuid, instance uuid, notice bigint, failures integer, urgent boolean
) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into notice_queue (notice_id, organization_id, instance_id, failures, urgent)
    values (notice, organization, instance, failures, urgent)
    on conflict (notice_id) do update set failures = excluded.failures, noted_at = excluded.noted_at
$$;

create or replace function unqueue_notices(notices bigint[]) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from notice_queue where notice_id = any (notices) $$;

-- The instances with notices to tell: `grouping_time` after the first was noted, together with all noted since, up to
-- `largest`. One that could not be told is tried again after a pause that doubles up to `longest`, in all `most` times.
-- What concerns a deleted instance is told once it is made again.
create or replace function due_notices(
    grouping_time interval, longest interval, most integer, largest integer, how_many integer
) returns table (organization uuid, instance uuid, notices bigint[])
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    return query
    select q.organization_id, q.instance_id,
        (array_agg(q.notice_id order by q.notice_id) filter (where q.failures = 0 or q.due_at <= moment))[1:largest]
    from (
        select n.*, n.noted_at + case when n.urgent and n.failures = 0 then interval '0'
            else relay_backoff(n.failures, grouping_time, longest) end as due_at
        from notice_queue n where n.failures < most and not exists (
            select from relay_queue r where r.instance_id = n.instance_id and r.closed
        )
    ) q
    group by q.organization_id, q.instance_id having min(q.due_at) <= moment
    order by min(q.due_at) limit how_many;
end $$;

-- Notices that are not told yet, with the people whom they are about: oxy_ai.records.OpenNotices.
create or replace function open_notices(organization uuid, instance uuid, notices bigint[]) returns jsonb
language plpgsql
as $$
begin
    perform enter_org(organization);
    return (
        select jsonb_build_object('owners', owners_of(i.settings), 'own_phone', own_phone_of(i.settings), 'notices', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', n.id, 'kind', n.kind, 'name', c.name, 'phone', c.phone, 'reason', h.reason, 'summary', h.summary,
                'silences', h.silences is not false, 'commanded', is_commanded(organization, n.reference)
            ) order by n.id), '[]')
            from owner_notices n
            left join conversations v on v.organization_id = organization
                and v.id = conversation_about(organization, n.reference)
            left join contacts c on c.organization_id = organization and c.id = v.contact_id
            left join hand_overs h on h.organization_id = organization
                and h.id = substring(n.reference from '^hand_over:(\d+)$')::bigint
            where n.organization_id = organization and n.id = any (notices) and n.outbox_id is null
        ))
        from instances i where i.organization_id = organization and i.id = instance
    );
end $$;

-- Whether a notice's reference leads to a message that a command has sent, not the assistant or one of its plans.
create or replace function is_commanded(organization uuid, reference text) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o where o.organization_id = organization and o.lane <> 'reply' and o.purpose is null
            and o.id = substring(is_commanded.reference from '^outbox:(.+)$')::uuid
    );
end $$;

-- The conversation that a notice's reference leads to; null: none.
create or replace function conversation_about(organization uuid, reference text) returns bigint
language plpgsql stable
as $$
declare
    key text := split_part(reference, ':', 2);
    conversation bigint;
begin
    case split_part(reference, ':', 1)
    when 'message' then
        select m.conversation_id into conversation from messages m
        where m.organization_id = organization and m.id = key::bigint;
    when 'turn' then
        select t.conversation_id into conversation from turns t
        where t.organization_id = organization and t.id = key::bigint;
    when 'outbox' then
        select o.conversation_id into conversation from outbox o
        where o.organization_id = organization and o.id = key::uuid;
    when 'conversation' then
        conversation := key::bigint;
    when 'hand_over' then
        select h.conversation_id into conversation from hand_overs h
        where h.organization_id = organization and h.id = key::bigint;
    when 'report' then
        select a.conversation_id into conversation from dead_reports d
        join chat_alias a on a.instance_id = d.instance_id and a.jid = d.chat
        where d.organization_id = organization and d.id = key::bigint;
    when 'job' then
        select max(v.id) into conversation from jobs j
        join conversations v on v.organization_id = organization and v.contact_id = j.contact_id
        where j.organization_id = organization and j.id = split_part(reference, ':', 2)::bigint;
    else  -- an outage concerns no single one
    end case;
    return kept_conversation(organization, conversation);
end $$;

-- The conversation into which this one was merged in the end, or itself.
create or replace function kept_conversation(organization uuid, conversation bigint) returns bigint
language sql stable
as $$
    with recursive chain as (
        select c.id, c.merged_into from conversations c where c.organization_id = organization and c.id = conversation
        union all
        select c.id, c.merged_into from chain join conversations c
            on c.organization_id = organization and c.id = chain.merged_into
    )
    select id from chain where merged_into is null
$$;

-- Queue the text that tells the owner of notices, or, `as_well`, another owner of what was told just now. `owner` is
-- oxy_ai.records.Recipient. False: one of them is told already, or is gone: whom it is about was forgotten.
create or replace function tell_owner(
    organization uuid, instance uuid, owner jsonb, message jsonb, notices bigint[], as_well boolean default false
) returns boolean
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    if cardinality(notices) > (
        select count(*) from owner_notices n
        where n.organization_id = organization and n.id = any (notices) and (n.outbox_id is not null) = as_well
    ) then
        return false;
    end if;
    v := conversation_with(organization, instance, owner);
    perform queue_text(v, null::turns, message, null);
    update owner_notices n set outbox_id = (message ->> 'id')::uuid
    where n.organization_id = organization and n.id = any (notices) and not as_well;
    perform unqueue_notices(notices);
    perform send_queued(organization, instance);
    return true;
end $$;

-- Tell again what a text told that did not reach the owner.
create or replace function retell(request outbox) returns void
language sql
as $$
    with untold as (
        update owner_notices n set outbox_id = null
        where n.organization_id = request.organization_id and n.outbox_id = request.id returning n.id
    )
    select tell_again(request.organization_id, request.instance_id, array_agg(u.id)) from untold u
$$;

-- Try later to tell those of the notices that are not told.
create or replace function tell_again(organization uuid, instance uuid, notices bigint[]) returns void
language sql
as $$
    select enter_org(organization);
    with failed as (
        update owner_notices n set failures = n.failures + 1
        where n.organization_id = organization and n.id = any (notices) and n.outbox_id is null returning n
    )
    select queue_notice(organization, instance, (f.n).id, (f.n).failures, is_urgent((f.n).kind)) from failed f
$$;
