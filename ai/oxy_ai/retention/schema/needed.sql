-- What something that is open still needs.

-- Whether a conversation has something open: a message that waits, a turn, or a promise that a person answers.
create or replace function is_in_use(organization uuid, conversation bigint) returns boolean
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

-- Whether the owner has still to be told something of a row.
create or replace function is_untold(organization uuid, about text) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from owner_notices n
        where n.organization_id = organization and n.reference = about and n.outbox_id is null
    );
end $$;

-- Forget what the owner was told of these rows, which go with it: without it, a bad end would seem to be untold.
create or replace function forget_told(organization uuid, about text[]) returns void
language sql
as $$
    delete from owner_notices n
    where n.organization_id = organization and n.reference = any (about) and n.outbox_id is not null
$$;
