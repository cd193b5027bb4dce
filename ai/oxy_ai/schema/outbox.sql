-- Messages to send, most of them texts: queued by a turn or a command, offered by a relay, closed by the pod's report.

-- Add a text to the outbox and to the conversation, once per turn, part and piece. `message` is oxy_ai.records.Answer;
-- unsent, it expires after `keep_seconds`. `basis`: sequence number of the newest message that the text takes into account;
-- null: it is sent in any case.
create or replace function queue_text(v conversations, turn turns, message jsonb, basis integer) returns void
language plpgsql
as $$
declare
    said text := introduced(v, message);
begin
    insert into outbox (
        organization_id, id, instance_id, conversation_id, turn_id, part, piece, chat, body, based_on, based_on_epoch,
        trace, expires_at
    ) values (
        v.organization_id, (message ->> 'id')::uuid, v.instance_id, v.id, turn.id, (message ->> 'part')::smallint,
        coalesce((message ->> 'piece')::smallint, 0), v.chat, said, basis,
        case when basis is not null then turn.based_on_epoch end, turn.trace,
        now() + make_interval(secs => (message ->> 'keep_seconds')::double precision)
    ) on conflict (organization_id, turn_id, part, piece) do nothing;
    if found then
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, author, place, kind, body, sent_at, outbox_id
        ) values (
            v.organization_id, v.instance_id, v.id, v.chat, v.chat, 'assistant',
            case when turn.conversation_id = v.id then turn.place else v.place end, 'text', said,
            clock_timestamp(), (message ->> 'id')::uuid
        );
        perform note_message_sent(v, message);
    end if;
end $$;

-- What a text says: with its introduction, unless the contact was told before that a virtual assistant answers.
create or replace function introduced(v conversations, message jsonb) returns text
language plpgsql stable
as $$
begin
    return (message ->> 'text') || case when message ->> 'introduction' <> '' and not was_introduced(v)
                                        then E'\n\n' || (message ->> 'introduction') else '' end;
end $$;

-- Whether the contact was told that a virtual assistant answers, by a text that was sent or is about to be.
create or replace function was_introduced(v conversations) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o where o.organization_id = v.organization_id and o.id = v.introduced_by
            and o.state in ('pending', 'accepted', 'sent', 'delivered', 'read')
    );
end $$;

-- Note in a conversation that a message of ours was queued. An empty introduction: the text itself says who answers.
create or replace function note_message_sent(v conversations, message jsonb) returns void
language plpgsql
as $$
begin
    update conversations c
    set last_message_at = clock_timestamp(),
        introduced_by = case when message ->> 'introduction' is null or was_introduced(c) then c.introduced_by
                             else (message ->> 'id')::uuid end
    where c.organization_id = v.organization_id and c.id = v.id;
end $$;

-- Add a message that no turn asked for, to the person `recipient` (oxy_ai.records.Recipient), and have it sent. `message`
-- is oxy_ai.records.OutgoingMessage. A `shown` one, which phones show as a message, joins the conversation.
create or replace function queue_message(organization uuid, instance uuid, recipient jsonb, message jsonb) returns void
language plpgsql
as $$
declare
    v conversations;
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    v := conversation_with(organization, instance, recipient);
    insert into outbox (
        organization_id, id, instance_id, conversation_id, part, lane, chat, body, content, trace, expires_at
    ) values (
        organization, (message ->> 'id')::uuid, instance, v.id, (message ->> 'part')::smallint,
        (message ->> 'lane')::lane, v.chat, message ->> 'text', message -> 'content', message ->> 'trace',
        clock_timestamp() + make_interval(secs => (message ->> 'keep_seconds')::double precision)
    );
    insert into messages (
        organization_id, instance_id, conversation_id, chat, sender, author, place, kind, body, sent_at, outbox_id
    )
    select organization, instance, v.id, v.chat, v.chat, 'assistant', v.place, s.shown ->> 'kind', s.shown ->> 'text',
        clock_timestamp(), (message ->> 'id')::uuid
    from jsonb_extract_path(message, 'shown') s (shown) where s.shown is not null;
    if found then
        perform note_message_sent(v, message);
    end if;
    perform send_queued(organization, instance);
end $$;

