-- What automations told, or dropped: as long as the messages, whose planner finds nothing that was due so long ago.

create or replace function expire_occurrences(
    organization uuid, instance uuid, older timestamptz, after text, how_many integer
) returns retention_step
language plpgsql
as $$
declare
    step retention_step;
    ids bigint[];
begin
    select coalesce(max(f.position), after), count(*) = how_many, coalesce(array_agg(f.id), '{}')
    into step.position, step.more, ids
    from (
        select o.id, retention_position(o.due_at, o.id) as position from automation_occurrences o
        where o.organization_id = organization and o.instance_id = instance and o.due_at < older
            and (o.due_at, o.id) > (position_time(after), position_number(after))
        order by o.due_at, o.id limit how_many
    ) f;
    ids := array(
        select o.id from automation_occurrences o
        where o.organization_id = organization and o.id = any (ids) and o.ended_at < older
            and not is_awaited_text(organization, o.outbox_id)
        for update skip locked
    );
    delete from automation_occurrences o where o.organization_id = organization and o.id = any (ids);
    get diagnostics step.deleted = row_count;
    return step;
end $$;

-- Whether a text is still to be sent, or reported.
create or replace function is_awaited_text(organization uuid, text_id uuid) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o
        where o.organization_id = organization and o.id = text_id and o.state in ('held', 'pending', 'accepted')
    );
end $$;
