-- Pictures that a turn's tools have made: its end sends them, before its texts.

-- Add one to those of an open turn; `attachment` is oxy_ai.records.Attachment.
create or replace function attach_to_turn(organization uuid, turn bigint, attachment jsonb) returns void
language sql
as $$
    update turns t set attachments = t.attachments || jsonb_build_array(attachment)
    where t.organization_id = organization and t.id = turn
$$;

-- Add what a turn says to the outbox and to the conversation: its attachments, then its texts, in their order, and note what
-- it asks an owner. `ending`
-- is oxy_ai.records.TurnEnding.
create or replace function queue_answers(v conversations, t turns, ending jsonb) returns void
language plpgsql
as $$
declare
    answers jsonb := ending -> 'answers';
begin
    if answers <> '[]' then
        perform queue_attachment(v, t, a.attachment, a.number::smallint)
        from jsonb_array_elements(t.attachments) with ordinality a (attachment, number) order by a.number;
    end if;
    perform queue_text(v, t, answer, t.based_on) from jsonb_array_elements(answers) answer;
    perform ask_proposal(v, t, (ending ->> 'question')::uuid);
end $$;

-- Add an attachment, the turn's `number`th, to the outbox and to the conversation, once.
create or replace function queue_attachment(v conversations, t turns, attachment jsonb, number smallint) returns void
language plpgsql
as $$
begin
    insert into outbox (
        organization_id, id, instance_id, conversation_id, turn_id, part, piece, chat, content, based_on, based_on_epoch,
        trace, expires_at
    ) values (
        v.organization_id, (attachment ->> 'id')::uuid, v.instance_id, v.id, t.id,
        (attachment ->> 'part')::smallint, number, v.chat, attachment -> 'content', t.based_on,
        case when t.based_on is not null then t.based_on_epoch end, t.trace,
        now() + make_interval(secs => (attachment ->> 'keep_seconds')::double precision)
    ) on conflict (organization_id, turn_id, part, piece) do nothing;
    if found then
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, author, place, kind, body, sent_at, outbox_id
        ) values (
            v.organization_id, v.instance_id, v.id, v.chat, v.chat, 'assistant',
            case when t.conversation_id = v.id then t.place else v.place end, attachment -> 'content' ->> 'kind',
            attachment -> 'content' ->> 'caption', clock_timestamp(), (attachment ->> 'id')::uuid
        );
        perform note_message_sent(v, attachment);
    end if;
end $$;
