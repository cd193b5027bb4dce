-- From a draft to the texts of its recipients: approved, paused, resumed, cancelled.

-- Hold a campaign until the end of the transaction, so that none of its texts is queued meanwhile; all null: there is none.
create or replace function hold_campaign(organization uuid, campaign bigint) returns campaigns
language plpgsql
as $$
declare
    c campaigns;
begin
    select * into c from campaigns k where k.organization_id = organization and k.id = campaign for no key update;
    return c;
end $$;

-- A campaign's recipients are in its table: note who approved it, and queue a job for each, `pace` apart.
create or replace function approve_campaign(c campaigns, who text, expiry timestamptz, pace interval) returns bigint
language plpgsql
as $$
declare
    recipients bigint := (
        select count(*) from campaign_recipients r where r.organization_id = c.organization_id and r.campaign_id = c.id
    );
begin
    update campaigns k
    set state = 'approved', approved_by = who, approved_at = clock_timestamp(), expires_at = expiry, reach = recipients
    where k.organization_id = c.organization_id and k.id = c.id returning * into c;
    perform note_campaign(c, who, 'campaign_approved');
    perform queue_recipients(c, pace);
    return recipients;
end $$;

-- Queue a job for each recipient who waits, `pace` apart, and one that looks at those whose text may not leave in time.
create or replace function queue_recipients(c campaigns, pace interval) returns void
language sql
as $$
    select queue_recipient(
        c, w.r, (w.r).round, greatest(c.begins_at, statement_timestamp()) + pace * w.before,
        'room:promotion:' || case when c.begins_at > statement_timestamp() then 'not_before' else 'turn' end
    )
    from (
        select r, row_number() over (order by r.id) - 1 as before from campaign_recipients r
        where r.organization_id = c.organization_id and r.campaign_id = c.id and r.state = 'waiting'
    ) w;
    select queue_recipient(c, r, r.round + 1, o.expires_at, null) from campaign_recipients r
    join outbox o on o.organization_id = r.organization_id and o.id = r.outbox_id
    where r.organization_id = c.organization_id and r.campaign_id = c.id and (standing_of(r)).state = 'leaving'
        and o.expires_at < c.expires_at
$$;

create or replace function queue_recipient(
    c campaigns, r campaign_recipients, round_now integer, due timestamptz, why text
) returns bigint
language sql
as $$
    select queue_job(c.organization_id, c.instance_id, jsonb_build_object(
        'kind', 'campaign_text', 'key', concat_ws(':', c.id, r.id, round_now), 'lane', 'campaign', 'contact', r.contact_id,
        'payload', jsonb_build_object('recipient', r.id, 'round', round_now), 'due_at', due,
        'reason', why
    ))
$$;

-- Stop a campaign for a while: nothing more of it leaves. False: it is not one that sends.
create or replace function pause_campaign(organization uuid, campaign bigint, who text) returns boolean
language plpgsql
as $$
declare
    c campaigns := hold_campaign(organization, campaign);
begin
    if c.state is distinct from 'approved' then
        return false;
    end if;
    update campaigns k set state = 'paused' where k.organization_id = organization and k.id = campaign;
    perform note_campaign(c, who, 'campaign_paused');
    perform cancel_jobs(organization, c.instance_id, 'campaign_text', campaign || ':', 'CampaignPaused');
    perform hold_proactive(organization, c.instance_id, reference_of(c), 'CampaignPaused');
    return true;
end $$;

-- Go on with a paused campaign. False: it is not paused. Whose text may yet leave begins a new round as well: the pause has
-- cancelled the job that looks at him again, and no job is queued twice.
create or replace function resume_campaign(organization uuid, campaign bigint, who text, pace interval) returns boolean
language plpgsql
as $$
declare
    c campaigns := hold_campaign(organization, campaign);
begin
    if c.state is distinct from 'paused' then
        return false;
    end if;
    update campaigns k set state = 'approved' where k.organization_id = organization and k.id = campaign;
    update campaign_recipients r
    set state = 'waiting', outbox_id = null, settled_at = null, round = r.round + case r.state when 'waiting' then 1 else 2 end
    where r.organization_id = organization and r.campaign_id = campaign and (r.state = 'waiting' or is_open_again(r));
    update campaign_recipients r set round = r.round + 1
    where r.organization_id = organization and r.campaign_id = campaign and (standing_of(r)).state = 'leaving';
    perform note_campaign(c, who, 'campaign_resumed');
    perform queue_recipients(c, pace);
    perform free_proactive(organization, c.instance_id, reference_of(c));
    return true;
end $$;

-- End a campaign for good; what the number has handed to its pod already cannot be taken back. Returns how many recipients
-- get nothing now; null: it has ended before, or there is none.
create or replace function cancel_campaign(organization uuid, campaign bigint, who text) returns bigint
language plpgsql
as $$
declare
    c campaigns := hold_campaign(organization, campaign);
    cancelled bigint;
begin
    if c.state is null or c.state = 'cancelled' then
        return null;
    end if;
    update campaigns k set state = 'cancelled', ended_at = clock_timestamp()
    where k.organization_id = organization and k.id = campaign;
    perform note_campaign(c, who, 'campaign_cancelled');
    perform cancel_jobs(organization, c.instance_id, 'campaign_text', campaign || ':', 'CampaignCancelled');
    update campaign_recipients r set state = 'cancelled', settled_at = clock_timestamp()
    where r.organization_id = organization and r.campaign_id = campaign and r.state = 'waiting';
    get diagnostics cancelled = row_count;
    return cancelled + withdraw_proactive(organization, c.instance_id, reference_of(c), 'CampaignCancelled');
end $$;

-- By which the texts of a campaign are known in the outbox.
create or replace function reference_of(c campaigns) returns text
language sql immutable
as $$ select 'campaign:' || c.id $$;

create or replace function note_campaign(c campaigns, who text, what text) returns void
language sql
as $$
    insert into audit_log (organization_id, actor, action, detail) values (c.organization_id, who, what, c.name)
$$;