-- Texts to offer, most urgent lane first: oxy_ai.records.OutboxRow.
create or replace function offered_texts(organization uuid, ids uuid[]) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(to_jsonb(r) - 'position' order by r.lane, r.position), '[]') from (
            select coalesce(o.request_id, o.id) as id, o.chat, o.body as text, o.content, o.lane, o.position, o.based_on,
                o.based_on_epoch, o.created_at, least(o.expires_at, o.released_until) as expires_at,
                extract(epoch from least(o.expires_at, o.released_until) - clock_timestamp()) as valid_seconds, o.trace,
                case when stops('reachout_locked', o.purpose) then coalesce((
                    select resumption_at(p.resumed_at) from reputation p
                    where p.organization_id = organization and p.instance_id = o.instance_id
                ), 0) end as resumption
            from outbox o where o.organization_id = organization and o.id = any (ids)
        ) r
    );
end $$;

-- Texts that are pending and that no other transaction holds. A relay does not wait for those, because it holds its own
-- row, for which the other may wait: they are offered again, unless they have ended.
create or replace function free_texts(organization uuid, ids uuid[]) returns setof uuid
language plpgsql
as $$
begin
    return query
    select o.id from outbox o where o.organization_id = organization and o.id = any (ids) and o.state = 'pending'
    for no key update skip locked;
end $$;

-- The text of a send request; null: it is not that of any, or not any more.
create or replace function text_of_request(organization uuid, request uuid) returns uuid
language plpgsql stable
as $$
declare
    text_id uuid;
begin
    select o.id into text_id from outbox o
    where o.organization_id = organization and o.id = request and o.request_id is null;
    if text_id is null then
        select o.id into text_id from outbox o where o.organization_id = organization and o.request_id = request;
    end if;
    return text_id;
end $$;

-- Mark texts as accepted into these journals, by their requests. What was accepted into one that is gone already is
-- ambiguous.
create or replace function mark_accepted(organization uuid, requests uuid[], epochs uuid[]) returns void
language plpgsql
as $$
declare
    ids uuid[] := array(
        select text_of_request(organization, r.request) from unnest(requests) with ordinality r (request, n) order by r.n
    );
    marked outbox;
begin
    for marked in
        update outbox o set state = 'accepted', accepted_epoch = a.epoch, accepted_at = clock_timestamp()
        from unnest(ids, epochs) a (id, epoch)
        where o.organization_id = organization and o.id = a.id and a.id in (select free_texts(organization, ids))
        returning o.*
    loop
        if is_superseded(marked.instance_id, marked.accepted_epoch) then
            perform lose_text(marked);
        end if;
    end loop;
end $$;

-- Close a text whose journal is gone before it was reported.
create or replace function lose_text(lost outbox) returns void
language plpgsql
as $$
begin
    update outbox o set state = 'ambiguous', error = 'JournalLost', closed_at = clock_timestamp()
    where o.organization_id = lost.organization_id and o.id = lost.id returning * into lost;
    perform report_unsent(lost);
end $$;

-- Record the result of a send request. Returns stored, or duplicate if it has one already. A result that was assumed,
-- because the pod had not reported any, gives way to the true one, and so does it that a text was not to be sent.
create or replace function close_request(organization uuid, instance uuid, result jsonb) returns text
language plpgsql
as $$
declare
    request outbox;
    text_id uuid := text_of_request(organization, (result ->> 'request_id')::uuid);
begin
    update outbox o
    set state = coalesce(state_by_receipts(o), result ->> 'outcome'), whatsapp_id = result ->> 'whatsapp_id',
        whatsapp_at = (result ->> 'whatsapp_timestamp')::timestamptz, refusal = result ->> 'refusal',
        error = result ->> 'error',
        closed_at = case when state_by_receipts(o) is null then clock_timestamp() else closed_at end
    where organization_id = organization and instance_id = instance and id = text_id and (
        closed_at is null or error in ('JournalLost', 'InstanceDeleted', 'NotAccepted')
        or (state = 'withheld' or error = 'NotReleased') and result ->> 'outcome' in ('sent', 'ambiguous')
        or whatsapp_id is null and state_by_receipts(o) is not null
    )
    returning * into request;
    if request.id is null then
        return 'duplicate';
    end if;
    request := hold_again(request);
    perform withdraw_notice(organization, instance, what, 'outbox:' || request.id)
    from unnest('{failed,expired,ambiguous}'::text[]) what where what <> request.state;
    perform report_unsent(request);
    return 'stored';
