-- The text of a campaign for one recipient, queued once.

-- Whether a recipient's text ended without leaving because the day's hours were over: he gets it on another day.
create or replace function is_open_again(r campaign_recipients) returns boolean
language sql stable
as $$ select r.state = 'queued' and state_of_text(r) = 'expired' $$;

-- What has become of a recipient's text, by the outbox; null: it has none, or that is deleted.
create or replace function state_of_text(r campaign_recipients) returns text
language sql stable
as $$ select o.state from outbox o where o.organization_id = r.organization_id and o.id = r.outbox_id $$;

-- How a recipient stands for the jobs of which round: `leaving` are those whose text may yet leave, or not.
create or replace function standing_of(r campaign_recipients, out state text, out round integer)
language sql stable
as $$
    select case when r.state <> 'queued' then r.state when t.state = 'expired' then 'waiting'
                when t.state in ('held', 'pending', 'accepted') then 'leaving' else 'queued' end,
        r.round + (r.state = 'queued')::integer
    from (select state_of_text(r) as state) t
$$;

-- What decides whether a recipient gets the text now: oxy_ai.campaigns.delivery.RecipientNow; null: there is none.
create or replace function campaign_delivery(organization uuid, recipient bigint) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'campaign', campaign_document(k), 'contact', r.contact_id,
        'state', s.state, 'round', s.round,
        'opted_out', c.opt_out is not null, 'private', is_private(c),
        'room', m.at, 'shut', m.why,
        'customer', exists (
            select from customer_conversations(organization) u
            join conversations v on v.organization_id = organization and v.id = u.id
            where v.contact_id = c.id
        )
    )
    from campaign_recipients r
    join campaigns k on k.organization_id = organization and k.id = r.campaign_id
    join contacts c on c.organization_id = organization and c.id = r.contact_id
    cross join lateral standing_of(r) s
    cross join lateral proactive_room(organization, k.instance_id, r.contact_id, 'promotion') m
    where r.organization_id = organization and r.id = recipient
$$;

-- Queue a recipient's text, `message` as queue_proactive takes it, in the transaction that ends the job. If it does not leave,
-- another job looks at him `again`. False: the campaign was stopped or the recipient settled meanwhile. Conversations are
-- joined under the lock of their instance, which is taken first, so that a contact who turns out to be another recipient is
-- not written to twice.
create or replace function queue_campaign_text(
    organization uuid, recipient bigint, round_now integer, message jsonb, again timestamptz
) returns boolean
language plpgsql
as $$
declare
    r campaign_recipients;
    k campaigns;
    queued uuid;
begin
    select c.* into k from campaign_recipients w
    join campaigns c on c.organization_id = organization and c.id = w.campaign_id
    where w.organization_id = organization and w.id = recipient;
    perform lock_instance(k.instance_id);
    perform from campaigns c where c.organization_id = organization and c.id = k.id and c.state = 'approved' for share;
    if not found then
        return false;
    end if;
    select * into r from campaign_recipients w where w.organization_id = organization and w.id = recipient for no key update;
    if standing_of(r) is distinct from ('waiting'::text, round_now) then
        return false;
    end if;
    queued := queue_proactive(organization, k.instance_id, r.contact_id, message);
    perform settle_recipient(r, round_now, case when queued is null then 'NoChat' end, queued);
    if again is not null and queued is not null then
        perform queue_recipient(k, r, round_now + 1, again, null);
    end if;
    return true;
end $$;

-- Note that a recipient gets nothing, and why, in the transaction that ends the job. One whose text did not leave keeps that.
create or replace function skip_recipient(organization uuid, recipient bigint, reason text) returns void
language sql
as $$
    select settle_recipient(r, r.round, reason, null) from campaign_recipients r
    where r.organization_id = organization and r.id = recipient and r.state = 'waiting'
$$;

create or replace function settle_recipient(r campaign_recipients, round_now integer, reason text, queued uuid) returns void
language sql
as $$
    update campaign_recipients w
    set state = case when queued is null then 'skipped' else 'queued' end, why = reason, outbox_id = queued,
        round = round_now, settled_at = clock_timestamp()
    where w.organization_id = r.organization_id and w.id = r.id and w.state = r.state and w.round = r.round
$$;
