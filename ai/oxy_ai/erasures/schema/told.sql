-- What owners were told of a person, and what they and their assistant wrote that names the person, goes as a whole. Each of
-- these steps is a transaction of its own, so that it waits for nobody who waits for it: whoever acts for an owner holds the
-- proposal, then changes texts.

create or replace function erased_text() returns text
language sql immutable parallel safe
as $$ select '[apagado a pedido do titular]' $$;

-- What an owner hears who agrees to something about the person.
create or replace function withdrawn_text() returns text
language sql immutable parallel safe
as $$
    select 'Não fiz nada: era sobre alguém que pediu para ser esquecido, e já não tenho os dados dessa pessoa.'
$$;

-- A regular expression by which those texts are found, of the person's numbers and names. `shortest`: a name with fewer
-- letters tells nobody. Null: another worker has cleared everything meanwhile (note_cleared), and nothing is to be found.
create or replace function pattern_of_told(organization uuid, request uuid, shortest integer) returns text
language plpgsql
as $$
declare
    e erasures;
    names jsonb;
begin
    perform enter_org(organization);
    select * into e from erasures f where f.organization_id = organization and f.id = request;
    names := jsonb_build_object('names', telling_names(e, conversations_of_owners(organization), shortest));
    return nullif(concat_ws('|', pattern_of_numbers(e.person), pattern_of_names(names, shortest)), '');
end $$;

-- The steps, in their order: each a function forget_in_<step> of the erasure, the conversations and the pattern.
create or replace function steps_of_told() returns text[]
language sql immutable parallel safe
as $$
    select '{proposals,messages,readings,texts,drafts,steps,turns,hand_overs,jobs,closed_days,audit_log}'::text[]
$$;

-- Carry out one of these steps; returns how many rows it changed.
create or replace function forget_told(organization uuid, request uuid, step text, pattern text) returns bigint
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
    forgotten bigint;
begin
    if e.person is null then
        return 0;
    end if;
    execute format('select forget_told_%s($1, $2, $3)', step)
    into forgotten using e, conversations_of_owners(organization) || conversations_told(e), pattern;
    return note_found(e, forgotten);
end $$;

-- Whether a text to owners that tells of the person has no result yet.
create or replace function is_being_told(e erasures, pattern text) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from outbox o
        where o.organization_id = e.organization_id and o.closed_at is null
            and o.conversation_id = any (conversations_of_owners(e.organization_id) || conversations_told(e))
            and (o.id = any (e.told) or o.body ~* pattern or o.content::text ~* pattern)
    );
end $$;

