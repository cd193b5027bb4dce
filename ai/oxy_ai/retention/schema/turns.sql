-- Turns, with their steps, drafts and hand-overs; and what their models' calls have cost.

create or replace function expire_turns(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many,
        coalesce(array_agg(f.id) filter (where f.instance_id = instance), '{}')
    into step.position, step.more, ids
    from (
        select t.id, t.instance_id, retention_position(t.finished_at, t.id) as position from turns t
        where t.organization_id = organization and t.finished_at < older
            and (t.finished_at, t.id) > (position_time(after), position_number(after))
        order by t.finished_at, t.id limit how_many
    ) f;
    ids := array(
        select t.id from turns t
        where t.organization_id = organization and t.id = any (ids) and turn_may_go(t, older) for update skip locked
    );
    perform forget_notices_about(organization, array(select 'turn:' || i from unnest(ids) i), older);
    perform forget_notices_about(organization, array(
        select 'hand_over:' || h.id from hand_overs h where h.organization_id = organization and h.turn_id = any (ids)
    ), older);
    delete from hand_overs h where h.organization_id = organization and h.turn_id = any (ids);
    delete from drafts d where d.organization_id = organization and d.turn_id = any (ids);
    delete from turn_steps s where s.organization_id = organization and s.turn_id = any (ids);
    delete from turns t where t.organization_id = organization and t.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

-- Whether nothing refers to a turn that is kept for longer.
create or replace function turn_may_go(t turns, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return t.state not in ('open', 'dead') and not is_in_use(t.organization_id, t.conversation_id, older)
        and not is_untold(t.organization_id, 'turn:' || t.id, older)
        and not exists (select from messages m where m.organization_id = t.organization_id and m.turn_id = t.id)
        and not exists (select from outbox o where o.organization_id = t.organization_id and o.turn_id = t.id)
        and not exists (select from proposals p where p.organization_id = t.organization_id and p.turn_id = t.id)
        and not exists (
            select from hand_overs h
            where h.organization_id = t.organization_id and h.turn_id = t.id
                and (h.ended_at is null and h.created_at >= older
                    or is_untold(t.organization_id, 'hand_over:' || h.id, older))
        );
end $$;

-- What models answered in each round, and what tools gave them.
create or replace function expire_turn_steps(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many and bool_or(f.created_at < older),
        coalesce(array_agg(f.turn_id) filter (where f.created_at < older), '{}')
    into step.position, step.more, ids
    from (
        select s.turn_id, s.created_at, numbered_position(s.turn_id) as position from turn_steps s
        where s.organization_id = organization and s.turn_id > position_number(after)
        order by s.turn_id limit how_many
    ) f;
    ids := array(
        select t.id from turns t
        where t.organization_id = organization and t.instance_id = instance and t.id = any (ids)
            and t.finished_at < older and t.state not in ('open', 'dead')
        for no key update skip locked
    );
    delete from turn_steps s where s.organization_id = organization and s.turn_id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

create or replace function expire_calls(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids uuid[];
begin
    select coalesce(max(f.created_at || '|' || f.id), after), count(*) = how_many,
        coalesce(array_agg(f.id) filter (where f.instance_id = instance), '{}')
    into step.position, step.more, ids
    from (
        select to_char(c.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as created_at, c.id, c.instance_id
        from ai_interactions c
        where c.organization_id = organization and c.created_at < older
            and (c.created_at, c.id) > (position_time(after), position_id(split_part(after, '|', 2)))
        order by c.created_at, c.id limit how_many
    ) f;
    ids := array(
        select c.id from ai_interactions c
        where c.organization_id = organization and c.id = any (ids) and not is_unfinished(organization, c.turn_id)
        for update skip locked
    );
    delete from ai_interactions c where c.organization_id = organization and c.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;
