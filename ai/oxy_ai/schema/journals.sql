-- The order of messages, as the pods' journals tell it: it does not depend on when a report arrives.

-- When a journal started: as its pod says, but before the bus got the first report that was seen, by the bus's
-- clock. The clock of a pod that says later was ahead; the journals that follow would pass for older ones.
create or replace function journal_start(item jsonb) returns timestamptz
language plpgsql
as $$
declare
    organization uuid := item ->> 'organization';
    of_instance uuid := item ->> 'instance';
    journal uuid := item -> 'report' ->> 'journal_epoch';
    start timestamptz;
begin
    select j.started_at into start from journals j where j.instance_id = of_instance and j.epoch = journal;
    if start is null then
        start := least(
            coalesce(item -> 'report' ->> 'journal_started_at', item -> 'report' ->> 'occurred_at')::timestamptz,
            (item ->> 'published_at')::timestamptz
        );
        insert into journals (organization_id, instance_id, epoch, started_at)
        values (organization, of_instance, journal, start);
        if not exists (select from journals j where j.instance_id = of_instance and j.started_at > start) then
            perform journal_began(organization, of_instance, journal);
        end if;
    end if;
    return start;
end $$;

create or replace function place_of_report(item jsonb) returns place
language plpgsql
as $$
begin
    return row(
        journal_start(item), (item -> 'report' ->> 'journal_epoch')::uuid,
        (item -> 'report' ->> 'journal_sequence')::bigint
    )::place;
end $$;

-- The numbers of a chat that have neither been seen nor given up.
create or replace function missing_numbers(seen int4multirange, lost int4multirange) returns int4multirange
language sql immutable parallel safe
as $$ select int4multirange(int4range(1, upper(seen))) - seen - lost $$;

-- How long to wait for missing numbers after another number was seen: anew for each new gap, until all are there.
create or replace function gap_end(known chat_journals, number integer, moment timestamptz, gap_wait interval)
returns timestamptz
language sql immutable parallel safe
as $$
    select case
        when number > coalesce(upper(known.seen), 1) then moment + gap_wait
        when not isempty(missing_numbers(known.seen + int4multirange(int4range(number, number, '[]')), known.lost))
            then known.gap_until
    end
$$;

-- Note a message in its chat's numbering; `written_by_person`: by a person of the business.
create or replace function note_in_journal(
    v conversations, at place, m inbound_message, written_by_person boolean, gap_wait interval
) returns void
language plpgsql
as $$
declare
    known chat_journals;
begin
    select * into known from chat_journals j where j.conversation_id = v.id and j.epoch = at.epoch;
    insert into chat_journals as j (
        organization_id, conversation_id, epoch, seen, gap_until, own_sequence, own_sent_at
    ) values (
        v.organization_id, v.id, at.epoch, int4multirange(int4range(m.chat_sequence, m.chat_sequence, '[]')),
        gap_end(known, m.chat_sequence, clock_timestamp(), gap_wait),
        case when written_by_person then at.sequence end, case when written_by_person then m.sent_at end
    ) on conflict (conversation_id, epoch) do update
    set seen = j.seen + excluded.seen, lost = j.lost - excluded.seen, gap_until = excluded.gap_until,
        own_sequence = greatest(j.own_sequence, excluded.own_sequence),
        own_sent_at = greatest(j.own_sent_at, excluded.own_sent_at);
    if known.lost @> m.chat_sequence then
        perform found_again(v, at.epoch, m.chat_sequence, known.lost);
    end if;
end $$;

-- What the owner's notice of lost messages refers to: the first of them.
create or replace function gap_reference(v conversations, epoch uuid, number integer) returns text
language sql immutable parallel safe
as $$ select format('conversation:%s:%s:%s', v.id, epoch, number) $$;

-- A message that had been given up has arrived: the notice is about those behind it, if they are missing as well.
create or replace function found_again(v conversations, epoch uuid, number integer, lost int4multirange) returns void
language plpgsql
as $$
begin
    perform withdraw_notice(v.organization_id, v.instance_id, 'lost', gap_reference(v, epoch, number));
    if lost @> number + 1 then
        perform note_for_owner(v.organization_id, v.instance_id, 'lost', gap_reference(v, epoch, number + 1));
    end if;
end $$;

-- How long a conversation waits for missing messages; null: none is missing.
create or replace function gap_until(v conversations) returns timestamptz
language plpgsql stable
as $$
begin
    return (select max(j.gap_until) from chat_journals j where j.conversation_id = v.id);
end $$;

-- Give up the missing messages that were waited for, and note for the owner those between others. What precedes the
-- first message that was seen of a journal may have been stored before, in a database that has begun anew since.
create or replace function record_gaps(v conversations) returns void
language plpgsql
as $$
begin
    perform note_for_owner(v.organization_id, v.instance_id, 'lost', gap_reference(v, j.epoch, lower(gap)))
    from chat_journals j, unnest(missing_numbers(j.seen, j.lost)) gap
    where j.conversation_id = v.id and j.gap_until is not null and lower(gap) > lower(j.seen);
    update chat_journals j set lost = j.lost + missing_numbers(j.seen, j.lost), gap_until = null
    where j.conversation_id = v.id and j.gap_until is not null;
end $$;

-- The newest number seen in the journal of the conversation's newest message; null: it has none.
create or replace function newest_number(v conversations) returns integer
language plpgsql stable
as $$
begin
    return (
        select upper(j.seen) - 1 from chat_journals j where j.conversation_id = v.id and j.epoch = (v.place).epoch
    );
end $$;

-- Move what is known of a chat's numbering to another conversation of the same chat.
create or replace function move_journals(source bigint, target bigint) returns void
language plpgsql
as $$
begin
    insert into chat_journals as j (
        organization_id, conversation_id, epoch, seen, lost, gap_until, own_sequence, own_sent_at
    )
    select s.organization_id, target, s.epoch, s.seen, s.lost, s.gap_until, s.own_sequence, s.own_sent_at
    from chat_journals s where s.conversation_id = source
    on conflict (conversation_id, epoch) do update
    set seen = j.seen + excluded.seen, lost = j.lost + excluded.lost - j.seen - excluded.seen,
        gap_until = case when not isempty(missing_numbers(j.seen + excluded.seen, j.lost + excluded.lost))
                         then greatest(j.gap_until, excluded.gap_until) end,
        own_sequence = greatest(j.own_sequence, excluded.own_sequence),
        own_sent_at = greatest(j.own_sent_at, excluded.own_sent_at);
    delete from chat_journals s where s.conversation_id = source;
end $$;
