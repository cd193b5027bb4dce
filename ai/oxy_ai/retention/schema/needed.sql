-- What something that is open still needs. A promise that nobody keeps, and a notice that nobody gets, are open for as long
-- as the data itself is kept, not for ever: of a business that is gone, or a customer who never came back.

-- Whether a conversation has something open: a message that waits, a turn, or a promise since `older` that a person answers.
create or replace function is_in_use(organization uuid, conversation bigint, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from conversations v
        where v.organization_id = organization and v.id = conversation
            and (v.turn_id is not null or v.pending_since is not null)
    ) or exists (
        select from hand_overs h
        where h.organization_id = organization and h.conversation_id = conversation and h.ended_at is null
            and h.created_at >= older
    );
end $$;

-- Whether a turn is open, or a dead letter that somebody may have replayed.
create or replace function is_unfinished(organization uuid, turn bigint) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from turns t where t.organization_id = organization and t.id = turn and t.state in ('open', 'dead')
    );
end $$;

-- Whether the owner has still to be told something of a row that was noted since `older`.
create or replace function is_untold(organization uuid, about text, older timestamptz) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from owner_notices n
        where n.organization_id = organization and n.reference = about and n.outbox_id is null
            and n.created_at >= older
    );
end $$;

-- Forget what the owner was told of these rows, or was to be told before `older`, with which they go: without it, a bad end
-- would seem to be untold.
create or replace function forget_notices_about(organization uuid, about text[], older timestamptz) returns void
language sql
as $$
    with gone as (
        delete from owner_notices n
        where n.organization_id = organization and n.reference = any (about)
            and (n.outbox_id is not null or n.created_at < older)
        returning n.id
    )
    select unqueue_notices(array_agg(g.id)) from gone g
$$;