-- A question that is open, or is about to be asked, is withdrawn: the turn that answers it says so.
create or replace function forget_told_proposals(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    with found as (
        select p.* from proposals p
        where p.organization_id = e.organization_id and p.intent <> erased_text()
            and (p.intent ~* pattern or p.outcome ~* pattern or p.arguments::text ~* pattern)
        order by p.id for no key update
    ), changed as (
        update proposals p
        set arguments = '{}', intent = erased_text(), ended_at = coalesce(p.ended_at, clock_timestamp()),
            state = case when f.ended_at is null then 'undone' else p.state end,
            outcome = case when f.ended_at is null then withdrawn_text() when f.outcome is not null then erased_text() end
        from found f where p.organization_id = f.organization_id and p.id = f.id
        returning p.turn_id, p.tool, f.ended_at is null as was_open
    ), logged as (
        insert into audit_log (organization_id, actor, action, turn_id, detail)
        select e.organization_id, 'erasure', 'proposal_undone', c.turn_id, c.tool || ': ' || withdrawn_text()
        from changed c where c.was_open
    )
    select count(*) into forgotten from changed;
    return forgotten;
end $$;

create or replace function forget_told_messages(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update messages m set body = erased_text(), content = null
    where m.organization_id = e.organization_id and m.conversation_id = any (owners) and (
        m.body ~* pattern or m.content::text ~* pattern
        or m.outbox_id = any (e.told) and (m.content is not null or m.body is distinct from erased_text())
    ) and not is_on_its_way(m);
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

create or replace function forget_told_readings(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update readings r set text = erased_text()
    where r.organization_id = e.organization_id and r.text ~* pattern and exists (
        select from messages m
        where m.organization_id = e.organization_id and m.id = r.message_id and m.conversation_id = any (owners)
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

create or replace function forget_told_texts(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update outbox o set body = erased_text(), content = null, as_queued = null
    where o.organization_id = e.organization_id and o.conversation_id = any (owners) and o.closed_at is not null and (
        o.body ~* pattern or o.content::text ~* pattern or o.as_queued::text ~* pattern
        or o.id = any (e.told) and o.body is distinct from erased_text()
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

create or replace function forget_told_drafts(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update drafts d set body = erased_text()
    where d.organization_id = e.organization_id and d.conversation_id = any (owners) and d.body ~* pattern;
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

-- What models answered, and what tools did. Of a turn that goes on the names go, because it goes on from there.
create or replace function forget_told_steps(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    with found as (
        select s.turn_id, s.round, t.state <> 'open' as ended from turn_steps s
        join turns t on t.organization_id = s.organization_id and t.id = s.turn_id
        where s.organization_id = e.organization_id and t.conversation_id = any (owners)
            and (s.response::text ~* pattern or s.results::text ~* pattern)
            and (t.state <> 'open' or without_names(s.response, pattern) <> s.response
                or without_names(s.results, pattern) <> s.results)
    ), deleted as (
        delete from turn_steps s using found f
        where s.organization_id = e.organization_id and s.turn_id = f.turn_id and s.round = f.round and f.ended
    ), changed as (
        update turn_steps s
        set response = without_names(s.response, pattern), results = without_names(s.results, pattern)
        from found f
        where s.organization_id = e.organization_id and s.turn_id = f.turn_id and s.round = f.round and not f.ended
    )
    select count(*) into forgotten from found;
    return forgotten;
end $$;

create or replace function forget_told_turns(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update turns t
    set hand_over = case when t.state = 'open' then without_names(t.hand_over, pattern) end,
        attachments = case when t.state = 'open' then without_names(t.attachments, pattern) else '[]' end
    where t.organization_id = e.organization_id and t.conversation_id = any (owners)
        and (t.hand_over::text ~* pattern or t.attachments::text ~* pattern) and (
            t.state <> 'open' or without_names(t.hand_over, pattern) <> t.hand_over
            or without_names(t.attachments, pattern) <> t.attachments
        );
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

create or replace function forget_told_hand_overs(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update hand_overs h set summary = erased_text()
    where h.organization_id = e.organization_id and h.conversation_id = any (owners) and h.summary ~* pattern;
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

-- Of jobs that write to owners, or to several.
create or replace function forget_told_jobs(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update jobs j
    set payload = without_names(j.payload, pattern), reason = regexp_replace(j.reason, pattern, erased_text(), 'gi')
    where j.organization_id = e.organization_id and (without_names(j.payload, pattern) <> j.payload or j.reason ~* pattern) and (
        j.contact_id is null or j.contact_id in (
            select v.contact_id from conversations v where v.organization_id = e.organization_id and v.id = any (owners)
        )
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

-- Why a day is closed, as an owner said it.
create or replace function forget_told_closed_days(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update overlays o set reason = erased_text() where o.organization_id = e.organization_id and o.reason ~* pattern;
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

create or replace function forget_told_audit_log(e erasures, owners bigint[], pattern text) returns bigint
language plpgsql
as $$
declare
    forgotten bigint;
begin
    update audit_log a set detail = erased_text()
    where a.organization_id = e.organization_id and a.detail ~* pattern and a.actor <> 'erasure';
    get diagnostics forgotten = row_count;
    return forgotten;
end $$;

-- A document without what the pattern finds in its texts.
create or replace function without_names(document jsonb, pattern text) returns jsonb
language sql immutable parallel safe
as $$
    select case jsonb_typeof(document)
        when 'string' then to_jsonb(regexp_replace(document #>> '{}', pattern, erased_text(), 'gi'))
        when 'array' then (
            select coalesce(jsonb_agg(without_names(i.item, pattern) order by i.n), '[]')
            from jsonb_array_elements(document) with ordinality i (item, n)
        )
        when 'object' then (
            select coalesce(jsonb_object_agg(f.key, without_names(f.value, pattern)), '{}') from jsonb_each(document) f
        )
        else document
    end
$$;
