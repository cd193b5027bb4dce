-- An erasure sweeps everything until it finds nothing. What it finds may have been read before by a turn, a job or a reading
-- that a worker has in hand, which writes it down once more: so the last sweep begins when all of those have ended that began
-- before something was found last. What is found is noted in the transaction that deletes it, so it does not matter where a
-- worker dies, nor how many sweep.

-- A sweep begins. Returns when, and whether nobody is at work any more who may know the person.
create or replace function begin_sweep(organization uuid, request uuid) returns table (began timestamptz, quiet boolean)
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
begin
    e := settle_found(e);
    return query select clock_timestamp(), not is_at_work(e);
end $$;

-- A sweep ends that began like that; `pattern`: by what it searched the texts of owners (pattern_of_told). Returns cleared;
-- found: something was; or waiting: something is on its way, or somebody was at work.
create or replace function end_sweep(
    organization uuid, request uuid, began timestamptz, quiet boolean, pattern text
) returns text
language plpgsql
as $$
declare
    e erasures := held_erasure(organization, request);
begin
    if e.person is null then
        return 'cleared';
    elsif e.found_at > began then
        perform settle_found(e);
        return 'found';
    elsif not quiet or is_being_told(e, pattern) then
        return 'waiting';
    end if;
    perform note_cleared(organization, request);
    return 'cleared';
end $$;

-- Something of the person was found, in `how_many` rows. When is noted after the transaction, before which others may read.
create or replace function note_found(e erasures, how_many bigint) returns bigint
language sql
as $$
    update erasures f set found_at = 'infinity'
    where how_many > 0 and f.organization_id = e.organization_id and f.id = e.id;
    select how_many
$$;

create or replace function settle_found(e erasures) returns erasures
language plpgsql
as $$
begin
    update erasures f set found_at = least(f.found_at, clock_timestamp())
    where f.organization_id = e.organization_id and f.id = e.id returning * into e;
    return e;
end $$;

-- Whether somebody is at work who began before something was found last, or hears what was said before the person was
-- forgotten.
create or replace function is_at_work(e erasures) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from conversations v join turns t on t.organization_id = v.organization_id and t.id = v.turn_id
        where v.organization_id = e.organization_id and v.lease_until is not null and t.created_at <= e.found_at
    ) or exists (
        select from jobs j
        where j.organization_id = e.organization_id and j.lease_until is not null
            and coalesce(j.claimed_at <= e.found_at, true)
    ) or exists (
        select from readings r
        join messages m on m.organization_id = r.organization_id and m.id = r.message_id
        join media f on f.organization_id = r.organization_id and f.instance_id = r.instance_id and f.id = r.media_id
        where r.organization_id = e.organization_id and r.settled_at is null and f.state = 'stored'
            and m.arrived_at <= e.made_at
            and (r.instance_id = e.instance_id or m.conversation_id = any (conversations_of_owners(e.organization_id)))
    );
end $$;
