-- Texts that were sent or not, what was proposed with them, and what they told the owner.

create or replace function expire_texts(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids uuid[];
begin
    select coalesce(max(f.id::text), after), count(*) = how_many,
        coalesce(array_agg(f.id) filter (where f.instance_id = instance), '{}')
    into step.position, step.more, ids
    from (
        select o.id, o.instance_id from outbox o
        where o.organization_id = organization and o.id > position_id(after) and o.id < first_id_at(older)
        order by o.id limit how_many
    ) f;
    ids := array(
        select o.id from outbox o
        where o.organization_id = organization and o.id = any (ids) and o.created_at < older and text_may_go(o, older)
        for update skip locked
    );
    perform forget_notices_about(organization, array(select 'outbox:' || i from unnest(ids) i), older);
    delete from outbox o where o.organization_id = organization and o.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

create or replace function text_may_go(o outbox, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return o.state not in ('held', 'pending', 'accepted') and not is_unfinished(o.organization_id, o.turn_id)
        and not exists (select from messages m where m.organization_id = o.organization_id and m.outbox_id = o.id)
        and not exists (
            select from owner_notices n where n.organization_id = o.organization_id and n.outbox_id = o.id
        )
        and not exists (
            select from proposals p where p.organization_id = o.organization_id and p.question_id = o.id
        )
        and not is_untold(o.organization_id, 'outbox:' || o.id, older)
        and not is_in_use(o.organization_id, o.conversation_id, older) and not is_of_open_campaign(o);
end $$;

create or replace function expire_proposals(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many and bool_or(f.created_at < older),
        coalesce(array_agg(f.id) filter (where f.instance_id = instance and f.ended_at < older), '{}')
    into step.position, step.more, ids
    from (
        select p.id, p.instance_id, p.created_at, p.ended_at, numbered_position(p.id) as position
        from proposals p
        where p.organization_id = organization and p.id > position_number(after) order by p.id limit how_many
    ) f;
    ids := array(
        select p.id from proposals p
        where p.organization_id = organization and p.id = any (ids) and not is_unfinished(organization, p.turn_id)
            and not is_in_use(organization, p.conversation_id, older)
        for update skip locked
    );
    delete from proposals p where p.organization_id = organization and p.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

-- What the owner was told, or could not be told for so long, unless it was of a row that is still there: it goes with that.
create or replace function expire_notices(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many and bool_or(f.created_at < older),
        coalesce(array_agg(f.id) filter (where f.instance_id = instance and f.created_at < older), '{}')
    into step.position, step.more, ids
    from (
        select n.id, n.instance_id, n.created_at, numbered_position(n.id) as position from owner_notices n
        where n.organization_id = organization and n.id > position_number(after) order by n.id limit how_many
    ) f;
    ids := array(
        select n.id from owner_notices n
        where n.organization_id = organization and n.id = any (ids) and not is_of_kept_row(n) for update skip locked
    );
    perform unqueue_notices(ids);
    delete from owner_notices n where n.organization_id = organization and n.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

create or replace function is_of_kept_row(n owner_notices) returns boolean
language plpgsql stable
as $$
declare
    kind text := split_part(n.reference, ':', 1);
    key text := split_part(n.reference, ':', 2);
begin
    return case kind
        when 'message' then exists (
            select from messages m where m.organization_id = n.organization_id and m.id = key::bigint)
        when 'turn' then exists (select from turns t where t.organization_id = n.organization_id and t.id = key::bigint)
        when 'outbox' then exists (select from outbox o where o.organization_id = n.organization_id and o.id = key::uuid)
        when 'hand_over' then exists (
            select from hand_overs h where h.organization_id = n.organization_id and h.id = key::bigint)
        when 'report' then exists (
            select from dead_reports d where d.organization_id = n.organization_id and d.id = key::bigint)
        else false
    end;
end $$;
