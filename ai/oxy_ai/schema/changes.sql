-- Messages that change another one of their chat: edits, revokes, reactions, votes. They are stored as they come and looked
-- up when the message is read, so that it does not matter which of them comes first, or whether their chats were merged
-- in between. Of several, the one in the latest place counts.

-- WhatsApp's id of the message that this one changes; null: it changes none.
create or replace function target_of(m inbound_message) returns text
language sql immutable parallel safe
as $$
    select case when m.kind in ('edit', 'revoke', 'reaction', 'vote', 'event_reply')
                then m.details -> 'target' ->> 'whatsapp_id' end
$$;

-- Why a revoked message is ignored.
create or replace function revoked_by_sender() returns text
language sql immutable parallel safe
as $$ select 'revoked by its sender' $$;

-- Whether both are by the same side of a chat with one person: only then may one edit or revoke the other. The addresses
-- of a person differ, and so do those of the business's account.
create or replace function is_same_side(one text, other text) returns boolean
language sql immutable parallel safe
as $$ select (one = 'customer') = (other = 'customer') $$;

-- Whether a message that has just come was revoked before.
create or replace function is_revoked(v conversations, m inbound_message) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from messages c
        where c.conversation_id = v.id and c.target_id = m.whatsapp_id and c.kind = 'revoke'
            and (c.author = 'customer') = (m.self_chat or not m.from_me)
    );
end $$;

-- Settle what was revoked and is open, or answered by a person: whichever came first, it counts as revoked. `target`: by
-- WhatsApp's id; null: whatever was revoked in the chat. What becomes of an open turn: as in settle_answered; one that a person
-- has asked for goes on with its other inputs.
create or replace function settle_revoked(v conversations, target text) returns conversations
language plpgsql set enable_seqscan to off
as $$
declare
    in_turn boolean;
begin
    with revoked as (
        update messages m
        set state = 'ignored', reason = revoked_by_sender(), settled_at = clock_timestamp()
        from messages c
        where c.conversation_id = v.id and c.target_id is not null and c.target_id = coalesce(target, c.target_id)
            and c.kind = 'revoke' and m.instance_id = v.instance_id and m.whatsapp_id = c.target_id
            and m.conversation_id = v.id and m.state in ('open', 'person') and is_same_side(c.author, m.author)
        returning m.turn_id
    )
    select coalesce(bool_or(r.turn_id = v.turn_id), false) into in_turn from revoked r;
    if in_turn and v.lease_until is null
        and not (is_replayed(v.organization_id, v.turn_id) and leave_out_revoked(v.turn_id)) then
        perform replace_turn(v.organization_id, v.turn_id, 'human');
        v.turn_id := null;
    end if;
    return recount(v);
end $$;

-- WhatsApp's id of a stored message; null: one of the assistant's that was not sent yet.
create or replace function whatsapp_id_of(m messages) returns text
language plpgsql stable
as $$
begin
    return coalesce(m.whatsapp_id, (
        select o.whatsapp_id from outbox o where o.organization_id = m.organization_id and o.id = m.outbox_id
    ));
end $$;

-- What became of a message, empty: nothing. `edit`: its new text; `revoke`: it was revoked; `answers`: the newest reaction,
-- vote and answer to an invitation of each author, {author, details}.
create or replace function changes_of(m messages) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_strip_nulls(jsonb_build_object(
            'edit', max(coalesce(n.body, '')) filter (where n.kind = 'edit'),
            'revoke', nullif(coalesce(bool_or(n.kind = 'revoke'), false), false),
            'answers', jsonb_agg(jsonb_build_object('author', n.author, 'details', n.details) order by n.place)
                filter (where n.kind not in ('edit', 'revoke'))
        ))
        from (
            select distinct on (c.kind, c.author) c.kind, c.author, c.place, c.body, c.content -> 'details' as details
            from messages c
            where c.conversation_id = m.conversation_id and c.target_id = whatsapp_id_of(m)
                and (c.kind not in ('edit', 'revoke') or is_same_side(c.author, m.author))
            order by c.kind, c.author, c.place desc, c.id desc
        ) n
    );
end $$;

-- What a message answers, as it is known here: {author, kind, text}; without a kind and text if it was revoked. Null: it
-- answers none, or one that is not known.
create or replace function quoted_by(m messages, longest integer) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object('author', q.author) || case when is_withdrawn(m, q.author)
            then '{"revoked": true}' else jsonb_build_object('kind', q.kind, 'text', left(q.body, longest)) end
        from (
            select o.author, o.kind, coalesce(o.body, heard_in(o)) as body from messages o
            where o.instance_id = m.instance_id and o.whatsapp_id = m.quoted_id
                and o.conversation_id = m.conversation_id and not o.placeholder
            union all
            select 'assistant', 'text', coalesce(
                o.body, o.content ->> 'text', o.content ->> 'caption', o.content ->> 'question'
            ) from outbox o
            where o.instance_id = m.instance_id and o.whatsapp_id = m.quoted_id
                and o.conversation_id = m.conversation_id
        ) q limit 1
    );
end $$;

-- Whether the message of this author that `m` quotes was revoked.
create or replace function is_withdrawn(m messages, of_author text) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from messages c
        where c.conversation_id = m.conversation_id and c.target_id = m.quoted_id and c.kind = 'revoke'
            and is_same_side(c.author, of_author)
    );
end $$;

-- Why the file of a message cannot be had (oxy_core.files.FileFailure); null: it can, or may still arrive.
create or replace function file_failure_of(m messages) returns text
language plpgsql stable
as $$
begin
    return (
        select f.reason from media f
        where f.instance_id = m.instance_id and f.id = (m.content -> 'file' ->> 'id')::uuid and f.direction = 'in'
            and f.state = 'failed'
    );
end $$;

-- A message as a turn reads it, within `limits` (oxy_ai.records.TurnLimits): oxy_ai.records.SaidMessage. Nothing but its
-- kind is left of what was revoked.
create or replace function as_said(m messages, limits jsonb) returns jsonb
language plpgsql stable
as $$
declare
    longest integer := limits ->> 'characters_each';
    changes jsonb := changes_of(m);
    said text := case when changes ? 'edit' then changes ->> 'edit' else m.body end;
begin
    if changes ? 'revoke' then
        return jsonb_build_object('kind', m.kind, 'revoked', true);
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'kind', m.kind, 'source', m.source, 'text', left(said, longest), 'cut', length(said) > longest,
        'before_edit', case when changes ? 'edit' then left(m.body, (limits ->> 'characters_quoted')::integer) end,
        'content', case when octet_length(m.content::text) <= (limits ->> 'content_bytes')::integer then m.content end,
        'answers', changes -> 'answers',
        'quoted', case when m.quoted_id is not null then quoted_by(m, (limits ->> 'characters_quoted')::integer) end,
        'file_failure', case when m.content ? 'file' then file_failure_of(m) end,
        'reading', case when m.content ? 'file' then reading_of(m, longest) end
    ));
end $$;

-- How much of a turn's limit of characters a message takes.
create or replace function characters_of(said jsonb) returns integer
language sql immutable parallel safe
as $$
    select coalesce(length(said ->> 'text'), 0) + coalesce(length(said ->> 'content'), 0)
        + coalesce(length(said -> 'reading' ->> 'text'), 0)
$$;
