-- What contacts want, and who is never answered.

-- Whether a contact is family or a friend, by its own mark or by the business's list.
create or replace function is_private(c contacts) returns boolean
language plpgsql stable
as $$
begin
    return c.private or exists (
        select from private_numbers p where p.organization_id = c.organization_id and p.phone_key = c.phone_key
    );
end $$;

-- Replace the numbers of people whom no instance of the organization answers.
create or replace function list_private(organization uuid, keys text[]) returns void
language plpgsql
as $$
begin
    delete from private_numbers p where p.organization_id = organization and p.phone_key <> all (keys);
    insert into private_numbers (organization_id, phone_key)
    select distinct organization, k from unnest(keys) k on conflict do nothing;
end $$;

-- Have an instance never answer a person (oxy_ai.records.Recipient), or answer again. One who has not written yet becomes a
-- contact, so that the first message finds it so.
create or replace function mark_private(organization uuid, instance uuid, person jsonb, private_now boolean) returns void
language plpgsql
as $$
begin
    perform enter_org(organization);
    perform lock_instance(instance);
    if private_now then
        perform conversation_with(organization, instance, person);
    end if;
    update contacts set private = private_now
    where organization_id = organization and instance_id = instance and phone_key = person ->> 'phone_key';
end $$;

-- What is known of a person (oxy_ai.records.Recipient): oxy_core.contact_command.ContactAnswer.
create or replace function known_contact(organization uuid, instance uuid, person jsonb) returns jsonb
language plpgsql stable
as $$
declare
    is_listed boolean := exists (
        select from private_numbers p
        where p.organization_id = organization and p.phone_key = person ->> 'phone_key'
    );
begin
    return (
        select jsonb_build_object(
            'known', count(*) > 0, 'listed', is_listed, 'private', is_listed or coalesce(bool_or(c.private), false),
            'opt_out', min(c.opt_out)
        )
        from contacts c
        where c.organization_id = organization and c.instance_id = instance and c.phone_key = person ->> 'phone_key'
    );
end $$;

-- A contact wrote what he wishes to hear from now on (oxy_ai.records.Wish). Of two messages the later one counts, in
-- whichever order they come; whoever wants nothing at all does not want less by wanting no advertising. Owners stay owners.
create or replace function note_wish(v conversations, wish text, at place) returns void
language plpgsql
as $$
begin
    update contacts c
    set opt_out = n.opt_out, opt_out_place = at,
        opt_out_unconfirmed = c.opt_out_unconfirmed or n.opt_out is distinct from c.opt_out
    from contacts o, lateral (select opt_out_after(o.opt_out, wish) as opt_out) n
    where c.organization_id = v.organization_id and c.id = v.contact_id and coalesce(c.opt_out_place < at, true)
        and o.organization_id = c.organization_id and o.id = c.id and not v.self_chat and not is_owner(c);
end $$;

create or replace function opt_out_after(opt_out text, wish text) returns text
language sql immutable parallel safe
as $$ select case when wish = 'in' then null when opt_out = 'all' then opt_out else wish end $$;

-- The contact is told what it said last (`told` is true): that need not be confirmed again.
create or replace function confirm_opt_out(v conversations, told text) returns void
language sql
as $$
    update contacts set opt_out_unconfirmed = false
    where organization_id = v.organization_id and id = v.contact_id and told = 'true'
$$;

create or replace function is_owner(c contacts) returns boolean
language plpgsql stable
as $$
begin
    return exists (
        select from instances i
        left join conversations v on v.organization_id = c.organization_id and v.contact_id = c.id
        where i.organization_id = c.organization_id and i.id = c.instance_id and is_owner_of(i, c.phone_key, v.id)
    );
end $$;

-- Why a contact is not sent a text; null: it may leave. What nobody asked for is withheld from whoever opted out, and
-- answers too from whoever wants nothing at all, from family and friends, and from everybody while the business still tries
-- the assistant out. What confirms a wish is no answer; nor is what a person orders. `inside`: the business's own people.
create or replace function why_withheld(o outbox, c contacts, inside boolean) returns text
language sql stable parallel safe
as $$
    select case
        when o.lane <> 'reply' and c.opt_out is not null then 'OptedOut'
        when o.purpose is not null and not inside and is_private(c) then 'Private'
        when o.part not in (0, 1, 7) or o.lane <> 'reply' or inside then null
        when c.opt_out = 'all' then 'OptedOut'
        when is_private(c) then 'Private'
        when mode_of(c) = 'Draft' then 'Draft'
    end
$$;

-- Of the contact's instance: spec.ai.mode.
create or replace function mode_of(c contacts) returns text
language plpgsql stable
as $$
begin
    return (
        select i.settings -> 'ai' ->> 'mode' from instances i
        where i.organization_id = c.organization_id and i.id = c.instance_id
    );
end $$;

-- The oldest texts to send that may leave now, most urgent lane first; what their contacts do not want is closed. A
-- contact is locked meanwhile, so that an opt-out comes either before or after, not in between. It is not waited for:
-- whoever holds it may wait for the relay's row, which we hold; its texts are looked at again soon.
create or replace function texts_to_offer(
    organization uuid, instance uuid, how_many integer, out offered uuid[], out withheld bigint
)
language sql
as $$
    with oldest as materialized (
        select o.id, v.contact_id, v.self_chat from outbox o
        join conversations v on v.organization_id = organization and v.id = o.conversation_id
        where o.organization_id = organization and o.instance_id = instance and o.state = 'pending'
        order by o.lane, o.position limit how_many
    ), held as materialized (
        select c from contacts c
        where c.organization_id = organization and c.id in (select contact_id from oldest) for share skip locked
    ), judged as materialized (
        select o.id, why_withheld(o, h.c, oldest.self_chat or is_owner(h.c)) as why from oldest
        join held h on (h.c).id = oldest.contact_id
        join outbox o on o.organization_id = organization and o.id = oldest.id
    ), closed as (
        select withhold(organization, j.id, j.why) from judged j where j.why is not null
    )
    select coalesce(array_agg(j.id) filter (where j.why is null), '{}'), (select count(*) from closed) from judged j
$$;

-- Close a text that its contact does not want, unless another transaction holds it: then it is looked at again.
create or replace function withhold(organization uuid, request uuid, why text) returns void
language plpgsql
as $$
begin
    update outbox set state = 'withheld', error = why, closed_at = clock_timestamp()
    where organization_id = organization and id in (select free_texts(organization, array[request]));
end $$;
