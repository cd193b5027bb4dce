-- Recipients who turn out to be one person.

-- Whether a recipient may have got the text.
create or replace function may_have_got(r campaign_recipients) returns boolean
language sql stable
as $$ select r.state = 'queued' and coalesce(state_of_text(r) <> all ('{held,expired,withheld}'::text[]), true) $$;

-- Two contacts turn out to be one (move_contact): of two recipients of a campaign one is left, the one who may have got it.
create or replace function join_recipients() returns trigger
language plpgsql
as $$
declare
    other campaign_recipients;
begin
    select * into other from campaign_recipients r
    where r.organization_id = new.organization_id and r.campaign_id = new.campaign_id
        and r.contact_id = new.contact_id and r.id <> new.id and r.state <> 'merged'
    for no key update;
    if other.id is null or new.state = 'merged' then
        return new;
    end if;
    if new.state = 'queued' and (other.state <> 'queued' or may_have_got(new) and not may_have_got(other)) then
        perform withdraw_text(other.organization_id, other.outbox_id, 'Merged');
        update campaign_recipients r set state = 'merged', why = null, settled_at = clock_timestamp()
        where r.organization_id = other.organization_id and r.id = other.id;
        return new;
    end if;
    perform withdraw_text(new.organization_id, new.outbox_id, 'Merged');
    new.state := 'merged';
    new.why := null;
    new.settled_at := clock_timestamp();
    return new;
end $$;
