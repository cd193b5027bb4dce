-- Reports that could not be stored because of what is in them. The bus keeps them whole, as dead letters and within
-- bounds; the database keeps that there was one, so that it is in the ledger and the owner is told.

-- Record a dead report, once however often it dies. `sender` is the account that sent it; `report` is {whole, reason,
-- error, message_id, chat}; its newest dead letter has `number` in the stream that began at `stream`.
-- False: nobody knows the account, so it belongs to no organization yet.
create or replace function record_dead_report(sender text, report jsonb, stream timestamptz, number bigint)
returns boolean
language plpgsql
as $$
declare
    owner record;
    known bigint;
begin
    select * into owner from owner_of_account(sender);
    if owner.organization is null then
        return false;
    end if;
    perform enter_org(owner.organization);
    insert into dead_reports as d (organization_id, instance_id, account, whole, reason, error, message_id, chat,
        stream_began, sequence)
    values (owner.organization, owner.instance, sender, report ->> 'whole', report ->> 'reason', report ->> 'error',
        report ->> 'message_id', report ->> 'chat', stream, number)
    on conflict (instance_id, whole) do update set reason = excluded.reason, error = excluded.error,
        stream_began = excluded.stream_began, sequence = excluded.sequence, discarded_at = null
    returning d.id into known;
    perform note_for_owner(owner.organization, owner.instance, 'dead_report', 'report:' || known);
    return true;
end $$;

create or replace function owner_of_account(sender text) returns table (organization uuid, instance uuid)
language sql stable security definer set search_path = public, pg_temp
as $$ select q.organization_id, q.instance_id from relay_queue q where q.account = sender $$;

-- The organizations and instances that these accounts belong to, by name; of an unknown account there is none.
create or replace function senders_of(accounts text[]) returns table (account text, organization text, instance text)
language plpgsql
as $$
declare
    sender text;
    owner record;
begin
    foreach sender in array accounts loop
        select * into owner from owner_of_account(sender);
        continue when owner.organization is null;
        perform enter_org(owner.organization);
        return query
        select sender, o.name, i.name from organizations o, instances i
        where o.id = owner.organization and i.organization_id = owner.organization and i.id = owner.instance;
    end loop;
end $$;

-- Forget a dead report whose dead letter a person has replayed or dropped, unless it has died again since.
create or replace function forget_dead_report(sender text, of_whole text, number bigint) returns void
language plpgsql
as $$
declare
    owner record;
    forgotten bigint;
begin
    select * into owner from owner_of_account(sender);
    perform enter_org(owner.organization);
    delete from dead_reports d
    where d.organization_id = owner.organization and d.instance_id = owner.instance and d.whole = of_whole
        and d.sequence <= number
    returning d.id into forgotten;
    perform withdraw_notice(owner.organization, owner.instance, 'dead_report', 'report:' || forgotten);
end $$;

-- The dead letters that the bus should have, by subject.
create or replace function kept_dead_reports() returns table (organization uuid, account text, reason text)
language plpgsql
as $$
begin
    for organization in select * from known_organizations() loop
        perform enter_org(organization);
        return query
        select distinct d.organization_id, d.account, d.reason from dead_reports d
        where d.organization_id = organization and d.discarded_at is null;
    end loop;
end $$;

-- Mark as discarded what the bus no longer has of a subject whose first dead letter is now `first`, of the stream that
-- began at `stream`. Returns how many there were, so that one of several workers counts them.
create or replace function discard_dead_reports(
    organization uuid, sender text, of_reason text, stream timestamptz, first bigint
) returns bigint
language plpgsql
as $$
declare
    gone dead_reports;
    discarded bigint := 0;
begin
    perform enter_org(organization);
    for gone in
        update dead_reports d set discarded_at = clock_timestamp()
        where d.organization_id = organization and d.account = sender and d.reason = of_reason
            and d.discarded_at is null
            and (d.stream_began < stream or d.stream_began = stream and d.sequence < first)
        returning d.*
    loop
        perform note_for_owner(organization, gone.instance_id, 'discarded_report', 'report:' || gone.id);
        discarded := discarded + 1;
    end loop;
    return discarded;
end $$;

-- Dead reports in the ledger, until a person replays or drops them.
create or replace function bad_reports(organization uuid) returns setof ledger_entry
language plpgsql stable
as $$
begin
    return query
    select 'report', d.id::text, conversation_at(d.instance_id, d.chat),
        case when d.discarded_at is null then 'dead' else 'discarded' end, d.reason,
        coalesce(d.discarded_at, d.died_at),
        case when not is_noted(organization, 'report:' || d.id) then 'the owner was not told' end
    from dead_reports d where d.organization_id = organization;
end $$;
