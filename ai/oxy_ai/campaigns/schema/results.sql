-- What came of a campaign, from what is known of its texts and of what its recipients did afterwards. Nothing is counted
-- while it happens.

-- Its recipients, each with what came of the text. What a contact does counts for `credit` after it was sent, and for the
-- last campaign alone that was sent to him before.
create or replace function campaign_outcomes(organization uuid, campaign bigint, credit interval)
returns table (
    recipient bigint, contact bigint, state text, failure text, delivered boolean, read boolean, answered boolean,
    booked boolean, left_us boolean
)
language sql stable
as $$
    select r.id, r.contact_id,
        case when was_cancelled(o) then 'cancelled' when is_tried_again(k, r) then 'waiting'
             when r.state = 'queued' then coalesce(o.state, 'gone') else r.state end,
        case when r.state = 'skipped' then r.why
             when was_cancelled(o) or is_tried_again(k, r) then null
             when o.state in ('failed', 'expired', 'ambiguous', 'withheld') then coalesce(o.refusal, o.error, o.state) end,
        o.delivered_at is not null or o.read_at is not null, o.read_at is not null or o.played_at is not null,
        s.at is not null and exists (
            select from conversations v join messages m on m.conversation_id = v.id
            where v.organization_id = organization and v.contact_id = r.contact_id and m.author = 'customer'
                and m.arrived_at >= s.at and m.arrived_at < s.until
        ),
        s.at is not null and exists (
            select from bookings b
            where b.organization_id = organization and b.contact_id = r.contact_id and b.created_at >= s.at
                and b.created_at < s.until
        ),
        s.at is not null and exists (
            select from contacts c
            join conversations v on v.organization_id = organization and v.contact_id = c.id
            join messages m on m.conversation_id = v.id and m.place = c.opt_out_place
            where c.organization_id = organization and c.id = r.contact_id and c.opt_out is not null
                and m.arrived_at >= s.at and m.arrived_at < s.until
        )
    from campaign_recipients r
    join campaigns k on k.organization_id = organization and k.id = r.campaign_id
    left join outbox o on o.organization_id = organization and o.id = r.outbox_id
    left join lateral credited(r, o, credit) s on true
    where r.organization_id = organization and r.campaign_id = campaign and r.state <> 'merged'
$$;

-- Whether a recipient whose text did not leave in time gets it yet: a job looks at him again, or will once the campaign goes
-- on (resume_campaign).
create or replace function is_tried_again(k campaigns, r campaign_recipients) returns boolean
language sql stable
as $$
    select is_open_again(r) and (k.state = 'paused' or exists (
        select from jobs j
        where j.organization_id = k.organization_id and j.instance_id = k.instance_id and j.kind = 'campaign_text'
            and j.key = concat_ws(':', k.id, r.id, r.round + 1) and j.state = 'waiting'
    ))
$$;

-- Whether a text that was held did not leave because its campaign was cancelled (cancel_campaign).
create or replace function was_cancelled(o outbox) returns boolean
language sql immutable
as $$ select o.state = 'withheld' and o.error = 'CampaignCancelled' $$;

-- From when until when what a recipient does counts for this text; null: it was not sent, as far as anybody knows.
create or replace function credited(r campaign_recipients, o outbox, credit interval, out at timestamptz, out until timestamptz)
language sql stable
as $$
    select coalesce(o.accepted_at, o.closed_at), least(coalesce(o.accepted_at, o.closed_at) + credit, (
        select min(coalesce(l.accepted_at, l.closed_at)) from campaign_recipients n
        join outbox l on l.organization_id = n.organization_id and l.id = n.outbox_id
        where n.organization_id = r.organization_id and n.contact_id = r.contact_id and n.id <> r.id and was_sent(l)
            and coalesce(l.accepted_at, l.closed_at) > coalesce(o.accepted_at, o.closed_at)
    ))
    where was_sent(o)
$$;

-- Sums of these, as oxy_ai.campaigns.results.Results.
create or replace function campaign_results(organization uuid, campaign bigint, credit interval) returns jsonb
language sql stable
as $$
    with outcomes as materialized (select * from campaign_outcomes(organization, campaign, credit)), failed as (
        select f.failure, count(*) as times from outcomes f where f.failure is not null group by f.failure
    )
    select jsonb_build_object(
        'recipients', count(*),
        'waiting', count(*) filter (where u.state in ('waiting', 'held', 'pending', 'accepted')),
        'sent', count(*) filter (where u.state in ('sent', 'delivered', 'read')),
        'delivered', count(*) filter (where u.delivered), 'read', count(*) filter (where u.read),
        'answered', count(*) filter (where u.answered), 'booked', count(*) filter (where u.booked),
        'opted_out', count(*) filter (where u.left_us), 'cancelled', count(*) filter (where u.state = 'cancelled'),
        'failed', coalesce((select jsonb_object_agg(f.failure, f.times) from failed f), '{}'),
        'dead', (
            select count(*) from campaign_recipients r
            join campaigns k on k.organization_id = organization and k.id = campaign
            join jobs j on j.organization_id = organization and j.instance_id = k.instance_id
                and j.kind = 'campaign_text' and j.key = concat_ws(':', campaign, r.id, r.round)
            where r.organization_id = organization and r.campaign_id = campaign and r.state = 'waiting'
                and j.state = 'dead'
        )
    )
    from outcomes u
$$;
