-- What did not arrive: messages that could not be decrypted or never reached the pod's journal, and files that nobody has any
-- more. The owner hears of each; the customer may be asked to send it again.

-- A pod has found that a message is lost: the body of its report is oxy_core.report_bodies.MessageLost. The report of a
-- placeholder in its place comes before or after. Returns the report's outcome.
create or replace function lose_message(item jsonb, m inbound_message) returns text
language plpgsql
as $$
declare
    body jsonb := item -> 'report' -> 'body';
    at place := place_of_report(item);
    v conversations := lock_conversation(item, m, at);
    why text := 'lost: ' || (body ->> 'found_by');
    state message_state;
begin
    m.sent_at := coalesce(m.sent_at, (item -> 'report' ->> 'occurred_at')::timestamptz);
    state := state_on_arrival(m, false, false);
    if not store_message(v, m, at, state, case when state = 'lost' then why else reason_on_arrival(m, state, false) end,
                         coalesce((item ->> 'age_seconds')::double precision, 0), item -> 'report' ->> 'trace') then
        update messages p set reason = why
        where p.instance_id = v.instance_id and p.whatsapp_id = m.whatsapp_id and p.conversation_id = v.id
            and p.placeholder and p.state = 'lost';
    end if;
    perform settle_placeholder(v, m);
    return 'stored';
end $$;

-- Which notice (oxy_ai.records.NoticeKind) tells the owner of a message that is lost for this reason.
create or replace function notice_of_loss(reason text) returns text
language sql immutable parallel safe
as $$ select case when reason = 'undecryptable' then 'undecryptable' else 'lost' end $$;

-- A message without its content is lost, and its owner hears of it, unless it also came in readable form, before or after.
create or replace function settle_placeholder(v conversations, m inbound_message) returns void
language plpgsql
as $$
declare
    lost messages;
begin
    select * into lost from messages p
    where p.instance_id = v.instance_id and p.whatsapp_id = m.whatsapp_id and p.conversation_id = v.id
        and p.placeholder and p.state = 'lost';
    if lost.id is null then
        return;
    elsif m.kind <> 'undecryptable' or exists (
        select from messages r
        where r.instance_id = v.instance_id and r.whatsapp_id = m.whatsapp_id and r.conversation_id = v.id
            and r.author = lost.author and not r.placeholder
    ) then
        update messages set state = 'ignored', reason = 'received in readable form', settled_at = clock_timestamp()
        where organization_id = lost.organization_id and id = lost.id;
        perform withdraw_notice(lost.organization_id, lost.instance_id, n.kind, 'message:' || lost.id)
        from unnest('{undecryptable,lost}'::text[]) n (kind);
    else
        perform withdraw_notice(lost.organization_id, lost.instance_id, n.kind, 'message:' || lost.id)
        from unnest('{undecryptable,lost}'::text[]) n (kind) where n.kind <> notice_of_loss(lost.reason);
        perform note_for_owner(
            lost.organization_id, lost.instance_id, notice_of_loss(lost.reason), 'message:' || lost.id
        );
    end if;
end $$;

-- Whether a message was in its chat before the instance was paired for the first time.
create or replace function is_before_pairing(m messages) returns boolean
language sql immutable parallel safe
as $$ select m.reason is not distinct from before_pairing() $$;

create or replace function before_pairing() returns text
language sql immutable parallel safe
as $$ select 'from before the first pairing' $$;

-- The owner hears of a file of a customer's message that nobody has any more, unless a person has seen it on the phone.
create or replace function note_lost_file(organization uuid, instance uuid, file uuid) returns void
language sql
as $$
    select note_for_owner(organization, instance, 'file_lost', 'message:' || m.id)
    from media f join messages m on m.organization_id = organization and m.id = f.message_id
    where f.organization_id = organization and f.instance_id = instance and f.id = file and f.state = 'failed'
        and f.reason in ('expired', 'unavailable') and m.state in ('open', 'answered', 'dead')
$$;

-- A file came after all.
create or replace function forget_lost_file(organization uuid, instance uuid, file uuid) returns void
language sql
as $$
    select withdraw_notice(organization, instance, 'file_lost', 'message:' || f.message_id)
    from media f where f.organization_id = organization and f.instance_id = instance and f.id = file
$$;

-- The message that a notice's reference names; null: it names something else.
create or replace function message_about(reference text) returns bigint
language sql immutable parallel safe
as $$ select case when reference like 'message:%' then split_part(reference, ':', 2)::bigint end $$;

-- -- asking the customer to send it again

-- Whether the customer is asked to send again what is missing of a message: the settings say so, no person is there, and
-- he has neither been asked nor written since. What is open is answered by a turn, which sees what is missing; and whoever
-- was answered although his file could not be read was told so.
create or replace function may_ask(v conversations, m messages, c contacts, i instances) returns boolean
language sql stable
as $$
    select i.closed_at is null and (i.settings ->> 'ask_to_repeat') = 'true' and (i.settings ->> 'suspended') = 'false'
        and (i.settings -> 'ai' ->> 'enabled') = 'true' and not is_paused(i) and not v.self_chat and is_personal(v.chat)
        and coalesce(i.settings -> 'ai' ->> 'mode', 'Live') = 'Live' and not is_private(c) and c.opt_out is null
        and not is_owner_of(i, c.phone_key, v.id) and m.author = 'customer' and m.state <> 'open'
        and coalesce(v.human_until <= clock_timestamp(), true)
        and coalesce(v.asked_at < v.last_inbound_at, v.asked_at is null)
        and age_at(m, clock_timestamp()) <= (i.settings ->> 'max_answer_age_seconds')::double precision
        and not (m.state = 'answered' and is_unread(m))
        and not exists (
            select from messages later
            where later.conversation_id = v.id and later.author <> 'assistant' and later.id <> m.id
                and not later.placeholder and says_something(later.kind)
                and (later.place > m.place or later.sent_at > m.sent_at)
        )
$$;

-- Ask the customer whom a notice is about to send it again; `message` is oxy_ai.records.Answer. A person of the business
-- who writes first supersedes it. False: there is no need, see `may_ask`.
create or replace function ask_to_repeat(organization uuid, instance uuid, notice bigint, message jsonb) returns boolean
language plpgsql
as $$
declare
    n owner_notices;
    m messages;
    v conversations;
    t turns;
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    select * into n from owner_notices o
    where o.organization_id = organization and o.id = notice and o.outbox_id is null
        and o.kind in ('lost', 'file_lost');
    select * into m from messages o
    where o.organization_id = organization and o.id = message_about(n.reference);
    select * into v from conversations c
    where c.organization_id = organization and c.id = m.conversation_id for no key update;
    if not coalesce((
        select may_ask(v, m, c, i) from contacts c, instances i
        where c.organization_id = organization and c.id = v.contact_id and i.organization_id = organization
            and i.id = instance
    ), false) then
        return false;
    end if;
    t.conversation_id := v.id;
    t.place := v.place;
    t.based_on_epoch := (v.place).epoch;
    perform queue_text(v, t, message, newest_number(v));
    update conversations set asked_at = clock_timestamp() where organization_id = organization and id = v.id;
    perform send_queued(organization, instance);
    return true;
end $$;