end $$;

-- See to it that the owner hears of a text that was not sent, or perhaps not. If it was itself a notice to him, what it
-- told is told again: better twice than not at all. Of promotions he hears in their campaign's report.
create or replace function report_unsent(o outbox) returns void
language plpgsql
as $$
begin
    if o.state in ('failed', 'expired', 'ambiguous') and o.part = 2 then
        perform retell(o);
    elsif o.state in ('failed', 'expired', 'ambiguous') and o.purpose is distinct from 'promotion' then
        perform note_for_owner(o.organization_id, o.instance_id, o.state, 'outbox:' || o.id);
    end if;
end $$;

-- Close the texts of an instance that no pod accepted in time. Those that were released for a shorter time are held again,
-- under the same request: a pod may have it, and sends it once. So are those that nobody asked for and that must not leave
-- any more (`is_taken_back`).
create or replace function expire_pending(organization uuid, instance uuid) returns void
language plpgsql
as $$
declare
    moment timestamptz := clock_timestamp();
    held_again boolean;
begin
    with late as (
        select o.id from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'pending'
            and (least(o.expires_at, o.released_until) <= moment or o.purpose is not null and is_taken_back(o))
        for no key update skip locked  -- as in free_texts
    ), ended as (
        update outbox o
        set state = case when o.expires_at > moment then 'held' else 'expired' end, error = 'NotAccepted',
            closed_at = case when o.expires_at > moment then null else moment end
        from late where o.organization_id = organization and o.id = late.id returning o
    )
    select bool_or((e.o).state = 'held') into held_again from ended e, lateral report_unsent(e.o);
    if held_again then
        perform look_again(instance, moment);
    end if;
end $$;

-- Whether a text that was released must not leave any more: people answer its contact, what it belongs to or its number was
-- stopped, or what it tells is not so any more.
create or replace function is_taken_back(o outbox) returns boolean
language plpgsql stable
as $$
begin
    return o.held_until = 'infinity' or why_outdated(o) is not null or exists (
        select from reputation r
        where r.organization_id = o.organization_id and r.instance_id = o.instance_id and r.paused_at is not null
            and stops(r.paused_for, o.purpose)
    ) or o.purpose <> 'report' and exists (
        select from conversations v
        where v.organization_id = o.organization_id and v.id = o.conversation_id and v.human_until > clock_timestamp()
    );
end $$;

-- Whether texts of an instance are left that nobody has offered.
create or replace function has_pending(organization uuid, instance uuid) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o where o.organization_id = organization and o.instance_id = instance and o.state = 'pending'
    );
end $$;

-- When the next text of an instance that is not sent yet expires; null: none does.
create or replace function next_expiry(organization uuid, instance uuid) returns timestamptz
language plpgsql stable
as $$
begin
    return (
        select min(least(o.expires_at, o.released_until)) from outbox o
        where o.organization_id = organization and o.instance_id = instance and o.state = 'pending'
    );
end $$;

-- An instance's pod writes a new journal: what older ones accepted and have not reported is ambiguous.
create or replace function journal_began(organization uuid, instance uuid, epoch uuid) returns void
language sql
as $$
    with lost as (
        update outbox o set state = 'ambiguous', error = 'JournalLost', closed_at = clock_timestamp()
        where organization_id = organization and instance_id = instance and state = 'accepted'
            and accepted_epoch is distinct from epoch
        returning o
    )
    select report_unsent(l.o) from lost l;
    select recall_erasures(organization, instance);
$$;

-- Close the texts of a deleted instance: what is pending has failed, what its pod accepted is ambiguous. The owner hears
-- of them when it is made again.
create or replace function fail_texts(organization uuid, instance uuid) returns void
language sql
as $$
    with ended as (
        update outbox o
        set state = case state when 'accepted' then 'ambiguous' else 'failed' end, error = 'InstanceDeleted',
            closed_at = clock_timestamp()
        where organization_id = organization and instance_id = instance and state in ('held', 'pending', 'accepted')
        returning o
    )
    select report_unsent(e.o) from ended e;
$$;
